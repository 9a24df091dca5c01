"""The reader behind a personal link, and what the pages say about them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from alerts.articles.countries import country_name
from alerts.subscribers.models import Frequency, Subscriber, Subscription
from alerts.subscribers.queries import by_public_id
from alerts.task_queue import Queue, Task
from alerts.web.failures import BadLink
from alerts.web.public.catalogue import Entry, Pace
from alerts.web.site import Site
from alerts.web.words import day_in_words, moment_in_words


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reader will get of one newsletter, in words; what is not known is empty.

    `next_words` is on the reader's own wall clock, where that is known.
    """

    title: str
    often: str
    size: str
    places: tuple[str, ...]
    topics: tuple[str, ...]
    series: tuple[str, ...]
    next_words: str

    @property
    def narrowed(self) -> tuple[str, ...]:
        """Topics and series, as they narrow what comes."""
        return (*self.topics, *self.series)


def reader_of(session: Session, public_id: str) -> Subscriber:
    """Return the subscriber a link stands for; raise BadLink for one who is no longer there."""
    subscriber = by_public_id(session, public_id)
    if subscriber is None:
        raise BadLink
    return subscriber


def enqueue_welcomes(site: Site, subscriber: Subscriber) -> None:
    """Have the welcomes sent that are owed to a reader, after the commit."""
    for subscription in running(subscriber):
        if subscription.welcome_due_at is not None:
            site.queue.enqueue(Task.SEND_WELCOME, subscription.id, queue=Queue.TRANSACTIONAL)


def running(subscriber: Subscriber) -> list[Subscription]:
    """Return the subscriptions that have not ended."""
    return [one for one in subscriber.subscriptions if one.ended_at is None]


def expected(subscriber: Subscriber, entries: dict[str, Entry]) -> list[Expected]:
    """Return what will arrive, newsletter by newsletter."""
    return [
        _expected(subscriber, one, entries[one.newsletter])
        for one in running(subscriber)
        if one.newsletter in entries
    ]


def _expected(subscriber: Subscriber, subscription: Subscription, entry: Entry) -> Expected:
    pace = entry.pace(subscription.frequency)
    interests = subscription.interests
    # A wish made for several newsletters at once may name regions that this one never covers.
    regions = tuple(slug for slug in interests.regions if slug in entry.covered)
    next_at = next_for(subscriber, pace, at_own_hour=entry.readers_hour)
    return Expected(
        title=entry.offer.title,
        often=_often(pace, next_at),
        size=_size(pace, is_narrow=bool(subscription.wish)),
        places=(
            *(regions or interests.regions),
            *(country_name(code) for code in interests.countries),
        ),
        topics=interests.topics,
        series=interests.series,
        next_words=moment_in_words(next_at, own=subscriber.time_zone is not None)
        if next_at
        else "",
    )


def next_for(subscriber: Subscriber, pace: Pace, *, at_own_hour: bool) -> datetime | None:
    """Return when a reader's next issue is due, on their own wall clock where that is known."""
    if pace.next_at is None:
        return None
    zone = ZoneInfo(subscriber.time_zone) if subscriber.time_zone else pace.next_at.tzinfo
    moment = pace.next_at.astimezone(zone)
    if at_own_hour and subscriber.send_hour is not None:
        at_hour = moment.replace(hour=subscriber.send_hour, minute=0, second=0, microsecond=0)
        moment = at_hour if at_hour >= moment else at_hour + timedelta(days=1)
    return moment


def paused_in_words(subscriber: Subscriber, now: datetime) -> str:
    """Return the day on which a pause ends, empty where there is none."""
    if subscriber.paused_until is None or subscriber.paused_until <= now:
        return ""
    zone = ZoneInfo(subscriber.time_zone or "UTC")
    return day_in_words(subscriber.paused_until.astimezone(zone).date())


def _often(pace: Pace, next_at: datetime | None) -> str:
    if pace.frequency is Frequency.WEEKLY and next_at is not None:
        return f"{next_at:%A}s"
    return pace.words


def _size(pace: Pace, *, is_narrow: bool) -> str:
    if not pace.pieces or pace.frequency is Frequency.IMMEDIATE:
        return ""
    words = "1 article" if pace.pieces == 1 else f"{pace.pieces} articles"
    return f"up to {words}" if is_narrow else f"about {words}"
