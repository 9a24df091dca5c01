"""When an issue is done: every batch worked off, or the rest called off."""

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.tallies import Place, tally
from alerts.errors import Refused
from alerts.newsletters.issues import move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState

CANCELLED = "issue cancelled"
# Whose worker died while the issue was cancelled: nobody knows whether they got it.
IN_DOUBT = "on the way when cancelled"


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

    Messages on the wire at this moment end as they end.
    """
    issue = move(session, issue_id, Event.CANCEL, clock=clock)
    called_off = session.connection().execute(
        update(Delivery)
        .where(Delivery.issue_id == issue_id, Delivery.state == DeliveryState.PENDING)
        .values(state=DeliveryState.SKIPPED, reason=CANCELLED)
    )
    skipped = {Place(DeliveryState.SKIPPED.value): called_off.rowcount}
    tally(session, issue_id, skipped, now=clock.now())
    return issue
