"""Approving an issue, and what follows a scheduled run where nobody has to approve."""

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.linting import findings_of
from alerts.errors import AlertsError, Conflict, Refused
from alerts.newsletters.content import IssueContent
from alerts.newsletters.issues import build_content, freeze, get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, Run, RunOutcome
from alerts.newsletters.scheduling import fail_run, run_schedule
from alerts.newsletters.second_person import check_approver
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.rendering.lint import Finding
from alerts.rendering.models import Edition
from alerts.rendering.service import RenderedEdition, Renderer, archive_url_of, edition_for
from alerts.staff.audit import Actor

log = structlog.get_logger(__name__)


def render_issue(
    session: Session, issue: Issue, *, settings: Settings, renderer: Renderer
) -> RenderedEdition:
    """Return the whole issue as it would be mailed now, with slots; stores nothing."""
    return renderer.render(
        build_content(session, issue),
        archive_url=archive_url_of(session, issue, settings.base_url),
        home_url=settings.base_url,
    )


def lint_issue(
    session: Session, issue: Issue, *, settings: Settings, renderer: Renderer
) -> list[Finding]:
    """Return what is wrong with an issue, errors first."""
    content = build_content(session, issue)
    rendered = render_issue(session, issue, settings=settings, renderer=renderer)
    return findings_of(session, issue, content, rendered, settings=settings)


def approve_issue(
    session: Session,
    issue_id: int,
    *,
    by: str,
    settings: Settings,
    renderer: Renderer,
    clock: Clock,
    actor: Actor | None = None,
    version: int | None = None,
) -> Edition:
    """Freeze an issue and store the edition that holds all of it; what is sent follows from it.

    Raises Refused when the lint finds an error, or when the issue is no draft any more; also where
    its newsletter wants a second person, and `actor` is nobody or changed it last. Raises Conflict
    when it is not in the `version` any more that was looked at.
    """
    issue = get_issue(session, issue_id)
    if version is not None and version != issue.version:
        raise Conflict(
            f"issue {issue_id} was changed since you opened this page; look at it as it is now, and"
            " approve that"
        )
    check_approver(session, issue, actor)
    errors = [
        finding
        for finding in lint_issue(session, issue, settings=settings, renderer=renderer)
        if finding.level == "error"
    ]
    if errors:
        raise Refused(
            f"issue {issue_id} cannot be approved: {errors[0].message} ({errors[0].fix})"
            + (
                f"; and {len(errors) - 1} more, see `alerts issue lint {issue_id}`"
                * bool(errors[1:])
            )
        )
    freeze(session, issue, by=by, message_domain=_domain(session, issue, settings), clock=clock)
    content = IssueContent.from_json(issue.content or {})
    return edition_for(
        session,
        issue,
        content,
        content.item_keys,
        renderer=renderer,
        base_url=settings.base_url,
        clock=clock,
    )


def publish_run(
    database: Database, run_id: int, *, settings: Settings, renderer: Renderer, clock: Clock
) -> int | None:
    """Work off a scheduled run; return the id of an issue to be prepared for sending, or None.

    An issue of a newsletter that wants approval stays a draft. All is one transaction: a crash
    leaves the run claimed, and the sweeper has it done again. What an editor has to mend ends the
    run as failed, with the reason.
    """
    try:
        with database.transaction() as session:
            run = run_schedule(session, run_id, clock=clock)
            if run.outcome is not RunOutcome.DRAFTED or run.issue_id is None:
                return None
            if definition_of(get_newsletter(session, run.newsletter)).approval != "automatic":
                return None
            return _send_at_once(session, run, settings=settings, renderer=renderer, clock=clock)
    except AlertsError as error:
        # A newsletter that was changed meanwhile, a template with a mistake: trying again every
        # minute mends neither. The articles stay due for the next run.
        _fail(database, run_id, str(error))
        return None
    except DBAPIError:
        # The database went away, or wants the transaction again: the sweeper comes back to it.
        raise
    except Exception as defect:
        _fail(database, run_id, f"a defect of the program: {type(defect).__name__}: {defect}")
        raise


def _fail(database: Database, run_id: int, reason: str) -> None:
    with database.transaction() as session:
        fail_run(session, run_id, reason)
    log.warning("run_failed", run=run_id, reason=reason)


def _send_at_once(
    session: Session, run: Run, *, settings: Settings, renderer: Renderer, clock: Clock
) -> int | None:
    issue_id = run.issue_id
    if issue_id is None or get_issue(session, issue_id).state != "draft":
        return None
    try:
        approve_issue(
            session, issue_id, by="schedule", settings=settings, renderer=renderer, clock=clock
        )
    except Refused as error:
        # The draft stays for an editor, and the run says why it did not go out.
        run.reason = str(error)
        return None
    move(session, issue_id, Event.SEND, clock=clock)
    run.outcome = RunOutcome.SENDING
    return issue_id


def _domain(session: Session, issue: Issue, settings: Settings) -> str:
    sender = definition_of(get_newsletter(session, issue.newsletter)).sender
    return sender.rpartition("@")[2].rstrip("> ") if sender else settings.sender_domain
