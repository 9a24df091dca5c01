"""Sending one issue: test mails, approval, when it leaves, and what can be done on its way."""

from http import HTTPStatus
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from alerts.delivery.reporting import kept_report
from alerts.delivery.status_codes import in_words
from alerts.newsletters.issues import issue_alone
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.second_person import approver, last_editor, wants_second
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.staff.models import StaffAccount
from alerts.staff.permissions import Permission
from alerts.subscribers.segments.service import Segments
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, requires
from alerts.web.desk.sending.look import failures_in_words, look_at
from alerts.web.forms import Fields
from alerts.web.words import moment_in_words

Reading = Annotated[Desk, requires(Permission.ISSUES_READ)]
router = APIRouter(prefix="/issues/{issue_id}", route_class=DeskRoute)

_RETRIED = frozenset({IssueState.SENT, IssueState.SENDING, IssueState.PAUSED})


def address_of(issue_id: int) -> str:
    """Return the path under which all of an issue's rooms stand."""
    return f"/desk/issues/{issue_id}"


def here(issue_id: int) -> str:
    """Return the path of an issue's page of sending."""
    return f"{address_of(issue_id)}/send"


@router.get("/send")
def show(desk: Reading, issue_id: int) -> Response:
    """Show where an issue stands on its way, and what comes next."""
    return send_page(desk, issue_id)


def send_page(
    desk: Desk,
    issue_id: int,
    *,
    problems: dict[str, str] | None = None,
    typed: Fields | None = None,
) -> Response:
    """Render the page of sending, with what was typed and what is wrong with it, at its field."""
    runtime = desk.site.runtime
    kept = kept_report(runtime.database, issue_id, clock=runtime.clock)
    with runtime.database.read() as session:
        issue = issue_alone(session, issue_id)
        context = _context(desk, session, issue)
    failures: dict[str, int] = kept.figures["failures"] if kept else {}
    if kept:
        context["look"] = context["look"].with_figures(kept.figures)
    context |= {
        "reasons": [(why, count, in_words(why)) for why, count in failures.items()],
        "uncertain": kept.figures["uncertain"] if kept else 0,
        "problems": problems or {},
        "typed": typed or Fields(),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK
    if problems:
        context["problem"] = next(iter(problems.values()))
    return desk.page("send/send.html", context, status=status)


def _context(desk: Desk, session: Session, issue: Issue) -> dict[str, Any]:
    clock = desk.site.runtime.clock
    newsletter = get_newsletter(session, issue.newsletter)
    definition = definition_of(newsletter)
    look = look_at(session, issue.id, now=clock.now())
    account_id = approver(session, issue.id) if issue.approved_at else None
    account = session.get(StaffAccount, account_id) if account_id else None
    return {
        "issue": issue,
        "address": address_of(issue.id),
        "newsletter": newsletter,
        "zone": definition.time_zone,
        "grace": "" if not definition.grace_span else definition.grace,
        "look": look,
        "failures": failures_in_words(look.standing),
        "can_retry": issue.state in _RETRIED,
        "approved_by": (account.name or account.shown) if account else issue.approved_by,
        "second": wants_second(session, issue),
        "is_last_editor": last_editor(session, issue.id) == desk.visit.account_id,
        "leaves": in_zone(issue, definition.time_zone),
        "test_group": definition.test_group,
        "segments": Segments(session, clock=clock).all(),
    }


def in_zone(issue: Issue, zone: str) -> str:
    """Return when an issue leaves, on its newsletter's wall clock; empty where no time is set."""
    return moment_in_words(issue.send_at.astimezone(ZoneInfo(zone))) if issue.send_at else ""
