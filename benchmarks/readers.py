"""Subscribers by the hundred thousand, put into the database in a few statements."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Integer, String, column, func, literal, select

from alerts.database import Database
from alerts.subscribers.models import Frequency, Subscriber, SubscriberState, Subscription

_DOMAINS = 50
# So that public ids are as long as what the program makes itself.
_BEFORE_FIRST_ID = 10**15
_SUBSCRIBERS = cast("sa.Table", Subscriber.__table__)
_SUBSCRIPTIONS = cast("sa.Table", Subscription.__table__)


def add_readers(
    database: Database, count: int, *, newsletter: str, wishes: Sequence[str] = ("",)
) -> None:
    """Add confirmed readers of a newsletter, the wishes (canonical texts) dealt out in turn."""
    with database.engine.begin() as connection:
        if not database.is_sqlite:
            # The rows refer to one another by their making: no need to look each of them up.
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        before = connection.scalar(select(func.coalesce(func.max(Subscriber.id), 0))) or 0
        now = literal(datetime.now(UTC), Subscriber.created_at.type)
        _subscribers(connection, count, newsletter, now=now, before=before)
        _subscriptions(connection, newsletter, wishes, now=now, before=before)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # A server that runs for long has looked at its tables; this one had no time to.
        connection.execute(sa.text("ANALYZE"))


def _subscribers(
    connection: Connection, count: int, newsletter: str, *, now: ColumnElement[Any], before: int
) -> None:
    first = select(literal(1).label("number")).cte("numbered", recursive=True)
    numbered = first.union_all(select(first.c.number + 1).where(first.c.number < count))
    number = numbered.c.number
    name = f"{newsletter}-" + sa.cast(number, String)
    email = name + "@readers" + sa.cast(number % _DOMAINS, String) + ".example.org"
    columns: dict[str, ColumnElement[Any]] = {
        "public_id": sa.cast(literal(_BEFORE_FIRST_ID + before, sa.BigInteger) + number, String),
        "email": email,
        "email_key": email,
        "name": "Reader " + sa.cast(number, String),
        "state": literal(SubscriberState.CONFIRMED.value),
        "created_at": now,
        "confirmed_at": now,
    }
    _insert(connection, _SUBSCRIBERS, columns, numbered)


def _subscriptions(
    connection: Connection,
    newsletter: str,
    wishes: Sequence[str],
    *,
    now: ColumnElement[Any],
    before: int,
) -> None:
    offered = sa.values(column("place", Integer), column("wish", String), name="offered").data(
        list(enumerate(wishes))
    )
    # SQLite gives the columns of VALUES no names; there all readers have one wish.
    alone = len(wishes) == 1
    columns: dict[str, ColumnElement[Any]] = {
        "subscriber_id": _SUBSCRIBERS.c.id,
        "newsletter": literal(newsletter),
        "frequency": literal(Frequency.IMMEDIATE.value),
        "wish": literal(wishes[0]) if alone else offered.c.wish,
        "started_at": now,
    }
    source: sa.FromClause = _SUBSCRIBERS
    if not alone:
        source = source.join(offered, offered.c.place == _SUBSCRIBERS.c.id % len(wishes))
    _insert(connection, _SUBSCRIPTIONS, columns, source, _SUBSCRIBERS.c.id > before)


def _insert(
    connection: Connection,
    table: sa.Table,
    columns: dict[str, ColumnElement[Any]],
    source: sa.FromClause,
    *conditions: ColumnElement[bool],
) -> None:
    chosen = select(*columns.values()).select_from(source).where(*conditions)
    connection.execute(sa.insert(table).from_select(list(columns), chosen))
