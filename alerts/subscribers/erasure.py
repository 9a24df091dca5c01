"""Erasing a person: the data goes everywhere, a keyed hash stays, totals stay true."""

from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.database import among
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
    carry_over(session, [subscriber.id], clock=clock)
    session.delete(subscriber)
    session.flush()


def remove_people(session: Session, numbers: Sequence[int], *, clock: Clock) -> None:
    """Remove many people's rows in one statement, as `remove` does one's.

    What refers to them goes with them by the database's own rules.
    """
    carry_over(session, numbers, clock=clock)
    session.execute(
        delete(Subscriber)
        .where(among(session, Subscriber.id, numbers))
        .execution_options(synchronize_session=False)
    )
