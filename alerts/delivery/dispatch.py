"""What a person does with an approved issue: set it off, take it back, stop it, try again.

Each use case is one change under a condition on the issue's state, and its entry in the audit log,
in one transaction: however often and from wherever it is asked for, it happens once.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.delivery.completion import cancel_issue
from alerts.delivery.retrying import Retried, retry_issue
from alerts.errors import Invalid
from alerts.newsletters.issues import get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.staff.audit import Actor, Subject, record
from alerts.task_queue import Queue, Task, TaskQueue


def set_off(
    session: Session,
    issue_id: int,
    *,
    at: datetime | None = None,
    waits: bool = True,
    actor: Actor,
    clock: Clock,
) -> Issue:
    """Send an approved issue: at a moment, or else as soon as its grace is over.

    During the grace it is planned like any other, and can be taken back: the moment stands in the
    database, so no worker starts before it. Where its newsletter gives none, or nobody waits for
    it (`waits`), it starts at once.
    Raises Invalid for a moment that is over, Refused and Conflict for what cannot be sent.
    """
    now = clock.now()
    if at is not None and at <= now:
        raise Invalid("that moment is over; name one to come")
    issue = get_issue(session, issue_id)
    grace = definition_of(get_newsletter(session, issue.newsletter)).grace_span
    if at is None and not (grace and waits):
        issue = move(session, issue_id, Event.SEND, clock=clock, actor=actor)
        record(session, actor, "issue.sent", Subject("issue", issue_id), clock=clock)
        return issue
    moment = at or now + grace
    issue = move(session, issue_id, Event.SCHEDULE, send_at=moment, clock=clock, actor=actor)
    about = Subject("issue", issue_id)
    record(session, actor, "issue.scheduled", about, clock=clock, send_at=moment, now=at is None)
    return issue


def take_back(session: Session, issue_id: int, *, actor: Actor, clock: Clock) -> Issue:
    """Take a planned issue back before it starts: it stays approved. Raises Refused."""
    issue = move(session, issue_id, Event.UNDO, clock=clock)
    record(session, actor, "issue.undone", Subject("issue", issue_id), clock=clock)
    return issue


def pause(session: Session, issue_id: int, *, actor: Actor, clock: Clock) -> Issue:
    """Stop an issue that is being sent; what is on the wire ends first. Raises Refused."""
    issue = move(session, issue_id, Event.PAUSE, clock=clock)
    record(session, actor, "issue.paused", Subject("issue", issue_id), clock=clock)
    return issue


def resume(session: Session, issue_id: int, *, actor: Actor, clock: Clock) -> Issue:
    """Go on with a paused issue. Raises Refused."""
    issue = move(session, issue_id, Event.RESUME, clock=clock)
    record(session, actor, "issue.resumed", Subject("issue", issue_id), clock=clock)
    return issue


def cancel(session: Session, issue_id: int, *, actor: Actor, clock: Clock) -> Issue:
    """Call an issue off; whoever has not got it is skipped, with that reason. Raises Refused."""
    issue = cancel_issue(session, issue_id, clock=clock)
    record(session, actor, "issue.cancelled", Subject("issue", issue_id), clock=clock)
    return issue


def retry(
    session: Session,
    issue_id: int,
    *,
    reasons: Sequence[str] | None,
    uncertain: bool,
    actor: Actor,
    clock: Clock,
) -> Retried:
    """Try deliveries again that failed for these reasons; see `retry_issue`."""
    retried = retry_issue(session, issue_id, reasons=reasons, uncertain=uncertain, clock=clock)
    if retried.deliveries:
        record(
            session,
            actor,
            "issue.retried",
            Subject("issue", issue_id),
            clock=clock,
            deliveries=retried.deliveries,
            reasons=list(retried.reasons),
        )
    return retried


def hand_on(queue: TaskQueue, issue: Issue) -> None:
    """Wake the workers for an issue, after the commit; the sweeper finds what gets lost."""
    if issue.state is IssueState.SENDING and issue.audience_at is None:
        queue.enqueue(Task.PREPARE_ISSUE, issue.id, queue=Queue.PREPARATION)
    elif issue.state is IssueState.SENDING:
        queue.enqueue(Task.SWEEP, queue=Queue.PERIODIC)
