"""About how many fit: a sample costs the same however many readers there are, and says how sure."""

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.database import Database, TookTooLong
from alerts.delivery.received import received
from alerts.newsletters.service import ensure_built_in
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.subscribers.segments.estimating import SAMPLE, Estimate, estimate
from alerts.subscribers.segments.parser import parse
from alerts.subscribers.segments.service import Segments
from alerts.web.desk.subscribers.counting import estimated_in_words
from alerts.web.kept_counts import Counted, KeptCounts
from tests.conftest import NOW
from tests.factories import add_readers
from tests.integration.test_segments_indexes import RARE, READERS, add_crowd
from tests.integration.test_web_desk_plans import is_scanned, plans

# More deviations than a sample is ever off by: one of ten million runs fails.
_FAR_OFF = 3
FOREVER = """
WITH RECURSIVE numbered (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbered WHERE n < 1000000000)
SELECT count(*) FROM numbered
"""


@pytest.fixture
def segments(session: Session, clock: FixedClock) -> Segments:
    ensure_built_in(session, clock=clock)
    session.flush()
    return Segments(session, clock=clock, received=received)


def test_few_readers_are_all_asked(session: Session, segments: Segments) -> None:
    nobody = estimate(session, segments, parse("state is confirmed"))
    assert nobody == Estimate(0, 0, 0)
    ids = add_readers(session, ["ama", "li", "bo"], now=NOW)
    add_readers(session, ["new"], now=NOW, state=SubscriberState.UNCONFIRMED)
    session.delete(session.get_one(Subscriber, ids[1]))
    session.flush()
    assert estimate(session, segments, parse("newsletter is gp-alert")) == Estimate(3, 2, 0)


def test_of_many_a_sample_is_asked_and_nobody_else(
    session: Session, segments: Segments, database: Database
) -> None:
    add_crowd(session)
    assert READERS > SAMPLE
    rare, usual = READERS // RARE, READERS - READERS // RARE
    for query, matching, reachable in (
        ("domain is rare.example", rare, 0),
        ("frequency is weekly and not newsletter is africa-this-week", usual, usual),
        ("state is confirmed or left in the last 7 days", usual, usual),
        ("received something", READERS, usual),
    ):
        found = estimate(session, segments, parse(query))
        assert abs(found.matching - matching) <= _FAR_OFF * max(found.margin, 20), query
        assert abs(found.reachable - reachable) <= _FAR_OFF * max(found.margin, 20), query
        lines = plans(
            session,
            database,
            # So few that looking at all 20,000 would be dearer, as it is for 3,000 of a million.
            lambda query=query: estimate(session, segments, parse(query), size=300),
        )
        assert not is_scanned(lines), lines
    everybody = estimate(session, segments, parse("received something"))
    assert 0 < everybody.margin <= READERS / 100
    none = estimate(session, segments, parse("email is nobody@example.net"))
    assert none.matching == 0
    assert 0 < none.margin <= READERS / 100


def test_an_estimate_is_told_as_one() -> None:
    assert estimated_in_words(Estimate(412_345, 398_765, 17_654)) == (
        "About 410,000 subscribers fit, give or take 20,000; about 400,000 of them can be mailed."
    )
    assert estimated_in_words(Estimate(0, 0, 1_000)) == ("Few or none fit: fewer than about 1,000.")
    assert estimated_in_words(Estimate(1, 1, 0)) == "1 subscriber fits, 1 of them can be mailed."


def test_a_read_is_stopped_after_its_time_and_the_next_one_is_not(database: Database) -> None:
    with pytest.raises(TookTooLong), database.read_within(timedelta(milliseconds=100)) as session:
        session.execute(text(FOREVER))
    with database.read_within(timedelta(seconds=30)) as session:
        assert session.scalar(select(1)) == 1
    # The connections that the limit was set on are used again, for what takes longer.
    long = FOREVER.replace("1000000000", "300000")
    for _ in range(3):
        with database.read() as session:
            assert session.scalar(text(long)) == 300_000


def test_nobody_waits_for_a_count_that_takes_long(clock: FixedClock) -> None:
    counts, begun, go_on = KeptCounts(), threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        assert go_on.wait(60)
        return 7

    other = threading.Thread(target=lambda: counts.get("all", slow, clock=clock, patience=60))
    other.start()
    assert begun.wait(60)
    assert counts.get_at_once("some", lambda: 1, clock=clock) is None
    go_on.set()
    other.join()
    # It is written down on the thread that counted, a moment after.
    while (some := counts.get_at_once("some", lambda: 1, clock=clock)) is None:
        time.sleep(0.01)
    assert some == Counted(1, clock.now())
    assert counts.get_at_once("all", lambda: 8, clock=clock) == Counted(7, clock.now())
    counts.close()
