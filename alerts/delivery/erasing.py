"""What the ledger holds of a person who is erased: the rows stay, servers' answers go."""

from collections.abc import Sequence

from sqlalchemy import update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.delivery.models import Delivery
from alerts.kept_answers import forget_answers_about
from alerts.subscribers.erasure import erase, remove
from alerts.subscribers.models import Subscriber


def erase_person(
    session: Session, subscriber: Subscriber, *, keys: Sequence[str], way: str, clock: Clock
) -> None:
    """Remove a person's rows and what mail servers answered about them.

    The ledger keeps its rows without the person, so that every issue's totals stay true; a keyed
    hash keeps the address out. What came by mail goes too by `alerts.inbound.erasing`.
    """
    _leave_ledger(session, subscriber)
    forget_answers_about(session, subscriber.email)
    erase(session, subscriber, keys=keys, way=way, clock=clock)


def forget_person(session: Session, subscriber: Subscriber, *, clock: Clock) -> None:
    """Remove a person's rows as erasing does, but let the address come back."""
    _leave_ledger(session, subscriber)
    forget_answers_about(session, subscriber.email)
    remove(session, subscriber, clock=clock)


def _leave_ledger(session: Session, subscriber: Subscriber) -> None:
    # A server's answer repeats the address: "550 5.1.1 <ama@example.org>: user unknown". The number
    # goes by hand, for the ledger holds no checked reference; SQLite may give it to somebody else.
    session.execute(
        update(Delivery)
        .where(Delivery.subscriber_id == subscriber.id)
        .values(last_answer=None, subscriber_id=None)
        .execution_options(synchronize_session=False)
    )
