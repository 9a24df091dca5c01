"""A draft's numbers, corrected by hand; double issues."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from alerts.errors import Invalid, Refused
from alerts.newsletters.editing.renumbering import renumber_issue
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import IssueState
from alerts.newsletters.numbering import Numbers, changed, printed
from alerts.newsletters.numbers import free_numbers, numbers_of
from alerts.newsletters.service import get_newsletter
from alerts.staff.permissions import Permission
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.words import sentence
from alerts.web.forms import Fields

router = APIRouter(prefix="/issues", route_class=DeskRoute)
Composing = Annotated[Desk, requires(Permission.ISSUES_EDIT)]


@router.get("/{issue_id}/number")
def show(desk: Composing, issue_id: int) -> Response:
    """Show an issue's numbers, and the form that corrects those of a draft."""
    return _page(desk, issue_id)


@router.post("/{issue_id}/number")
def correct(desk: Composing, fields: PostedForm, issue_id: int) -> Response:
    """Give a draft other numbers, or let it stand for two, or for one again."""
    clock = desk.site.runtime.clock
    try:
        with desk.site.runtime.database.transaction() as session:
            before, wanted = _wanted(numbers_of(get_issue(session, issue_id)), fields)
            done = renumber_issue(
                session, issue_id, wanted, seen=before, actor=desk.actor, clock=clock
            )
    except (Invalid, Refused) as error:
        return _page(desk, issue_id, problem=sentence(error), fields=fields)
    words = f"The issue is {done.after.label}."
    if not done.texts_follow:
        words += f" Its subject was written by hand and stays: “{done.issue.subject}”."
    return desk.done(f"/desk/issues/{issue_id}/number", words)


def _wanted(before: Numbers | None, fields: Fields) -> tuple[Numbers, Numbers]:
    """Return the numbers an issue has and those it is to have; raises Refused and Invalid."""
    if before is None:
        raise Refused("the issue was dropped and has given its number back")
    if fields.one("was") != before.label:
        raise Refused(
            f"somebody else has changed the numbers meanwhile: they are {before.label} now"
        )
    count = fields.one("count")
    if count:
        return before, changed(before, count=2 if count == "2" else 1)
    return before, changed(
        before,
        number=fields.one("number"),
        volume=fields.one("volume"),
        volume_number=fields.one("volume_number"),
    )


def _page(
    desk: Desk, issue_id: int, *, problem: str = "", fields: Fields | None = None
) -> Response:
    with desk.site.runtime.database.read() as session:
        issue = get_issue(session, issue_id)
        numbers = numbers_of(issue)
        free = free_numbers(session, issue.newsletter, issue.frequency)
        context = {
            "issue": issue,
            "newsletter": get_newsletter(session, issue.newsletter),
            "is_draft": issue.state is IssueState.DRAFT,
            "numbers": numbers,
            "free": free,
            "problem": problem,
        }
    stored = (
        {
            "number": printed(numbers.number, numbers.count),
            "volume": printed(numbers.volume),
            "volume_number": printed(numbers.volume_number, numbers.count),
        }
        if numbers
        else {}
    )
    typed = {name: fields.one(name) for name in stored} if fields and fields.one("number") else {}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("newsletter/number.html", context | {"typed": stored | typed}, status=status)
