"""What overtakes what: an alert of now goes before a roundup of a million, a confirmation first."""

from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from alerts.delivery.models import Batch, BatchState
from alerts.delivery.transports.base import Lane
from alerts.newsletters.models import Issue, IssueState
from alerts.subscribers.models import Frequency, Subscriber

# A confirmation that waits longer has troubles of its own, and holds up nobody.
_JUST_NOW = timedelta(seconds=10)
# The process before this one has looked twice since, and would have taken it.
_TAKEN_BY_ANOTHER = timedelta(seconds=2)


def overtaken(session: Session, lane: Lane, *, now: datetime, place: int = 0) -> bool:
    """Tell whether something waits for a worker that is more urgent than a batch of this lane.

    `place` is a process's among those of its worker: the first makes way for a confirmation at
    once, the next when it has waited so long that the first cannot cope, and so on. Were all to
    make way for one mail, a few people who sign up would halt a large issue again and again.
    """
    if lane is Lane.TRANSACTIONAL:
        return False
    confirmation = exists().where(
        Subscriber.confirmation_due_at > now - _JUST_NOW,
        Subscriber.confirmation_due_at <= now - place * _TAKEN_BY_ANOTHER,
    )
    alert = exists(
        select(Batch.id)
        .join(Issue, Issue.id == Batch.issue_id)
        .where(
            Issue.state == IssueState.SENDING,
            Issue.frequency == Frequency.IMMEDIATE,
            Batch.state == BatchState.READY,
            or_(Batch.not_before.is_(None), Batch.not_before <= now),
        )
    )
    urgent = or_(confirmation, alert) if lane is Lane.DIGEST else confirmation
    return bool(session.scalar(select(urgent)))
