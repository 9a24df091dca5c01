"""What is checked of an issue before it goes out, and what an editor lets stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.delivery.linting import ask_for_links, findings_of
from alerts.errors import Invalid, NotFound
from alerts.newsletters.content import IssueContent
from alerts.newsletters.issues import build_content, get_issue
from alerts.newsletters.models import Issue
from alerts.rendering.lint.findings import Finding
from alerts.rendering.lint.sizes import GMAIL_CLIPS_AT, filled_size
from alerts.rendering.lint.styles import css_table
from alerts.rendering.reviewing.links import Asked
from alerts.rendering.reviewing.models import LinkCheck
from alerts.rendering.reviewing.overruling import Checked, overrule, take_back, with_overrulings
from alerts.rendering.service import USUAL_FRAME, RenderedEdition, archive_url_of
from alerts.staff.permissions import Permission
from alerts.task_queue import Queue, Task
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.looking.mending import Mending, mending_of
from alerts.web.desk.looking.renderings import rendered
from alerts.web.desk.words import sentence
from alerts.web.forms import Fields
from alerts.web.words import counted

Reading = Annotated[Desk, requires(Permission.ISSUES_READ)]
Deciding = Annotated[Desk, requires(Permission.ISSUES_APPROVE)]
router = APIRouter(prefix="/issues/{issue_id}/checks", route_class=DeskRoute)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The checks of one issue, by what is to be done about them."""

    issue: Issue
    content: IssueContent
    checked: Sequence[Checked]
    mail: RenderedEdition

    def mending(self, one: Finding) -> Mending | None:
        """Return where at the desk a finding is mended, if anywhere."""
        return mending_of(one, self.content, self.issue.id)

    @property
    def size(self) -> int:
        """How many bytes the HTML has with a reader's own links in it."""
        return filled_size(self.mail.html)

    def at(self, level: str) -> list[Checked]:
        """Return the findings of a level that stand."""
        return [one for one in self.checked if one.finding.level == level and one.stands]

    @property
    def overruled(self) -> list[Checked]:
        """The warnings that somebody let stand."""
        return [one for one in self.checked if not one.stands]

    def named(self, fingerprint: str) -> Checked:
        """Return the finding with a fingerprint; raises NotFound when it is mended."""
        found = [one for one in self.checked if one.fingerprint == fingerprint]
        if not found:
            raise NotFound("this warning is gone: what it was about has changed")
        return found[0]


@router.get("")
def show(desk: Reading, issue_id: int) -> Response:
    """Show what the checks say; links that nobody looked at of late are asked for meanwhile."""
    return _page(desk, issue_id)


@router.post("/links")
def check_links(desk: Reading, fields: PostedForm, issue_id: int) -> Response:  # noqa: ARG001 - the form's token is checked
    """Have every link of the issue looked at again."""
    asked = _ask(desk, issue_id, again=True)
    words = f"{counted(len(asked.states), 'link')} to be looked at; reload in a moment."
    return desk.done(f"{_at(issue_id)}#links", words)


@router.post("/overrule")
def let_stand(desk: Deciding, fields: PostedForm, issue_id: int) -> Response:
    """Let a warning stand, with the reason that was given."""
    runtime = desk.site.runtime
    name = desk.visit.name or desk.visit.email
    try:
        with runtime.database.transaction() as session:
            found = _sheet(desk, session, issue_id).named(fields.one("finding"))
            overrule(
                session,
                issue_id,
                found.finding,
                reason=fields.one("reason"),
                by=name,
                actor=desk.actor,
                clock=runtime.clock,
            )
    except Invalid as error:
        return _page(desk, issue_id, problem=sentence(error), fields=fields)
    return desk.done(_at(issue_id), f"Overruled, with your name and the reason on record: {name}.")


@router.post("/restore")
def restore(desk: Deciding, fields: PostedForm, issue_id: int) -> Response:
    """Let a warning count again."""
    runtime = desk.site.runtime
    with runtime.database.transaction() as session:
        take_back(session, issue_id, fields.one("finding"), actor=desk.actor, clock=runtime.clock)
    return desk.done(_at(issue_id), "The warning counts again.")


def _page(
    desk: Desk, issue_id: int, *, problem: str = "", fields: Fields | None = None
) -> Response:
    asked = _ask(desk, issue_id)
    with desk.site.runtime.database.read() as session:
        sheet = _sheet(desk, session, issue_id)
    context = {
        "issue": sheet.issue,
        "newsletter": {"title": sheet.content.newsletter_title},
        "content": sheet.content,
        "sheet": sheet,
        "links": sorted(asked.states.values(), key=_worst_first),
        "waiting": asked.waiting,
        "clips_at": GMAIL_CLIPS_AT,
        "css": css_table(),
        "may_overrule": desk.may(Permission.ISSUES_APPROVE),
        "problem": problem,
        "typed": fields or Fields(),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("look/checks.html", context, status=status)


def _sheet(desk: Desk, session: Session, issue_id: int) -> Sheet:
    issue = get_issue(session, issue_id)
    content = build_content(session, issue)
    mail = _mail(desk, session, issue, content)
    settings = desk.site.runtime.settings
    findings = findings_of(session, issue, content, mail, settings=settings)
    return Sheet(issue, content, with_overrulings(session, issue_id, findings), mail)


def _ask(desk: Desk, issue_id: int, *, again: bool = False) -> Asked:
    """Have the links of an issue looked at: write the rows, commit, then enqueue."""
    runtime = desk.site.runtime
    with runtime.database.read() as session:
        issue = get_issue(session, issue_id)
        mail = _mail(desk, session, issue, build_content(session, issue))
    with runtime.database.transaction() as session:
        asked = ask_for_links(
            session, mail, settings=runtime.settings, again=again, clock=runtime.clock
        )
    for check_id in asked.to_do:
        desk.site.queue.enqueue(Task.CHECK_LINKS, check_id, queue=Queue.PREPARATION)
    return asked


def _mail(desk: Desk, session: Session, issue: Issue, content: IssueContent) -> RenderedEdition:
    base_url = desk.site.runtime.settings.base_url
    return rendered(
        desk.site.renderer,
        content,
        USUAL_FRAME,
        archive_url=archive_url_of(session, issue, base_url),
        home_url=base_url,
    )


def _worst_first(check: LinkCheck) -> tuple[int, int]:
    ranks = {"dead": 0, "failing": 1, None: 2, "closed": 3, "moved": 4, "fine": 5}
    return ranks[check.verdict], check.id


def _at(issue_id: int) -> str:
    return f"/desk/issues/{issue_id}/checks"
