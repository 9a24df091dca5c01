"""Erasing a person: the data goes everywhere, a keyed hash stays, totals stay true."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.subscribers.growth import carry_over
from alerts.subscribers.models import Subscriber
from alerts.subscribers.suppression import suppress_address


def erase(
    session: Session,
    subscriber: Subscriber,
    *,
    keys: Sequence[str],
    way: str = "program",
    clock: Clock,
) -> None:
    """Remove a person's rows; the address is neither mailed nor imported again.

    Ledger rows stay without the person: an issue's totals stay true, as do the counts of sign-ups
    and departures by day. Whoever keeps mails or answers of servers clears them too: see
    `alerts.delivery.erasing`.
    """
    suppress_address(
        session, subscriber.email_key, reason="erased", keys=keys, way=way, clock=clock
    )
    remove(session, subscriber, clock=clock)


def remove(session: Session, subscriber: Subscriber, *, clock: Clock) -> None:
    """Remove a person's rows, and keep nothing: the address may come back by itself."""
    carry_over(session, subscriber.id, clock=clock)
    session.delete(subscriber)
    session.flush()
