"""When an issue is done: every batch worked off, or the rest called off."""

from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.outcome import SENT_AGAIN
from alerts.delivery.tallies import Place, tally
from alerts.errors import Refused
from alerts.newsletters.issues import move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState

CANCELLED = "issue cancelled"
# Whose worker died while the issue was cancelled: nobody knows whether they got it.
IN_DOUBT = "on the way when cancelled"
# Who was to be sent another copy, since nobody knows whether the first one arrived.
_MAY_HAVE_IT = "fate unknown, issue cancelled"


def finish_if_done(session: Session, issue_id: int, *, clock: Clock) -> bool:
    """Call an issue sent when its audience is taken and no batch is left; True when it did."""
    if not _is_done(session, issue_id):
        return False
    # Trying again by hand opens batches, and locks the issue while it does: look once more.
    session.execute(select(Issue.id).where(Issue.id == issue_id).with_for_update())
    if not _is_done(session, issue_id):
        return False
    try:
        move(session, issue_id, Event.FINISH, clock=clock)
    except Refused:
        # Two workers ended the last two batches at the same moment; the other one said it.
        return False
    return True


def _is_done(session: Session, issue_id: int) -> bool:
    open_batches = exists().where(Batch.issue_id == issue_id, Batch.state != BatchState.DONE)
    done = session.execute(
        select(Issue.id).where(
            Issue.id == issue_id,
            Issue.state == IssueState.SENDING,
            Issue.audience_at.is_not(None),
            ~open_batches,
        )
    )
    return done.scalar_one_or_none() is not None


def cancel_issue(session: Session, issue_id: int, *, clock: Clock) -> Issue:
    """Cancel an issue; whoever has not got it is skipped, with that reason.

    Messages on the wire at this moment end as they end; of those that were to be sent again, since
    nobody knows whether they arrived, nobody ever will.
    """
    issue = move(session, issue_id, Event.CANCEL, clock=clock)
    call_off(session, issue_id, Delivery.issue_id == issue_id, clock=clock)
    return issue


def call_off(session: Session, issue_id: int, of: ColumnElement[bool], *, clock: Clock) -> None:
    """End what waits among these deliveries of a cancelled issue."""
    waiting = and_(of, Delivery.state == DeliveryState.PENDING)
    ends = (
        (and_(waiting, Delivery.reason == SENT_AGAIN), DeliveryState.UNCERTAIN, _MAY_HAVE_IT),
        (waiting, DeliveryState.SKIPPED, CANCELLED),
    )
    counts = {}
    for which, state, reason in ends:
        ended = session.connection().execute(
            update(Delivery).where(which).values(state=state, reason=reason)
        )
        counts[Place(state.value)] = ended.rowcount
    tally(session, issue_id, counts, now=clock.now())


def doubt_left() -> dict[str, Any]:
    """Return what a delivery is set to that a lost worker of a cancelled issue had claimed."""
    reason = case((Delivery.reason == SENT_AGAIN, _MAY_HAVE_IT), else_=IN_DOUBT)
    return {"state": DeliveryState.UNCERTAIN, "reason": reason}
