"""What overtakes what: an alert of now goes before a roundup of a million.

Single mails to people who wait at the screen need nobody's place: they go beside the batches.
"""

from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from alerts.delivery.models import Batch, BatchState
from alerts.delivery.transports.base import Lane
from alerts.newsletters.models import Issue, IssueState
from alerts.subscribers.models import Frequency


def overtaken(session: Session, lane: Lane, *, now: datetime) -> bool:
    """Tell whether something waits for a worker that is more urgent than a batch of this lane."""
    if lane is not Lane.DIGEST:
        return False
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
    return bool(session.scalar(select(alert)))
