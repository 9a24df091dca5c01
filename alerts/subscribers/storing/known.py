"""Looking up what the database knows of the addresses in a file: a few queries for thousands."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    String,
    Text,
    and_,
    any_,
    case,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from alerts.subscribers.files.rows import SubscriberRow
from alerts.subscribers.models import (
    BlockedDomain,
    ConsentAction,
    ConsentRecord,
    Subscriber,
    SubscriberState,
    Subscription,
    Suppression,
)
from alerts.subscribers.storing.planning import Known, Reader, Subscribed
from alerts.subscribers.suppression import address_hash, blocked

WAY = "import"
_T = TypeVar("_T", int, str)


def look_up(session: Session, rows: Sequence[SubscriberRow], *, keys: Sequence[str]) -> Known:
    """Return what is known of the rows' addresses; `keys` are those of the suppression list."""
    addresses = list({row.address.key for row in rows})
    leaving = {
        row.address.key for row in rows if row.standing.state is SubscriberState.UNSUBSCRIBED
    }
    with _by_index(session):
        readers = _readers(session, addresses)
        _hear(session, [reader for key, reader in readers.items() if key in leaving])
        return Known(readers, _suppressed(session, addresses, keys=keys))


@contextmanager
def _by_index(session: Session) -> Iterator[None]:
    """Have PostgreSQL look up thousands of addresses by their index.

    It would rather read the whole table for each group, since it reckons with a disk where the
    pages that an index leads to are far apart; and compile statements that run for milliseconds.
    """
    if session.get_bind().dialect.name != "postgresql":
        yield
        return
    session.execute(text("SET LOCAL enable_seqscan = off"))
    session.execute(text("SET LOCAL jit = off"))
    yield
    session.execute(text("SET LOCAL enable_seqscan = on"))


def _readers(session: Session, addresses: Sequence[str]) -> dict[str, Reader]:
    query = select(
        Subscriber.id,
        Subscriber.email_key,
        Subscriber.email,
        Subscriber.name,
        Subscriber.time_zone,
        Subscriber.state,
    ).where(_one_of(session, Subscriber.email_key, addresses))
    by_id = {
        number: Reader(key, email, name, zone, state, id=number, was=(name, zone, state))
        for number, key, email, name, zone, state in session.execute(query)
    }
    if by_id:
        _add_subscriptions(session, by_id)
    return {reader.key: reader for reader in by_id.values()}


def _add_subscriptions(session: Session, by_id: dict[int, Reader]) -> None:
    query = select(
        Subscription.subscriber_id,
        Subscription.newsletter,
        Subscription.frequency,
        Subscription.wish,
        Subscription.ended_at,
        Subscription.id,
    ).where(_one_of(session, Subscription.subscriber_id, list(by_id)))
    for owner, newsletter, frequency, wish, ended_at, number in session.execute(query):
        by_id[owner].subscriptions[newsletter] = Subscribed(
            frequency, wish, ended_at, number, (frequency, wish, ended_at)
        )


def _hear(session: Session, readers: Sequence[Reader]) -> None:
    """Note when readers confirmed themselves, and when a file ended their subscriptions."""
    if not readers:
        return
    by_file = ConsentRecord.way == WAY
    own = and_(ConsentRecord.action == ConsentAction.CONFIRMED, ~by_file)
    file = and_(ConsentRecord.action == ConsentAction.WITHDRAWN, by_file)
    by_id = {reader.id: reader for reader in readers if reader.id is not None}
    query = (
        select(
            ConsentRecord.subscriber_id,
            func.max(case((own, ConsentRecord.at))),
            func.max(case((file, ConsentRecord.at))),
        )
        .where(_one_of(session, ConsentRecord.subscriber_id, list(by_id)))
        .group_by(ConsentRecord.subscriber_id)
    )
    for number, own_word_at, file_word_at in session.execute(query):
        by_id[number].own_word_at = own_word_at
        by_id[number].file_word_at = file_word_at


def _suppressed(
    session: Session, addresses: Sequence[str], *, keys: Sequence[str]
) -> dict[str, str]:
    found = _blocked(session, addresses)
    if session.scalar(select(Suppression.id).limit(1)) is None:
        return found
    hashes = {address_hash(key, address): address for address in addresses for key in keys}
    query = select(Suppression.address_hash, Suppression.reason).where(
        _one_of(session, Suppression.address_hash, list(hashes))
    )
    return found | {hashes[number]: reason for number, reason in session.execute(query)}


def _blocked(session: Session, addresses: Sequence[str]) -> dict[str, str]:
    if session.scalar(select(BlockedDomain.domain).limit(1)) is None:
        return {}
    domains = blocked(session, {address.rpartition("@")[2] for address in addresses})
    return {
        address: domains[domain]
        for address in addresses
        if (domain := address.rpartition("@")[2]) in domains
    }


def _one_of(
    session: Session, column: InstrumentedAttribute[_T], values: Sequence[_T]
) -> ColumnElement[bool]:
    """Return the condition that a column holds one of many values: one parameter for all."""
    if session.get_bind().dialect.name == "postgresql":
        kind = Text() if isinstance(column.type, String) else BigInteger()
        return column == any_(literal(list(values), ARRAY(kind)))
    each = func.json_each(json.dumps(values)).table_valued("value")
    return column.in_(select(each.c.value))
