"""A subscriber in the form that scripts read."""

from typing import Any

from alerts.clock import rfc3339
from alerts.regions import REGIONS
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Subscriber, Subscription


def subscriber_json(subscriber: Subscriber, links: SubscriberLinks) -> dict[str, Any]:
    """Return a subscriber with the subscriptions in force and the person's own links."""
    return {
        "email": subscriber.email,
        "name": subscriber.name,
        "state": subscriber.state.value,
        "time_zone": subscriber.time_zone,
        "created_at": rfc3339(subscriber.created_at),
        "confirmed_at": rfc3339(subscriber.confirmed_at),
        "subscriptions": [
            _subscription(subscription)
            for subscription in subscriber.subscriptions
            if subscription.ended_at is None
        ],
        "preferences_url": links.preferences_url(subscriber.public_id),
        "unsubscribe_url": links.unsubscribe_url(subscriber.public_id),
    }


def _subscription(subscription: Subscription) -> dict[str, Any]:
    return {
        "newsletter": subscription.newsletter,
        "frequency": subscription.frequency.value,
        "regions": [REGIONS[slug].name for slug in subscription.regions if slug in REGIONS],
        "started_at": rfc3339(subscription.started_at),
    }
