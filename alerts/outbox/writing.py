"""Writing down what happened, for every endpoint that wants it, in the transaction of the act."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.outbox.events import EventKind
from alerts.outbox.models import DeliveryEnd, WebhookDelivery, WebhookEndpoint, WebhookEvent

# For how long an event is worth telling.
TOLD_WITHIN = timedelta(days=3)


def announce(session: Session, kind: EventKind, data: Mapping[str, Any], *, at: datetime) -> None:
    """Write an event down for the endpoints that asked for its kind; nothing where none did.

    `at` is in UTC. Paused endpoints get it when they go on.
    """
    wanting = [
        number
        for number, events in session.execute(select(WebhookEndpoint.id, WebhookEndpoint.events))
        if kind.value in events
    ]
    if wanting:
        write_event(session, kind.value, data, wanting, at=at)


def write_event(
    session: Session,
    kind: str,
    data: Mapping[str, Any],
    endpoints: Iterable[int],
    *,
    at: datetime,
) -> WebhookEvent:
    """Write an event down for these endpoints, due at once."""
    event = WebhookEvent(
        public_id=f"msg_{secrets.token_urlsafe(18)}", kind=kind, data=dict(data), at=at
    )
    session.add(event)
    session.flush()
    session.add_all(
        WebhookDelivery(
            event_id=event.id,
            endpoint_id=number,
            state=DeliveryEnd.PENDING,
            not_before=at,
            until=at + TOLD_WITHIN,
        )
        for number in endpoints
    )
    session.flush()
    return event
