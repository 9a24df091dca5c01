"""The use cases of a subscriber: sign-up, confirmation, preferences, leaving."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import Invalid, NotFound, Refused
from alerts.subscribers.addresses import EmailAddress, parse_address
from alerts.subscribers.details import check_time_zone, clean_name
from alerts.subscribers.models import (
    ConsentAction,
    ConsentRecord,
    Subscriber,
    SubscriberState,
    Subscription,
)
from alerts.subscribers.queries import by_key, by_public_id
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


@dataclass(frozen=True, slots=True)
class Origin:
    """By which way a change came, and from where (a network, a file, a person)."""

    way: str
    origin: str | None = None
    issue_id: int | None = None


def add_subscriber(
    session: Session,
    *,
    email: str,
    offers: Sequence[Offer],
    name: str | None = None,
    frequency: str | None = None,
    regions: Iterable[str] = (),
    time_zone: str | None = None,
    confirmed: bool = False,
    consent: str = "",
    way: str,
    origin: str | None = None,
    clock: Clock,
) -> AddResult:
    """Add a subscriber, or what is new to one that is there; safe to repeat.

    Unconfirmed, a confirmation mail is owed (`confirmation_due_at`): the caller enqueues it after
    the commit. Somebody who left or was never confirmed comes back only by confirming. Raises
    Invalid for a wrong address, region or zone, and Refused for a suppressed one.
    """
    address = parse_address(email)
    wish = Wish(parse_frequency(frequency), tuple(regions))
    zone = check_time_zone(time_zone)
    canonical_wish(wish.regions)
    subscriber = by_key(session, address.key)
    source = Origin(way, origin)
    if subscriber is None:
        subscriber = _create(session, address, clean_name(name), zone, clock)
        kind = "added"
    else:
        kind = "unchanged"
    if subscriber.state is SubscriberState.SUPPRESSED:
        raise Refused(f"{address.display} is suppressed and is not mailed")
    changed = _subscribe(session, subscriber, offers, wish, consent, source, clock)
    changed |= _describe(subscriber, name, zone)
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
        _set_confirmed(session, subscriber, "", Origin(way, origin), clock)
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
        _record(
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
    session.flush()
    return changed


def set_preferences(
    session: Session,
    subscriber: Subscriber,
    wishes: Mapping[str, Wish],
    *,
    offers: Mapping[str, Offer],
    way: str,
    origin: str | None = None,
    clock: Clock,
) -> bool:
    """Make the subscriptions what the wishes say: those not named end; False if nothing changed.

    Only the reader calls this, by a signed link, so newsletters may be added without confirming.
    """
    source = Origin(way, origin)
    changed = False
    for slug, wish in wishes.items():
        if slug not in offers:
            raise Invalid(f"there is no newsletter {slug!r}")
        changed |= _subscribe(session, subscriber, [offers[slug]], wish, "", source, clock)
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
        _set_confirmed(session, subscriber, "", source, clock)
        changed = True
    session.flush()
    return changed


def _create(
    session: Session, address: EmailAddress, name: str | None, zone: str | None, clock: Clock
) -> Subscriber:
    subscriber = Subscriber(
        public_id=new_public_id(),
        email=address.display,
        email_key=address.key,
        name=name,
        state=SubscriberState.UNCONFIRMED,
        time_zone=zone,
        created_at=clock.now(),
        subscriptions=[],
    )
    try:
        with session.begin_nested():
            session.add(subscriber)
    except IntegrityError:
        # Two sign-ups at the same moment: the other one was first.
        return session.scalars(select(Subscriber).where(Subscriber.email_key == address.key)).one()
    return subscriber


def _subscribe(
    session: Session,
    subscriber: Subscriber,
    offers: Sequence[Offer],
    wish: Wish,
    consent: str,
    source: Origin,
    clock: Clock,
) -> bool:
    regions = canonical_wish(wish.regions)
    existing = {subscription.newsletter: subscription for subscription in subscriber.subscriptions}
    changed = False
    for offer in offers:
        frequency = offer.frequency_for(wish.frequency)
        subscription = existing.get(offer.slug)
        if subscription is None:
            subscription = Subscription(newsletter=offer.slug, started_at=clock.now())
            subscriber.subscriptions.append(subscription)
        elif (
            subscription.ended_at is None
            and subscription.frequency == frequency
            and subscription.wish == regions
        ):
            continue
        if subscription.ended_at is not None:
            subscription.started_at = clock.now()
        subscription.frequency, subscription.wish = frequency, regions
        subscription.ended_at = None
        changed = True
        _record(
            session,
            subscriber,
            ConsentAction.REQUESTED if offer.slug not in existing else ConsentAction.CHANGED,
            source,
            clock,
            newsletter=offer.slug,
            wording=consent,
        )
    return changed


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
        _set_confirmed(session, subscriber, consent, source, clock)
        return True
    subscriber.confirmation_due_at = clock.now()
    return False


def _set_confirmed(
    session: Session, subscriber: Subscriber, consent: str, source: Origin, clock: Clock
) -> None:
    subscriber.state = SubscriberState.CONFIRMED
    subscriber.confirmed_at = clock.now()
    subscriber.confirmation_due_at = None
    _record(session, subscriber, ConsentAction.CONFIRMED, source, clock, wording=consent)


def _record(
    session: Session,
    subscriber: Subscriber,
    action: ConsentAction,
    source: Origin,
    clock: Clock,
    *,
    newsletter: str | None = None,
    wording: str = "",
) -> None:
    session.flush()
    session.add(
        ConsentRecord(
            subscriber_id=subscriber.id,
            newsletter=newsletter,
            action=action,
            wording=wording,
            way=source.way,
            origin=source.origin,
            issue_id=source.issue_id,
            at=clock.now(),
        )
    )
