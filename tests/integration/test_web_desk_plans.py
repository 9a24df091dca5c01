"""The pages of the subscribers' room, and of the articles', go by an index, on both databases."""

import time
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from alerts.articles.cards import Wanted, find_articles
from alerts.articles.models import Article, ArticleCard
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.received import received
from alerts.newsletters.service import ensure_built_in
from alerts.subscribers.finding import by_beginning
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.subscribers.segments.service import Segments
from alerts.web.desk.subscribers.asked import Asked
from alerts.web.desk.subscribers.queries import (
    last_sent,
    newest_subscribers,
    readers_of,
    suppressed_subscribers,
)
from tests.conftest import NOW
from tests.integration.test_segments_indexes import RARE, READERS, add_crowd, fill, moment, rarely

ARTICLES = 20_000
# A look through all cards; a hundred times what it takes on an idle machine.
PATIENCE_SECONDS = 5.0


@pytest.fixture
def crowd(session: Session, clock: FixedClock) -> Session:
    ensure_built_in(session, clock=clock)
    session.flush()
    add_crowd(session)
    return session


def plans(
    session: Session, database: Database, act: object, *, table: str = "subscribers"
) -> list[str]:
    """Return the database's plans for the statements about a table that an act sends."""
    asked: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if f"FROM {table}" in statement:
            asked.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    act()  # type: ignore[operator]  # a lambda
    event.remove(database.engine, "before_cursor_execute", note)
    assert asked
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    connection = session.connection()
    lines: list[str] = []
    for statement, parameters in asked:
        rows = connection.exec_driver_sql(explain + statement, parameters)  # type: ignore[arg-type]  # as they came
        lines += [str(row[-1]) for row in rows]
    return lines


def is_scanned(lines: Sequence[str]) -> bool:
    """Tell whether all subscribers are looked at: by the table, or by an index without a bound."""
    return any(
        "Seq Scan on subscribers" in line
        or (line.startswith("SCAN subscribers") and "USING INDEX" not in line)
        for line in lines
    )


def test_an_address_is_found_by_how_it_begins(crowd: Session, database: Database) -> None:
    found = by_beginning(crowd, "1234", limit=50)
    assert [one.email_key for one in found] == sorted(one.email_key for one in found)
    assert all(one.email_key.startswith("1234") for one in found)
    # 1234 itself, 12340 to 12349.
    assert len(found) == 11
    rest = by_beginning(crowd, "1234", after=found[4].email_key, limit=50)
    assert [one.id for one in rest] == [one.id for one in found[5:]]
    lines = plans(crowd, database, lambda: by_beginning(crowd, "1234", limit=50))
    print(*lines, sep="\n    ")  # noqa: T201 - `pytest -s` shows the plans
    assert not is_scanned(lines)
    assert any("email_key" in line for line in lines)


@pytest.mark.parametrize(
    "asked",
    [
        Asked(),
        Asked(state="unconfirmed"),
        Asked(newsletter="africa-this-week"),
        Asked(state="unconfirmed", query="signed up in the last 7 days"),
        Asked(query="domain is rare.example"),
    ],
)
def test_a_page_of_the_list_scans_nobody(
    crowd: Session, database: Database, clock: FixedClock, asked: Asked
) -> None:
    segments = Segments(crowd, clock=clock, received=received)
    node = asked.node(segments)
    condition = None if node is None else segments.condition(node, paging=True)
    query = newest_subscribers(condition, before=READERS, limit=51)
    lines = plans(crowd, database, lambda: crowd.scalars(query).all())
    print(asked, *lines, sep="\n    ")  # noqa: T201 - `pytest -s` shows the plans
    assert not is_scanned(lines)
    assert not any("Sort" in line and "Key" not in line for line in lines) or asked.query


def test_the_readers_of_a_small_newsletter_are_found_without_the_others(
    crowd: Session, database: Database
) -> None:
    expected = [n for n in range(READERS, 0, -1) if n % RARE == 0]
    # Who left is none of them: one of two hundred did, of the others.
    assert [
        one.id for one in readers_of(crowd, "africa-this-week", before=None, limit=51)
    ] == expected[:51]
    assert [
        one.id for one in readers_of(crowd, "africa-this-week", before=expected[50], limit=100)
    ] == expected[51:]
    lines = plans(
        crowd,
        database,
        lambda: readers_of(crowd, "africa-this-week", before=None, limit=51),
        table="subscriptions",
    )
    assert any("ix_subscriptions_audience" in line for line in lines)
    assert not any(line.startswith(("Seq Scan", "SCAN")) for line in lines)


def test_those_not_mailed_are_listed_by_their_state(crowd: Session, database: Database) -> None:
    crowd.execute(
        sa.update(Subscriber).where(Subscriber.id < 30).values(state=SubscriberState.SUPPRESSED)
    )
    lines = plans(
        crowd, database, lambda: suppressed_subscribers(crowd, keys=("key",), before=None)
    )
    assert any("ix_subscribers_state_id" in line for line in lines)


def test_what_was_sent_to_somebody_is_found_by_them(crowd: Session, database: Database) -> None:
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    compiled = last_sent(17).compile(crowd.get_bind(), compile_kwargs={"literal_binds": True})
    rows = crowd.connection().exec_driver_sql(explain + str(compiled))
    lines = [str(row[-1]) for row in rows]
    assert any("ix_deliveries_subscriber_id" in line for line in lines), lines


def test_twenty_thousand_articles_are_searched_at_once(
    session: Session, database: Database
) -> None:
    first = select(sa.literal(1).label("n")).cte("numbered", recursive=True)
    number = first.union_all(select(first.c.n + 1).where(first.c.n < ARTICLES)).c.n
    text = sa.cast(number, sa.String)
    body = sa.literal("the pier at Lomé " * 500)
    fill(
        session,
        Article,
        identity=text,
        likeness=text,
        title=sa.literal("Piece ") + text,
        standfirst=sa.literal(""),
        body_html=body,
        body_text=body,
        words=sa.literal(900),
        revision=sa.literal(1),
        checksum=text,
        state=sa.literal("published"),
        **{name: sa.literal([], Article.flags.type) for name in _LISTS},
        printed=sa.literal({}, Article.printed.type),
        noticed_at=moment(NOW),
        updated_at=moment(NOW),
    )
    fill(
        session,
        ArticleCard,
        article_id=Article.id,
        words=sa.literal("piece afi mensah ") + sa.cast(Article.id, sa.String),
        series=sa.literal("CWA Commentary"),
        places=rarely(Article.id, " west-africa africa ML ", " europe FR "),
        flagged=Article.id % 500 == 0,
        withdrawn=Article.id % 1_000 == 0,
    )
    session.execute(sa.text("ANALYZE"))
    assert session.scalar(select(func.count()).select_from(ArticleCard)) == ARTICLES
    for wanted in (
        Wanted(words="mensah 19999"),
        Wanted(country="ML", withdrawn=True),
        Wanted(flagged=True),
        Wanted(words="nowhere to be found"),
    ):
        started = time.perf_counter()
        find_articles(session, wanted)
        took = time.perf_counter() - started
        print(f"{wanted}: {took * 1000:.1f} ms")  # noqa: T201 - `pytest -s` shows the times
        assert took < PATIENCE_SECONDS


_LISTS = ("regions", "countries", "topics", "related", "flags", "settled_flags")
