"""What an endpoint is told of an event: the document that is signed and posted."""

import json
from typing import Any

from sqlalchemy.orm import Session

from alerts.clock import exact
from alerts.outbox.models import WebhookEndpoint, WebhookEvent
from alerts.subscribers.models import Subscriber
from alerts.webhooks.signing import address_hash


def body_of(session: Session, event: WebhookEvent, endpoint: WebhookEndpoint, key: str) -> bytes:
    """Return the body of a request; `key` is the endpoint's newest secret.

    Who a reader is stands in it only where the endpoint asks for addresses; else a hash under that
    secret tells it to somebody who knows the address. An erased person is but a number.
    """
    data = dict(event.data)
    number = data.pop("subscriber_id", None)
    if number is not None:
        data = {"id": number} | _person(session, number, endpoint, key) | data
    document = {"type": event.kind, "timestamp": exact(event.at), "data": data}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _person(session: Session, number: int, endpoint: WebhookEndpoint, key: str) -> dict[str, Any]:
    subscriber = session.get(Subscriber, number)
    if endpoint.addresses:
        return {"email": subscriber.email if subscriber else None}
    return {"address_hash": address_hash(key, subscriber.email_key) if subscriber else None}
