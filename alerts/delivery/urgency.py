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


def overtaken(session: Session, lane: Lane, *, now: datetime) -> bool:
    """Tell whether something waits for a worker that is more urgent than a batch of this lane."""
    if lane is Lane.TRANSACTIONAL:
        return False
    confirmation = exists().where(
        Subscriber.confirmation_due_at > now - _JUST_NOW, Subscriber.confirmation_due_at <= now
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
