"""Endpoints, and what they were told, in the form that scripts read; never a secret."""

from typing import Any

from alerts.clock import rfc3339
from alerts.outbox.models import WebhookEndpoint
from alerts.webhooks.queries import Told


def endpoint_json(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return an endpoint; `state` is `active`, `failing` or `paused`."""
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "name": endpoint.name,
        "events": endpoint.events,
        "addresses": endpoint.addresses,
        "state": state_of(endpoint),
        "paused_because": endpoint.paused_because,
        "failing_since": rfc3339(endpoint.failing_since),
        "last_success_at": rfc3339(endpoint.last_success_at),
        "secrets": len(endpoint.secrets),
        "created_at": rfc3339(endpoint.created_at),
    }


def delivery_json(told: Told) -> dict[str, Any]:
    """Return one event on its way to an endpoint; `not_before` is null once it has ended."""
    delivery, event = told
    pending = delivery.state == "pending"
    return {
        "id": delivery.id,
        "event": event.kind,
        "webhook_id": event.public_id,
        "at": rfc3339(event.at),
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "last_attempt_at": rfc3339(delivery.last_attempt_at),
        "status": delivery.last_status,
        "answer": delivery.last_answer,
        "not_before": rfc3339(delivery.not_before) if pending else None,
    }


def state_of(endpoint: WebhookEndpoint) -> str:
    """Return how an endpoint does, in a word."""
    if endpoint.paused_at is not None:
        return "paused"
    return "failing" if endpoint.failing_since is not None else "active"
