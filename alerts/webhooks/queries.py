"""What is owed to endpoints, what they were told, and forgetting it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import NotFound
from alerts.holding import is_held
from alerts.outbox.models import DeliveryEnd, WebhookDelivery, WebhookEndpoint, WebhookEvent
from alerts.outbox.writing import TOLD_WITHIN

KEPT = timedelta(days=30)
Told = tuple[WebhookDelivery, WebhookEvent]


def owed_endpoints(session: Session, *, clock: Clock) -> list[int]:
    """Return the endpoints that something is due for and nobody works for; safe at any time.

    A restored system tells nobody anything until somebody has looked.
    """
    if is_held(session):
        return []
    now = clock.now()
    due = select(WebhookDelivery.id).where(
        WebhookDelivery.endpoint_id == WebhookEndpoint.id,
        WebhookDelivery.state == DeliveryEnd.PENDING,
        WebhookDelivery.not_before <= now,
    )
    owed = select(WebhookEndpoint.id).where(is_free(now), due.exists())
    return list(session.scalars(owed.order_by(WebhookEndpoint.id)))


def is_free(now: datetime) -> ColumnElement[bool]:
    """Return the condition that an endpoint is told things now, and nobody works for it."""
    claimed, waiting = WebhookEndpoint.claimed_until, WebhookEndpoint.not_before
    return and_(
        WebhookEndpoint.paused_at.is_(None),
        or_(claimed.is_(None), claimed <= now),
        or_(waiting.is_(None), waiting <= now),
    )


def deliveries_of(
    session: Session, endpoint_id: int, *, before: int | None = None, limit: int = 50
) -> list[Told]:
    """Return what an endpoint was told, the newest first; `before` is a delivery's number."""
    query = (
        select(WebhookDelivery, WebhookEvent)
        .join(WebhookEvent, WebhookEvent.id == WebhookDelivery.event_id)
        .where(WebhookDelivery.endpoint_id == endpoint_id)
        .order_by(WebhookDelivery.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(WebhookDelivery.id < before)
    return [(delivery, event) for delivery, event in session.execute(query)]


def redeliver(session: Session, endpoint_id: int, delivery_id: int, *, clock: Clock) -> None:
    """Tell an endpoint something again, three days long, under the same id; raises NotFound."""
    now = clock.now()
    changed = session.scalar(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.endpoint_id == endpoint_id)
        .values(state=DeliveryEnd.PENDING, not_before=now, until=now + TOLD_WITHIN, attempts=0)
        .returning(WebhookDelivery.id)
        .execution_options(synchronize_session=False)
    )
    if changed is None:
        raise NotFound(f"webhook {endpoint_id} was told nothing under the number {delivery_id}")


def with_dead(session: Session, endpoint_ids: Sequence[int]) -> set[int]:
    """Return which of the endpoints something dead is kept for."""
    dead = select(WebhookDelivery.endpoint_id).where(
        WebhookDelivery.endpoint_id.in_(endpoint_ids),
        WebhookDelivery.state == DeliveryEnd.DEAD,
    )
    return set(session.scalars(dead.distinct()))


def given_up(session: Session) -> Sequence[WebhookEndpoint]:
    """Return the endpoints that were paused because nothing got through to them."""
    return session.scalars(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.paused_at.is_not(None), WebhookEndpoint.failing_since.is_not(None))
        .order_by(WebhookEndpoint.id)
    ).all()


def old_events(now: datetime) -> ColumnElement[bool]:
    """Return the condition that events, and so what became of them, are older than thirty days."""
    return WebhookEvent.at < now - KEPT
