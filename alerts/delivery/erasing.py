"""What the ledger holds of a person who is erased: the rows stay, servers' answers go."""

from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy import update
from sqlalchemy.orm import InstrumentedAttribute, Session

from alerts.clock import Clock
from alerts.database import among
from alerts.delivery.models import Delivery
from alerts.kept_answers import forget_answers_about
from alerts.subscribers.erasure import erase, remove_people
from alerts.subscribers.models import Subscriber


def erase_person(
    session: Session, subscriber: Subscriber, *, keys: Sequence[str], way: str, clock: Clock
) -> None:
    """Remove a person's rows and what mail servers answered about them.

    The ledger keeps its rows without the person, so that every issue's totals stay true; a keyed
    hash keeps the address out. What came by mail goes too by `alerts.inbound.erasing`.
    """
    _leave_ledger(session, [subscriber.id])
    forget_answers_about(session, subscriber.email)
    erase(session, subscriber, keys=keys, way=way, clock=clock)


def forget_people(session: Session, people: Mapping[int, str], *, clock: Clock) -> None:
    """Remove people's rows as erasing does, but let the addresses come back.

    `people` are their addresses by their numbers.
    """
    _leave_ledger(session, list(people))
    forget_answers_about(session, *people.values())
    remove_people(session, list(people), clock=clock)


def _leave_ledger(session: Session, numbers: Sequence[int]) -> None:
    # A server's answer repeats the address: "550 5.1.1 <ama@example.org>: user unknown". The number
    # goes by hand, for the ledger holds no checked reference; SQLite may give it to somebody else.
    session.execute(
        update(Delivery)
        .where(among(session, cast("InstrumentedAttribute[int]", Delivery.subscriber_id), numbers))
        .values(last_answer=None, subscriber_id=None)
        .execution_options(synchronize_session=False)
    )
