"""Counting and paging go by an index, whichever database answers; `pytest -s` prints the plans."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, case, func, insert, literal, select
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.database import Database, UtcDateTime
from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.received import received
from alerts.newsletters.models import Issue, Newsletter
from alerts.newsletters.service import ensure_built_in
from alerts.subscribers.models import Frequency, Subscriber, SubscriberState, Subscription
from alerts.subscribers.segments.compiler import condition
from alerts.subscribers.segments.parser import parse
from tests.conftest import NOW

READERS = 20_000
RARE = 200
LONG_AGO = NOW - timedelta(days=400)
# SQLite calls the index behind a UNIQUE constraint by a number.
EXPECTED = {
    "domain is rare.example": ("ix_subscribers_domain",),
    "state is unconfirmed": ("ix_subscribers_state_id",),
    "newsletter is africa-this-week": ("ix_subscriptions_audience",),
    "newsletter is africa-this-week and frequency is weekly and region is africa": (
        "ix_subscriptions_audience",
    ),
    "newsletter is africa-this-week and not domain is rare.example": ("ix_subscriptions_audience",),
    "signed up in the last 7 days": ("ix_subscribers_created_at",),
    "left in the last 7 days": ("ix_subscriptions_left",),
    "email is 200@rare.example": (
        "uq_subscribers_email_key",
        "ix_subscribers_email_key_begins",
        "sqlite_autoindex_subscribers_1",
        "sqlite_autoindex_subscribers_2",
    ),
    "received issue 1": (
        "uq_deliveries_issue_id_subscriber_id",
        "sqlite_autoindex_deliveries_1",
    ),
}


def test_counts_and_pages_use_an_index(
    session: Session, database: Database, clock: FixedClock
) -> None:
    ensure_built_in(session, clock=clock)
    session.flush()
    add_crowd(session)
    for query, indexes in EXPECTED.items():
        asked = condition(parse(query), now=NOW, received=received)
        counted = select(func.count()).select_from(Subscriber).where(asked)
        lines = plan(session, counted, database)
        show(query, lines)
        assert (session.scalar(counted) or 0) <= READERS / RARE
        assert any(index in line for line in lines for index in indexes), query
    # A page goes on from the last reader, and nothing is sorted.
    asked = condition(parse("state is unconfirmed"), now=NOW)
    page = select(Subscriber.id).where(asked, Subscriber.id > READERS // 2).order_by(Subscriber.id)
    lines = plan(session, page.limit(10), database)
    show("a page", lines)
    assert any("ix_subscribers_state_id" in line for line in lines)
    assert not any("Sort" in line or "FOR ORDER BY" in line for line in lines)


def show(query: str, lines: Iterable[str]) -> None:
    print(query, *lines, sep="\n    ")  # noqa: T201 - `pytest -s` shows the plans


def plan(session: Session, query: sa.Select[int], database: Database) -> list[str]:
    """Return the lines of the database's plan for a query."""
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    compiled = query.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
    rows = session.connection().exec_driver_sql(explain + str(compiled).replace("%", "%%"))
    return [str(row[-1]) for row in rows]


def add_crowd(session: Session) -> None:
    """Add 20,000 readers, one of two hundred of whom is unusual in every way."""
    first = select(literal(1).label("n")).cte("numbered", recursive=True)
    number = first.union_all(select(first.c.n + 1).where(first.c.n < READERS)).c.n
    email = sa.cast(number, sa.String) + rarely(number, "@rare.example", "@example.org")
    fill(
        session,
        Subscriber,
        public_id=sa.cast(number, sa.String),
        email=email,
        email_key=email,
        state=rarely(number, SubscriberState.UNCONFIRMED.value, SubscriberState.CONFIRMED.value),
        created_at=case((number % RARE == 0, moment(NOW)), else_=moment(LONG_AGO)),
    )
    others = [f"other-{n}" for n in range(10)]
    for slug in others:
        values = {"title": slug, "definition": {}, "created_at": NOW, "updated_at": NOW}
        session.execute(insert(Newsletter), [values | {"slug": slug}])
    other = literal("other-") + sa.cast(Subscriber.id % len(others), sa.String)
    fill(
        session,
        Subscription,
        subscriber_id=Subscriber.id,
        newsletter=case((Subscriber.id % RARE == 0, "africa-this-week"), else_=other),
        frequency=literal(Frequency.WEEKLY.value),
        wish=literal(""),
        started_at=moment(LONG_AGO),
        ended_at=case((Subscriber.id % RARE == 1, moment(NOW))),
    )
    for issue in (1, 2):
        values = {"frequency": Frequency.WEEKLY, "subject": "An issue", "until": NOW}
        values |= {"id": issue, "number": issue, "created_at": NOW, "newsletter": "gp-alert"}
        session.execute(insert(Issue), [values])
    fill(
        session,
        Delivery,
        issue_id=rarely(Subscriber.id, 1, 2),
        subscriber_id=Subscriber.id,
        state=literal(DeliveryState.SENT.value),
    )
    session.execute(sa.text("ANALYZE"))


def moment(at: datetime) -> ColumnElement[datetime]:
    return literal(at, UtcDateTime())


def rarely(number: Any, unusual: object, usual: object) -> ColumnElement[Any]:  # noqa: ANN401 - any column
    return case((number % RARE == 0, literal(unusual)), else_=literal(usual))


def fill(session: Session, table: Any, **columns: Any) -> None:  # noqa: ANN401 - any table and columns
    session.execute(insert(table).from_select(list(columns), select(*columns.values())))
