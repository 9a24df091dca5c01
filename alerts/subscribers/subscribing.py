"""Subscriptions as they begin, change and are confirmed; each step goes on record."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.outbox.events import EventKind
from alerts.outbox.writing import announce
from alerts.subscribers.consent import Origin, record_consent
from alerts.subscribers.interests import Interests
from alerts.subscribers.models import (
    ConsentAction,
    Frequency,
    PaceChange,
    Subscriber,
    SubscriberState,
    Subscription,
)
from alerts.subscribers.wishes import Offer, Wish


def subscribe(
    session: Session,
    subscriber: Subscriber,
    offers: Sequence[Offer],
    wish: Wish,
    consent: str,
    source: Origin,
    clock: Clock,
) -> bool:
    """Make a reader's subscriptions to these newsletters what the wish says; False if they were.

    Raises Invalid for a wish that cannot be kept.
    """
    existing = {subscription.newsletter: subscription for subscription in subscriber.subscriptions}
    changed = False
    for offer in offers:
        frequency = offer.frequency_for(wish.frequency)
        subscription = existing.get(offer.slug)
        wished = interests_of(subscriber, wish, subscription).text
        if subscription is None:
            subscription = Subscription(newsletter=offer.slug, started_at=clock.now())
            subscriber.subscriptions.append(subscription)
        elif (
            subscription.ended_at is None
            and subscription.frequency == frequency
            and subscription.wish == wished
        ):
            continue
        if subscription.ended_at is not None:
            subscription.started_at = clock.now()
        elif subscription.frequency != frequency and offer.slug in existing:
            note_pace_change(session, subscription, frequency, clock)
        subscription.frequency, subscription.wish = frequency, wished
        subscription.ended_at = None
        changed = True
        record_consent(
            session,
            subscriber,
            ConsentAction.REQUESTED if offer.slug not in existing else ConsentAction.CHANGED,
            source,
            clock,
            newsletter=offer.slug,
            wording=consent or f"Chosen: {in_words(subscription)}.",
        )
    return changed


def in_words(subscription: Subscription) -> str:
    """Return what a subscription brings on one line, as it goes on record."""
    wished = subscription.interests.text.replace(";", ", ")
    return f"{subscription.newsletter}, {subscription.frequency}" + (wished and f", {wished}")


def note_pace_change(
    session: Session, subscription: Subscription, frequency: Frequency, clock: Clock
) -> None:
    """Note that a reader gets a newsletter at another frequency from now on.

    What lies between the two is not lost to them: see `PaceChange`.
    """
    key = (subscription.subscriber_id, subscription.newsletter)
    back = session.get(PaceChange, (*key, frequency))
    if back is not None:
        session.delete(back)
    change = session.get(PaceChange, (*key, subscription.frequency))
    if change is None:
        change = PaceChange(
            subscriber_id=subscription.subscriber_id,
            newsletter=subscription.newsletter,
            former=subscription.frequency,
        )
        session.add(change)
    change.changed_at = clock.now()


def interests_of(
    subscriber: Subscriber, wish: Wish, subscription: Subscription | None
) -> Interests:
    """Return the interests of a wish; of what it leaves open, those of the subscription stay."""
    kept = subscription.interests if subscription else Interests()
    return Interests.of(
        regions=wish.regions,
        countries=kept.countries if wish.countries is None else wish.countries,
        topics=kept.topics if wish.topics is None else wish.topics,
        series=kept.series if wish.series is None else wish.series,
        language=subscriber.language or "",
        plain=subscriber.plain_text,
    )


def set_confirmed(
    session: Session, subscriber: Subscriber, consent: str, source: Origin, clock: Clock
) -> None:
    """Take a subscriber for confirmed from now on, by consent on record."""
    subscriber.state = SubscriberState.CONFIRMED
    subscriber.confirmed_at = clock.now()
    subscriber.confirmation_due_at = None
    record_consent(session, subscriber, ConsentAction.CONFIRMED, source, clock, wording=consent)
    session.flush()
    # By number: who that is stands in no outbox.
    data = {"subscriber_id": subscriber.id}
    announce(session, EventKind.SUBSCRIBER_CONFIRMED, data, at=clock.now())


def owe_welcome(subscriber: Subscriber, clock: Clock) -> list[Subscription]:
    """Owe a welcome for each running subscription that had none yet, and return those.

    The caller enqueues them after the commit; the sweeper finds what gets lost.
    """
    if subscriber.state is not SubscriberState.CONFIRMED:
        return []
    owed = [
        one
        for one in subscriber.subscriptions
        if one.ended_at is None and one.welcomed_at is None and one.welcome_due_at is None
    ]
    for subscription in owed:
        subscription.welcome_due_at = clock.now()
    return owed
