"""What the send path asks of the database goes by indexes, however many readers there are.

An issue is sent for a few of 20,000 readers; every statement that was sent meanwhile is explained
anew, on the database it was sent to. `pytest -s` prints the plans.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, literal, select
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.completion import cancel_issue
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.preparation import prepare_issue
from alerts.inbound.models import InboundMail
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import IssueState
from alerts.operations.moments import clocked
from alerts.set_back import draw_near
from alerts.subscribers.models import Frequency, Subscriber, SubscriberState, Subscription
from alerts.task_queue import RecordingTaskQueue
from tests.conftest import NOW
from tests.data.delivery.house import House
from tests.factories import RENDERER, SETTINGS, approved_issue
from tests.integration.test_segments_indexes import fill, moment
from tests.integration.test_segments_indexes import plan as plan_of

READERS, EVERY = 20_000, 40
AUDIENCE = READERS // EVERY
# The tables that grow with the readers.
LARGE = ("subscribers", "subscriptions", "consent_records", "suppressions", "deliveries")
Statement = tuple[str, Any]


def add_crowd(session: Session) -> None:
    """Add 20,000 readers, one of forty of whom gets GP Alert at once, and their ledger so far."""
    first = select(literal(1).label("n")).cte("numbered", recursive=True)
    number = first.union_all(select(first.c.n + 1).where(first.c.n < READERS)).c.n
    name = sa.cast(number, sa.String)
    fill(
        session,
        Subscriber,
        public_id=name,
        email=name + "@example.org",
        email_key=name + "@example.org",
        state=literal(SubscriberState.CONFIRMED.value),
        created_at=moment(NOW),
    )
    is_due = Subscriber.id % EVERY == 0
    fill(
        session,
        Subscription,
        subscriber_id=Subscriber.id,
        newsletter=sa.case((is_due, "gp-alert"), else_="africa-this-week"),
        frequency=sa.case((is_due, Frequency.IMMEDIATE.value), else_=Frequency.WEEKLY.value),
        wish=literal(""),
        started_at=moment(NOW),
    )


def add_former_issues(session: Session, issue_id: int) -> None:
    """Write down that everybody had an issue: the ledger is as long as the readers are many."""
    fill(
        session,
        Delivery,
        issue_id=literal(issue_id),
        subscriber_id=Subscriber.id,
        state=literal(DeliveryState.SENT.value),
        attempts=literal(1),
        last_attempt_at=moment(NOW),
    )


@contextmanager
def noted(database: Database) -> Iterator[list[Statement]]:
    """Note what is sent to the database, each statement once, with its last parameters."""
    found: dict[str, Any] = {}

    def note(_c: object, _u: object, statement: str, given: Any, _x: object, many: bool) -> None:  # noqa: ANN401 - the driver's own
        if any(f" {table}" in statement for table in LARGE):
            found[statement] = given[0] if many else given

    event.listen(database.engine, "before_cursor_execute", note)
    seen: list[Statement] = []
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
        seen += found.items()


def plan(database: Database, session: Session, statement: Statement) -> list[str]:
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    rows = session.connection().exec_driver_sql(explain + statement[0], statement[1])
    return [str(row[-1]) for row in rows]


def scans(lines: Sequence[str]) -> list[str]:
    """Return the lines of a plan that look at a whole large table, or at a whole index of it."""
    return [
        line
        for line in lines
        for table in LARGE
        if f"Seq Scan on {table}" in line or line.startswith((f"SCAN {table}", f"SCAN {table} "))
    ]


@pytest.fixture
def house(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    """Return a house in which an issue is to go to 500 of 20,000 readers, who had one before."""
    house = House(database, clock, tmp_path)
    with database.transaction() as session:
        add_crowd(session)
    former = approved_issue(database, clock)
    with database.transaction() as session:
        get_issue(session, former).state = IssueState.SENT
        add_former_issues(session, former)
    house.issue_id = approved_issue(database, clock)
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("ANALYZE"))
    return house


def take_audience(house: House) -> None:
    prepare_issue(
        house.database,
        house.issue_id,
        renderer=RENDERER,
        base_url=SETTINGS.base_url,
        clock=house.clock,
        queue=RecordingTaskQueue(),
    )


def test_no_statement_of_a_batch_looks_at_all_readers(house: House, database: Database) -> None:
    take_audience(house)
    with database.read() as session:
        batches = session.scalars(select(Batch.id).where(Batch.issue_id == house.issue_id)).all()
    assert len(batches) == AUDIENCE // 250
    # One reader leaves, one mail is put off, one refused: their statements are looked at, too.
    with database.transaction() as session:
        session.get_one(Subscriber, EVERY).state = SubscriberState.UNSUBSCRIBED
    house.transport.answers = {
        str(2 * EVERY): [Outcome(Fate.TEMPORARY, 451, "4.7.1 later")],
        str(3 * EVERY): [Outcome(Fate.PERMANENT, 550, "5.1.1 unknown")],
    }
    with noted(database) as first:
        for batch in batches:
            house.sender.work_off(batch)
    with noted(database) as second:
        house.later(hours=1)
        for batch in house.swept():
            house.sender.work_off(batch)
        house.swept()
    assert sum(house.transport.got.values()) == AUDIENCE - 2
    statements = dict(first) | dict(second)
    assert len(statements) >= 5
    assert any("FROM subscribers" in text or "JOIN subscribers" in text for text in statements)
    with database.read() as session:
        for text, given in statements.items():
            lines = plan(database, session, (text, given))
            print(text, *lines, sep="\n    ")  # noqa: T201 - `pytest -s` shows the plans
            assert scans(lines) == [], text


def test_the_audience_is_read_by_its_index(house: House, database: Database) -> None:
    with noted(database) as statements:
        take_audience(house)
    taking = [one for one in statements if "INSERT INTO deliveries" in one[0]]
    assert taking
    with database.read() as session:
        for one in taking:
            lines = plan(database, session, one)
            print(one[0], *lines, sep="\n    ")  # noqa: T201 - `pytest -s` shows the plans
            assert any("ix_subscriptions_audience" in line for line in lines), lines
            assert scans(lines) == [], lines


def test_what_was_cancelled_is_settled_by_its_batches(house: House, database: Database) -> None:
    take_audience(house)
    with database.transaction() as session:
        cancel_issue(session, house.issue_id, clock=house.clock)
    # What a worker gives back after the issue was cancelled.
    with database.transaction() as session:
        one = session.scalars(select(Delivery).where(Delivery.issue_id == house.issue_id)).first()
        assert one
        one.state, one.reason = DeliveryState.PENDING, None
    with noted(database) as statements:
        assert house.swept() == []
    with database.read() as session:
        for statement in statements:
            lines = plan(database, session, statement)
            assert scans(lines) == [], statement[0]
        states = select(Delivery.state).where(Delivery.issue_id == house.issue_id).distinct()
        assert session.scalars(states).all() == [DeliveryState.SKIPPED]
        left = select(Batch.state).where(Batch.issue_id == house.issue_id).distinct()
        assert session.scalars(left).all() == [BatchState.DONE]
    # Once settled, nothing is asked of the ledger again.
    with noted(database) as statements:
        house.swept()
    assert not any("UPDATE deliveries" in text for text, _ in statements)


def test_what_lies_too_far_ahead_is_found_by_indexes(house: House, database: Database) -> None:
    # Each worker looks for it three times a minute.
    moments = list(clocked(leases=[timedelta(minutes=1)]))
    with noted(database) as statements, database.transaction() as session:
        assert draw_near(session, moments, clock=house.clock) == 0
    assert {text.split()[1] for text, _ in statements} == {"subscribers", "subscriptions"}
    with database.read() as session:
        for statement in statements:
            lines = plan(database, session, statement)
            assert scans(lines) == [], statement[0]
        if not database.is_sqlite:
            # Of few mails it would read them all, as is right.
            session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        of_mails = [one.where for one in moments if one.column.class_ is InboundMail]
        assert len(of_mails) == 2
        for where in of_mails:
            assert where is not None
            lines = plan_of(session, select(InboundMail.id).where(where), database)
            assert any("ix_inbound_mails_" in line for line in lines), lines
