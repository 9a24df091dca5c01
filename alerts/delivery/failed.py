"""Why deliveries of an issue failed: the one count that everything goes by that tells of it."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from alerts.delivery.models import Delivery, DeliveryState


class FailedFor(NamedTuple):
    """How many deliveries failed for a reason, empty where there is none, and the first of them."""

    reason: str
    deliveries: int
    first: int


def failed(issue_id: int) -> ColumnElement[bool]:
    """Return the condition for the deliveries of an issue that failed."""
    return and_(Delivery.issue_id == issue_id, Delivery.state == DeliveryState.FAILED)


def failed_for(session: Session, issue_id: int) -> list[FailedFor]:
    """Return why deliveries of an issue failed, the commonest reason first."""
    reason = func.coalesce(Delivery.reason, "")
    counted = session.execute(
        select(reason, func.count(), func.min(Delivery.id))
        .where(failed(issue_id))
        .group_by(reason)
        .order_by(func.count().desc(), reason)
    )
    return [FailedFor(*row) for row in counted]
