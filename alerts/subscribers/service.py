"""The use cases of a subscriber: sign-up, confirmation, leaving."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, lazyload
from sqlalchemy.orm.attributes import set_committed_value

from alerts.clock import Clock
from alerts.database import insert_into
from alerts.errors import NotFound, Refused
from alerts.outbox.events import EventKind
from alerts.outbox.writing import announce
from alerts.subscribers.addresses import EmailAddress, parse_address
from alerts.subscribers.consent import Origin, record_consent
from alerts.subscribers.details import check_time_zone, clean_name
from alerts.subscribers.interests import Interests
from alerts.subscribers.models import ConsentAction, Subscriber, SubscriberState
from alerts.subscribers.queries import by_public_id
from alerts.subscribers.subscribing import in_words, owe_welcome, set_confirmed, subscribe
from alerts.subscribers.wishes import (
    Offer,
    Wish,
    canonical_wish,
    new_public_id,
    parse_frequency,
)


@dataclass(frozen=True, slots=True)
class AddResult:
    """What adding did: `added`, `updated` or `unchanged`."""

    kind: str
    subscriber: Subscriber


def add_subscriber(
    session: Session,
    *,
    email: str,
    offers: Sequence[Offer],
    name: str | None = None,
    frequency: str | None = None,
    regions: Iterable[str] = (),
    interests: Interests | None = None,
    time_zone: str | None = None,
    confirmed: bool = False,
    by_anybody: bool = False,
    consent: str = "",
    way: str,
    origin: str | None = None,
    clock: Clock,
) -> AddResult:
    """Add a subscriber, or what is new to one that is there; safe to repeat.

    Unconfirmed, a confirmation mail is owed (`confirmation_due_at`): the caller enqueues it after
    the commit. Somebody who left or was never confirmed comes back only by confirming. With
    `by_anybody` it is not known who typed the address: whoever is confirmed already stays as they
    are, and is owed the same mail, whose link then leads on to their preferences. Of
    `regions` alone, other interests stay as they are. Raises Invalid for a wrong address, region
    or zone, and Refused for a suppressed one.
    """
    address = parse_address(email)
    pace = parse_frequency(frequency)
    wish = Wish.of(pace, interests) if interests else Wish(pace, tuple(regions))
    zone = check_time_zone(time_zone)
    canonical_wish(wish.regions)
    source = Origin(way, origin)
    # Most are new: first tried as such, nobody is asked for in vain.
    created = _create(session, address, clean_name(name), zone, clock)
    kind = "added" if created else "unchanged"
    subscriber = created or _known(session, address)
    if subscriber.state is SubscriberState.SUPPRESSED:
        raise Refused(f"{address.display} is suppressed and is not mailed")
    if by_anybody and subscriber.state is SubscriberState.CONFIRMED:
        subscriber.confirmation_due_at = clock.now()
        session.flush()
        return AddResult(kind, subscriber)
    changed = subscribe(session, subscriber, offers, wish, consent, source, clock)
    changed |= _describe(subscriber, name, zone)
    if confirmed or kind != "added":
        changed |= _settle_state(session, subscriber, confirmed, consent, source, clock)
    session.flush()
    if kind == "unchanged" and changed:
        kind = "updated"
    return AddResult(kind, subscriber)


def confirm(
    session: Session, public_id: str, *, way: str, origin: str | None = None, clock: Clock
) -> Subscriber:
    """Confirm a sign-up; twice does no harm. Raises NotFound, and Refused when suppressed."""
    subscriber = by_public_id(session, public_id)
    if subscriber is None:
        raise NotFound("this sign-up is gone; subscribe again")
    if subscriber.state is SubscriberState.SUPPRESSED:
        raise Refused("this address is suppressed and is not mailed")
    if subscriber.state is not SubscriberState.CONFIRMED:
        set_confirmed(session, subscriber, _confirmed(subscriber), Origin(way, origin), clock)
        owe_welcome(subscriber, clock)
        session.flush()
    return subscriber


def unsubscribe(
    session: Session,
    subscriber: Subscriber,
    *,
    newsletter: str | None = None,
    way: str,
    origin: str | None = None,
    issue_id: int | None = None,
    clock: Clock,
) -> bool:
    """End a subscription, or all of them; False when there was nothing to end.

    In force with the next group of messages. Without any subscription left the subscriber is
    unsubscribed, and only confirming again brings them back.
    """
    now = clock.now()
    ending = [
        subscription
        for subscription in subscriber.subscriptions
        if subscription.ended_at is None and newsletter in {None, subscription.newsletter}
    ]
    for subscription in ending:
        subscription.ended_at = now
        record_consent(
            session,
            subscriber,
            ConsentAction.WITHDRAWN,
            Origin(way, origin, issue_id),
            clock,
            newsletter=subscription.newsletter,
        )
    left = any(subscription.ended_at is None for subscription in subscriber.subscriptions)
    changed = bool(ending)
    if not left and subscriber.state in {SubscriberState.CONFIRMED, SubscriberState.UNCONFIRMED}:
        subscriber.state = SubscriberState.UNSUBSCRIBED
        subscriber.confirmation_due_at = None
        changed = True
        data = {"subscriber_id": subscriber.id}
        announce(session, EventKind.SUBSCRIBER_UNSUBSCRIBED, data, at=clock.now())
    session.flush()
    return changed


def _confirmed(subscriber: Subscriber) -> str:
    """Return what was confirmed: the words of the button, and what stood above it."""
    running = (one for one in subscriber.subscriptions if one.ended_at is None)
    return f"Yes, confirm: {'; '.join(map(in_words, running)) or 'nothing so far'}."


def _create(
    session: Session, address: EmailAddress, name: str | None, zone: str | None, clock: Clock
) -> Subscriber | None:
    """Return a new subscriber; None when there is one with the address, since a moment ago even."""
    once = insert_into(session, Subscriber).on_conflict_do_nothing().returning(Subscriber)
    # Nobody who was not there has subscriptions: they are not asked for.
    subscriber = session.scalars(
        once.options(lazyload(Subscriber.subscriptions)),
        {
            "public_id": new_public_id(),
            "email": address.display,
            "email_key": address.key,
            "name": name,
            "state": SubscriberState.UNCONFIRMED,
            "time_zone": zone,
            "created_at": clock.now(),
            "confirmation_due_at": clock.now(),
        },
    ).one_or_none()
    if subscriber is not None:
        set_committed_value(subscriber, "subscriptions", [])
    return subscriber


def _known(session: Session, address: EmailAddress) -> Subscriber:
    return session.scalars(select(Subscriber).where(Subscriber.email_key == address.key)).one()


def _describe(subscriber: Subscriber, name: str | None, zone: str | None) -> bool:
    """Take over a name or time zone that was not known or has changed."""
    wanted = (clean_name(name) or subscriber.name, zone or subscriber.time_zone)
    changed = wanted != (subscriber.name, subscriber.time_zone)
    subscriber.name, subscriber.time_zone = wanted
    return changed


def _settle_state(
    session: Session,
    subscriber: Subscriber,
    confirmed: bool,
    consent: str,
    source: Origin,
    clock: Clock,
) -> bool:
    if subscriber.state is SubscriberState.CONFIRMED:
        return False
    if confirmed:
        if subscriber.state is SubscriberState.UNSUBSCRIBED and not consent:
            raise Refused(
                f"{subscriber.email} unsubscribed; say on what basis to add them (--consent)"
            )
        set_confirmed(session, subscriber, consent, source, clock)
        return True
    subscriber.confirmation_due_at = clock.now()
    return False
