"""Keeping people out: suppressed by hand or by what came back, blocked domains, and lifting it."""

from collections.abc import Sequence

import idna
from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import Invalid, NotFound, Refused
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.models import (
    BlockedDomain,
    Subscriber,
    SubscriberState,
    SuppressionChange,
)
from alerts.subscribers.queries import by_key
from alerts.subscribers.suppression import (
    ADDED,
    LIFTED,
    address_hash,
    lift_address,
    note_change,
    suppress_address,
    suppressed,
)

_LONGEST_REASON = 200
_LONGEST_DOMAIN = 253


def suppress(
    session: Session,
    email: str,
    *,
    reason: str,
    keys: Sequence[str],
    way: str = "program",
    clock: Clock,
) -> Subscriber | None:
    """Never mail an address again; returns its subscriber, if there is one.

    Raises Invalid for a wrong address, and for a reason of more than 200 characters.
    """
    address = parse_address(email)
    suppress_address(session, address.key, reason=_reason(reason), keys=keys, way=way, clock=clock)
    subscriber = by_key(session, address.key)
    if subscriber is not None:
        subscriber.state = SubscriberState.SUPPRESSED
        subscriber.confirmation_due_at = None
    session.flush()
    return subscriber


def lift(
    session: Session, email: str, *, reason: str, keys: Sequence[str], way: str, clock: Clock
) -> str:
    """Let an address be mailed again; returns why it was not. The reason goes on record.

    Its subscriber goes on where they were, confirmed if they had been. Raises NotFound when the
    address is not suppressed, Refused while its domain is blocked, and Invalid without a reason.
    """
    address = parse_address(email)
    was = lift_address(
        session, address.key, reason=_reason(reason), keys=keys, way=way, clock=clock
    )
    if was is None:
        still = suppressed(session, [address.key], keys=keys)
        if still:
            raise Refused(
                f"{address.display}: {still[address.key]}; `suppression unblock` lifts it"
            )
        raise NotFound(f"{address.display} is not suppressed")
    subscriber = by_key(session, address.key)
    if subscriber is not None and not suppressed(session, [address.key], keys=keys):
        subscriber.state = _state_before(subscriber)
    session.flush()
    return was


def block_domain(session: Session, domain: str, *, reason: str, way: str, clock: Clock) -> int:
    """Mail nobody at a domain or below it; returns how many subscribers that stops.

    Raises Invalid for what is no domain, Refused when it is blocked already.
    """
    name = _domain(domain)
    try:
        with session.begin_nested():
            session.add(BlockedDomain(domain=name, reason=_reason(reason), at=clock.now()))
    except IntegrityError as error:
        raise Refused(f"{name} is blocked already") from error
    note_change(session, name, ADDED, reason=reason, way=way, clock=clock)
    stopped = session.scalars(
        update(Subscriber)
        .where(_at_domain(name), Subscriber.state != SubscriberState.SUPPRESSED)
        .values(state=SubscriberState.SUPPRESSED, confirmation_due_at=None)
        .returning(Subscriber.id)
        .execution_options(synchronize_session=False)
    )
    return len(stopped.all())


def unblock_domain(
    session: Session, domain: str, *, reason: str, keys: Sequence[str], way: str, clock: Clock
) -> int:
    """Lift a domain's block; returns how many subscribers go on. Raises NotFound."""
    name = _domain(domain)
    found = session.get(BlockedDomain, name)
    if found is None:
        raise NotFound(f"{name} is not blocked")
    session.delete(found)
    note_change(session, name, LIFTED, reason=_reason(reason), way=way, clock=clock)
    session.flush()
    going_on = 0
    waiting = select(Subscriber).where(
        _at_domain(name), Subscriber.state == SubscriberState.SUPPRESSED
    )
    for chunk in session.scalars(waiting.execution_options(yield_per=500)).partitions():
        still = suppressed(session, [one.email_key for one in chunk], keys=keys)
        for subscriber in chunk:
            if subscriber.email_key not in still:
                subscriber.state = _state_before(subscriber)
                going_on += 1
    session.flush()
    return going_on


def blocked_domains(session: Session) -> Sequence[BlockedDomain]:
    """Return the blocked domains by name."""
    return session.scalars(select(BlockedDomain).order_by(BlockedDomain.domain)).all()


def changes_of(session: Session, email: str, *, keys: Sequence[str]) -> Sequence[SuppressionChange]:
    """Return what was put on record about an address and its domain, the oldest first."""
    address = parse_address(email)
    subjects = [address_hash(key, address.key) for key in keys]
    query = select(SuppressionChange).where(
        SuppressionChange.subject.in_([*subjects, address.key.rpartition("@")[2]])
    )
    return session.scalars(query.order_by(SuppressionChange.id)).all()


def refuse_suppressed(session: Session, email: str, *, keys: Sequence[str]) -> None:
    """Raise Refused when an address, or its domain, is not mailed."""
    address = parse_address(email)
    found = suppressed(session, [address.key], keys=keys)
    if found:
        raise Refused(f"{address.display} is suppressed ({found[address.key]}) and is not mailed")


def _state_before(subscriber: Subscriber) -> SubscriberState:
    running = any(one.ended_at is None for one in subscriber.subscriptions)
    if not running:
        return SubscriberState.UNSUBSCRIBED
    return SubscriberState.CONFIRMED if subscriber.confirmed_at else SubscriberState.UNCONFIRMED


def _at_domain(name: str) -> ColumnElement[bool]:
    return or_(
        Subscriber.email_key.endswith(f"@{name}", autoescape=True),
        Subscriber.email_key.endswith(f".{name}", autoescape=True),
    )


def _domain(text: str) -> str:
    """Return a domain in ASCII and lower case; raises Invalid."""
    name = text.strip().removeprefix("@").rstrip(".").lower()
    try:
        ascii_name = idna.encode(name, uts46=True).decode()
    except idna.IDNAError as error:
        raise Invalid(f"{text!r} is no domain; example.org would be one") from error
    if "." not in ascii_name or len(ascii_name) > _LONGEST_DOMAIN:
        raise Invalid(f"{text!r} is no domain; example.org would be one")
    return ascii_name


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if not reason:
        raise Invalid("say why; the reason is kept on record")
    if len(reason) > _LONGEST_REASON:
        raise Invalid(f"a reason has at most {_LONGEST_REASON} characters, this has {len(reason)}")
    return reason
