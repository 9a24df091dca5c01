"""The reader behind a personal link, and what the pages say about them."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from alerts.subscribers.models import Subscriber, Subscription
from alerts.subscribers.queries import by_public_id
from alerts.web.failures import BadLink
from alerts.web.public.catalogue import Entry


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reader will get of one newsletter, in words."""

    title: str
    often: str
    regions: tuple[str, ...]
    next_words: str


def reader_of(session: Session, public_id: str) -> Subscriber:
    """Return the subscriber a link stands for; raise BadLink for one who is no longer there."""
    subscriber = by_public_id(session, public_id)
    if subscriber is None:
        raise BadLink
    return subscriber


def running(subscriber: Subscriber) -> list[Subscription]:
    """Return the subscriptions that have not ended."""
    return [one for one in subscriber.subscriptions if one.ended_at is None]


def expected(subscriptions: Iterable[Subscription], entries: dict[str, Entry]) -> list[Expected]:
    """Return what will arrive, newsletter by newsletter."""
    return [
        _expected(one, entries[one.newsletter])
        for one in subscriptions
        if one.newsletter in entries
    ]


def _expected(subscription: Subscription, entry: Entry) -> Expected:
    pace = entry.pace(subscription.frequency)
    wished = tuple(subscription.regions)
    # A wish made for several newsletters at once may name regions that this one never covers.
    named = tuple(slug for slug in wished if slug in entry.covered) or wished
    return Expected(entry.offer.title, pace.words, named, pace.next_words)
