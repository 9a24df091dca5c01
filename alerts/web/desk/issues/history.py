"""The history of an issue: who changed what, and an earlier version brought back."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from alerts.errors import Refused
from alerts.newsletters.editing.changes import changes_between
from alerts.newsletters.editing.composing import composition_of
from alerts.newsletters.editing.service import restore_version
from alerts.newsletters.editing.versions import get_version, history, names_for
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.staff.permissions import Permission
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm
from alerts.web.desk.issues.one import HERE, Editing, IssueId, Reading

_LARGEST = 2**31 - 1
Number = Annotated[int, Path(ge=1, le=_LARGEST)]
router = APIRouter(prefix="/issues", route_class=DeskRoute)


@router.get("/{issue_id}/history")
def show(
    desk: Reading,
    issue_id: IssueId,
    before: Annotated[int | None, Query(ge=1, le=_LARGEST)] = None,
) -> Response:
    """Show the versions of an issue, the newest first, with what each changed."""
    with desk.site.runtime.database.read() as session:
        issue = get_issue(session, issue_id)
        definition = definition_of(get_newsletter(session, issue.newsletter))
        page = history(session, issue, definition, before=before)
        context = {
            "issue": issue,
            "newsletter": definition,
            "lines": page.lines,
            "older": f"?before={page.next}" if page.next else "",
            "is_later": before is not None,
            "can_restore": _can_restore(desk, issue),
        }
        return desk.page("issue/history.html", context)


@router.get("/{issue_id}/history/{number}")
def compare(desk: Reading, issue_id: IssueId, number: Number) -> Response:
    """Show what would change if an issue said again what it said in an earlier version."""
    with desk.site.runtime.database.read() as session:
        issue = get_issue(session, issue_id)
        definition = definition_of(get_newsletter(session, issue.newsletter))
        now, then = composition_of(issue, definition), get_version(session, issue_id, number)
        names = names_for(session, definition, [now, then])
        context = {
            "issue": issue,
            "newsletter": definition,
            "number": number,
            "changes": changes_between(now, then, names),
            "can_restore": _can_restore(desk, issue),
        }
        return desk.page("issue/version.html", context)


@router.post("/{issue_id}/history/{number}/restore")
def restore(desk: Editing, fields: PostedForm, issue_id: IssueId, number: Number) -> Response:
    """Let a draft say again what it said in an earlier version."""
    base = fields.one("version")
    if not base.isdecimal():
        raise Refused("the form came in pieces; load the page anew")
    with desk.site.runtime.database.transaction() as session:
        saved = restore_version(
            session,
            issue_id,
            number,
            base=int(base),
            actor=desk.actor,
            clock=desk.site.runtime.clock,
        )
    if not saved.changed:
        return desk.done(f"{HERE}/{issue_id}/history", "It says that already.")
    line = f"It says again what it said in version {number}; this is version {saved.version}."
    return desk.done(f"{HERE}/{issue_id}/compose", line)


def _can_restore(desk: Desk, issue: Issue) -> bool:
    return issue.state is IssueState.DRAFT and desk.may(Permission.ISSUES_EDIT)
