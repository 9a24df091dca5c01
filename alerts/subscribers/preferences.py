"""What readers change on their own page: newsletters, pace, places, hour, language, a pause."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import Invalid
from alerts.subscribers.consent import Origin, record_consent
from alerts.subscribers.models import ConsentAction, Subscriber, SubscriberState
from alerts.subscribers.service import unsubscribe
from alerts.subscribers.subscribing import owe_welcome, set_confirmed, subscribe
from alerts.subscribers.wishes import Offer, Wish

_HOURS = 24


@dataclass(frozen=True, slots=True)
class Habits:
    """How a reader wants mail, whatever the newsletter.

    `send_hour` (0 to 23) counts on the wall clock of `time_zone`; None leaves it to the newsletter.
    `language` is that of the frame, None for the usual one; `paused_until` is in UTC.
    """

    time_zone: str | None = None
    send_hour: int | None = None
    language: str | None = None
    plain_text: bool = False
    paused_until: datetime | None = None

    @classmethod
    def of(cls, subscriber: Subscriber) -> "Habits":
        """Return the habits as they are stored."""
        return cls(
            subscriber.time_zone,
            subscriber.send_hour,
            subscriber.language,
            subscriber.plain_text,
            subscriber.paused_until,
        )

    def words(self) -> str:
        """Return the habits on one line, as they go on record."""
        parts = [
            f"time zone {self.time_zone}" if self.time_zone else "",
            f"at {self.send_hour:02}:00" if self.send_hour is not None else "",
            f"frame in {self.language}" if self.language else "",
            "plain text" if self.plain_text else "",
            f"paused until {_day(self.paused_until, self.time_zone)}" if self.paused_until else "",
        ]
        return ", ".join(part for part in parts if part) or "as usual"


def set_preferences(
    session: Session,
    subscriber: Subscriber,
    wishes: Mapping[str, Wish],
    *,
    offers: Mapping[str, Offer],
    habits: Habits | None = None,
    way: str,
    origin: str | None = None,
    clock: Clock,
) -> bool:
    """Make the subscriptions what the wishes say: those not named end; False if nothing changed.

    Only the reader calls this, by a signed link, so newsletters may be added without confirming.
    Raises Invalid for a wish or an hour that cannot be kept.
    """
    source = Origin(way, origin)
    changed = habits is not None and _set_habits(session, subscriber, habits, source, clock)
    for slug, wish in wishes.items():
        if slug not in offers:
            raise Invalid(f"there is no newsletter {slug!r}")
        changed |= subscribe(session, subscriber, [offers[slug]], wish, "", source, clock)
    for subscription in list(subscriber.subscriptions):
        if subscription.ended_at is None and subscription.newsletter not in wishes:
            changed |= unsubscribe(
                session,
                subscriber,
                newsletter=subscription.newsletter,
                way=way,
                origin=origin,
                clock=clock,
            )
    if wishes and subscriber.state is SubscriberState.UNSUBSCRIBED:
        # The signed link reached the reader's own mailbox, which is what a confirmation shows.
        set_confirmed(session, subscriber, "", source, clock)
        changed = True
    owe_welcome(subscriber, clock)
    session.flush()
    return changed


def _set_habits(
    session: Session, subscriber: Subscriber, habits: Habits, source: Origin, clock: Clock
) -> bool:
    if habits.send_hour is not None and not 0 <= habits.send_hour < _HOURS:
        raise Invalid(f"{habits.send_hour} is no hour of a day")
    if habits == Habits.of(subscriber):
        return False
    subscriber.time_zone, subscriber.send_hour = habits.time_zone, habits.send_hour
    subscriber.language, subscriber.plain_text = habits.language, habits.plain_text
    subscriber.paused_until = habits.paused_until
    for subscription in subscriber.subscriptions:
        subscription.wish = subscription.interests.in_form(
            language=habits.language or "", plain=habits.plain_text
        ).text
    record_consent(
        session, subscriber, ConsentAction.CHANGED, source, clock, wording=habits.words()
    )
    return True


def _day(moment: datetime, time_zone: str | None) -> str:
    """Return the day of a moment on the calendar where a reader is."""
    return f"{moment.astimezone(ZoneInfo(time_zone or 'UTC')):%Y-%m-%d}"
