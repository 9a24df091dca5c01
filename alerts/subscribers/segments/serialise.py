"""Segments, and who is in them, in the form that scripts read."""

from typing import Any

from alerts.clock import rfc3339
from alerts.subscribers.models import Subscriber
from alerts.subscribers.segments.models import Segment


def segment_json(segment: Segment) -> dict[str, Any]:
    """Return a saved segment."""
    return {
        "slug": segment.slug,
        "name": segment.name,
        "query": segment.query,
        "description": segment.description,
        "created_at": rfc3339(segment.created_at),
        "updated_at": rfc3339(segment.updated_at),
    }


def member_json(subscriber: Subscriber) -> dict[str, Any]:
    """Return a reader who matches."""
    return {
        "id": subscriber.id,
        "email": subscriber.email,
        "name": subscriber.name,
        "state": subscriber.state.value,
    }
