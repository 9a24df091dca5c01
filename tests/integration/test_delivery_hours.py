"""Digests at the hour a reader named: batches that wait for it, whatever the clocks do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from alerts.clock import FixedClock, time_zones
from alerts.database import Database
from alerts.delivery.hours import next_at_hour
from alerts.delivery.models import Batch, Delivery
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.publishing import approve_issue
from alerts.delivery.sweeper import sweep
from alerts.newsletters.issues import draft_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.service import definition_of, ensure_built_in, get_newsletter
from alerts.subscribers.models import Frequency, Subscriber
from alerts.task_queue import RecordingTaskQueue
from tests.conftest import NOW
from tests.factories import RENDERER, SETTINGS, add_readers, an_article

ROUNDUP = "africa-this-week"
# Name, zone, hour; NOW is 2026-11-23 06:00 UTC, 11:30 in Kolkata.
READERS = (
    ("asha", "Asia/Kolkata", 11),
    ("bo", "Asia/Kolkata", 7),
    ("kofi", "Africa/Accra", 8),
    ("ama", "Africa/Accra", 8),
    ("li", None, 12),
    ("wei", None, None),
    ("zoe", "Europe/Paris", None),
)
DUE = {
    "asha": datetime(2026, 11, 23, 5, 30, tzinfo=UTC),
    "bo": datetime(2026, 11, 24, 1, 30, tzinfo=UTC),
    "kofi": datetime(2026, 11, 23, 8, tzinfo=UTC),
    "ama": datetime(2026, 11, 23, 8, tzinfo=UTC),
    "li": datetime(2026, 11, 23, 6, 30, tzinfo=UTC),
    "wei": None,
    "zoe": None,
}


def newsroom(session: Session, clock: FixedClock, *, readers_hour: bool) -> None:
    ensure_built_in(session, clock=clock)
    an_article(session, clock)
    newsletter = get_newsletter(session, ROUNDUP)
    definition = definition_of(newsletter).model_copy(update={"readers_hour": readers_hour})
    newsletter.definition = definition.model_dump(mode="json")
    names = [name for name, _, _ in READERS]
    add_readers(session, names, now=NOW, newsletter=ROUNDUP, frequency=Frequency.WEEKLY)
    for name, zone, hour in READERS:
        session.execute(
            update(Subscriber)
            .where(Subscriber.email == f"{name}@example.org")
            .values(time_zone=zone, send_hour=hour)
        )


def prepared(database: Database, clock: FixedClock) -> int:
    with database.transaction() as session:
        issue = draft_issue(session, ROUNDUP, clock=clock)
        approve_issue(session, issue.id, by="e", settings=SETTINGS, renderer=RENDERER, clock=clock)
        move(session, issue.id, Event.SEND, clock=clock)
        number = issue.id
    prepare_issue(
        database,
        number,
        renderer=RENDERER,
        base_url=SETTINGS.base_url,
        clock=clock,
        queue=RecordingTaskQueue(),
    )
    return number


def due(database: Database) -> dict[str, datetime | None]:
    with database.read() as session:
        rows = session.execute(
            select(Subscriber.email, Batch.not_before)
            .join(Delivery, Delivery.subscriber_id == Subscriber.id)
            .join(Batch, Batch.id == Delivery.batch_id)
        )
        return {email.partition("@")[0]: at for email, at in rows}


def test_each_reader_waits_for_their_own_hour(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session:
        newsroom(session, clock, readers_hour=True)
    prepared(database, clock)
    assert due(database) == DUE
    with database.read() as session:
        batches = session.scalars(select(Batch).order_by(Batch.number)).all()
    # One batch for each moment; the two readers in Accra share theirs.
    assert [batch.number for batch in batches] == list(range(5))


def test_a_batch_comes_up_when_its_hour_does(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session:
        newsroom(session, clock, readers_hour=True)
    prepared(database, clock)
    found: list[int] = []
    for _ in range(25):
        with database.transaction() as session:
            found += [one.id for one in sweep(session, clock=clock, lost_after=timedelta(days=9))]
        clock.advance(timedelta(hours=1))
    with database.read() as session:
        waiting = session.scalars(select(Batch.id).where(Batch.not_before.is_not(None))).all()
    assert sorted(found) == sorted(waiting)


def test_a_newsletter_without_readers_hours_sends_at_once(
    database: Database, clock: FixedClock
) -> None:
    with database.transaction() as session:
        newsroom(session, clock, readers_hour=False)
    prepared(database, clock)
    assert set(due(database).values()) == {None}


@given(
    st.sampled_from(sorted(time_zones().values())),
    st.integers(0, 23),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - made aware below
)
def test_an_hour_comes_once_within_a_day(zone: str, hour: int, moment: datetime) -> None:
    start = moment.replace(tzinfo=UTC)
    at = next_at_hour(start, ZoneInfo(zone), hour)
    # A day of 25 hours, or one in which the hour is skipped, may lie between.
    assert -timedelta(hours=1) < at - start <= timedelta(hours=26)


@pytest.mark.parametrize(
    ("start", "hour", "at"),
    [
        # The clocks skip 02:00 on that day: at the first moment after.
        ("2026-03-28T12:00", 2, "2026-03-29T01:00"),
        # They repeat 02:00 on that day: at its first pass.
        ("2026-10-24T12:00", 2, "2026-10-25T00:00"),
        ("2026-10-24T12:00", 8, "2026-10-25T07:00"),
        ("2026-10-24T06:00:03", 8, "2026-10-24T06:00"),
        ("2026-10-24T07:00:03", 8, "2026-10-25T07:00"),
    ],
)
def test_a_change_of_the_clocks_sends_once(start: str, hour: int, at: str) -> None:
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC)
    found = next_at_hour(begin, ZoneInfo("Europe/Paris"), hour)
    assert found == datetime.fromisoformat(at).replace(tzinfo=UTC)
