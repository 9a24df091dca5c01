"""The sweeper: finds in the database what should be moving and hands it to the workers again.

The broker may lose everything at any moment; what it lost is due here within a minute.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.delivery.completion import call_off, doubt_left, finish_if_done
from alerts.delivery.kept import forget_report
from alerts.delivery.leases import lapsed
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.preparation import queue_for, unprepared_issues
from alerts.delivery.rising import pause_all_rising
from alerts.delivery.tallies import Place, tally
from alerts.errors import Refused
from alerts.holding import is_held
from alerts.newsletters.archive.entering import enter_missing
from alerts.newsletters.issues import move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState
from alerts.rendering.withdrawals import retract_withdrawn
from alerts.shared_clock import look_at
from alerts.task_queue import Queue, Task

log = structlog.get_logger(__name__)

# A batch that was enqueued this long ago and has not begun is enqueued again: its message was
# lost, or waits behind others, and then the second one finds nothing left to do.
LOST_AFTER = timedelta(minutes=2)
_MOST_AT_ONCE = 2_000
# A little more than the time between two sweeps of a worker: no start falls between them.
_SOON = timedelta(seconds=25)
_MOST_SOON = 20
# The clock has to have passed the moment.
_JUST_AFTER = timedelta(milliseconds=20)


@dataclass(frozen=True, slots=True)
class Due:
    """A task to enqueue once the sweep is committed."""

    task: Task
    id: int
    queue: Queue


def sweep(session: Session, *, clock: Clock, lost_after: timedelta = LOST_AFTER) -> list[Due]:
    """Return all delivery work that is due and not under way; safe to run at any time.

    A batch that was handed over `lost_after` ago and has not begun is handed over again.
    """
    if is_held(session):
        # A restored system: somebody looks at what is due first.
        return []
    # What seems over may be of somebody who saw the clock set back before we did.
    look_at(clock, again=True)
    # First, or an issue would leave with what its authors have taken back.
    for issue in retract_withdrawn(session, clock=clock):
        log.warning("withdrawn_left_issue", issue=issue.id, why=issue.attention)
    _start_scheduled(session, clock=clock)
    enter_missing(session)
    pause_all_rising(session, clock=clock)
    _finish(session, clock=clock)
    _settle_cancelled(session, clock=clock)
    unprepared = [
        Due(Task.PREPARE_ISSUE, issue_id, Queue.PREPARATION)
        for issue_id in unprepared_issues(session)
    ]
    return unprepared + _due_batches(session, clock=clock, lost_after=lost_after)


def soon_starting(session: Session, *, clock: Clock) -> list[timedelta]:
    """Return how long it is until each planned issue starts that does so before the next sweep.

    Whoever sweeps again after each of these has them start on the second.
    """
    now = clock.now()
    moments = session.scalars(
        select(Issue.send_at)
        .where(
            Issue.state == IssueState.SCHEDULED, Issue.send_at > now, Issue.send_at <= now + _SOON
        )
        .distinct()
        .order_by(Issue.send_at)
        .limit(_MOST_SOON)
    )
    return [moment - now + _JUST_AFTER for moment in moments if moment is not None]


def _start_scheduled(session: Session, *, clock: Clock) -> None:
    due = session.execute(
        select(Issue.id)
        .where(Issue.state == IssueState.SCHEDULED, Issue.send_at <= clock.now())
        .order_by(Issue.send_at)
    )
    for issue_id in due.scalars().all():
        try:
            move(session, issue_id, Event.SEND, clock=clock)
        except Refused:
            # Cancelled, or started by another sweeper, since we looked.
            log.info("scheduled_issue_gone", issue=issue_id)


def _finish(session: Session, *, clock: Clock) -> None:
    sending = select(Issue.id).where(
        Issue.state == IssueState.SENDING, Issue.audience_at.is_not(None)
    )
    for issue_id in session.execute(sending).scalars().all():
        finish_if_done(session, issue_id, clock=clock)


def _settle_cancelled(session: Session, *, clock: Clock) -> None:
    """End what a worker gave back, or lost with its life, after an issue was cancelled.

    It stands in batches that are not done; they are found first, since no index of the ledger
    tells what is pending. They are done with it.
    """
    abandoned = lapsed(clock)
    open_batches = session.execute(
        select(Batch.id, Batch.issue_id)
        .join(Issue, Issue.id == Batch.issue_id)
        .where(Issue.state == IssueState.CANCELLED, or_(Batch.state == BatchState.READY, abandoned))
        .order_by(Batch.id)
        .limit(_MOST_AT_ONCE)
    ).all()
    issues = {row.id: row.issue_id for row in open_batches}
    given_back = _close(session, Batch.state == BatchState.READY, list(issues))
    # Whoever lives on all the same finds its lease gone, and notes what was accepted by itself.
    lost = _close(session, abandoned, list(issues))
    by_issue: defaultdict[int, list[int]] = defaultdict(list)
    for number in (*given_back, *lost):
        by_issue[issues[number]].append(number)
    for issue_id, batches in by_issue.items():
        call_off(session, issue_id, Delivery.batch_id.in_(batches), clock=clock)
        # Whoever died may have done so hours after it was called off.
        forget_report(session, issue_id)
    _leave_in_doubt(session, lost, clock=clock)


def _close(session: Session, where: ColumnElement[bool], batches: Sequence[int]) -> Sequence[int]:
    """Take these batches from everybody, for good; return which still were as they were found."""
    if not batches:
        return []
    closed = session.execute(
        update(Batch)
        .where(Batch.id.in_(batches), where)
        .values(state=BatchState.DONE, fence=Batch.fence + 1, lease_until=None)
        .returning(Batch.id)
        .execution_options(synchronize_session=False)
    )
    return closed.scalars().all()


def _leave_in_doubt(session: Session, batches: Sequence[int], *, clock: Clock) -> None:
    """End what lost workers had claimed: nobody knows what became of it."""
    if not batches:
        return
    ended = session.execute(
        update(Delivery)
        .where(Delivery.batch_id.in_(batches), Delivery.state == DeliveryState.SENDING)
        .values(doubt_left())
        .returning(Delivery.issue_id)
        .execution_options(synchronize_session=False)
    )
    for issue_id, count in Counter(ended.scalars()).items():
        uncertain = {Place(DeliveryState.UNCERTAIN.value): count}
        tally(session, issue_id, uncertain, now=clock.now())


def _due_batches(session: Session, *, clock: Clock, lost_after: timedelta) -> list[Due]:
    now = clock.now()
    ready = and_(
        Batch.state == BatchState.READY,
        or_(Batch.not_before.is_(None), Batch.not_before <= now),
        or_(Batch.enqueued_at.is_(None), Batch.enqueued_at <= now - lost_after),
    )
    abandoned = lapsed(clock)
    due = session.execute(
        select(Batch.id, Issue.frequency)
        .join(Issue, Issue.id == Batch.issue_id)
        .where(Issue.state == IssueState.SENDING, or_(ready, abandoned))
        .order_by(Batch.id)
        .limit(_MOST_AT_ONCE)
    ).all()
    session.execute(
        update(Batch)
        .where(Batch.id.in_([row.id for row in due]))
        .values(enqueued_at=now)
        .execution_options(synchronize_session=False)
    )
    return [Due(Task.SEND_BATCH, row.id, queue_for(row.frequency)) for row in due]
