"""When a source is polled, and by whom: each in its turn, by one poller, later where it fails."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from alerts.articles.fetching.fetcher import Fetcher
from alerts.articles.models import Article
from alerts.articles.sources.claims import claim_due_sources
from alerts.articles.sources.models import Source, SourceEntry, SourceKind
from alerts.articles.sources.polling import poll_source
from alerts.articles.sources.service import (
    list_sources,
    long_failing,
    pause_source,
    remove_source,
    resume_source,
)
from alerts.articles.sources.taking import Poll
from alerts.claims import claim_row
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import Refused
from tests.data.articles.polls import EVERY, added, polled, source_of
from tests.data.articles.site import LocalSite


def test_a_failing_source_is_left_alone_ever_longer_and_shown_after_a_day(
    database: Database, site: LocalSite, fetcher: Fetcher, clock: FixedClock
) -> None:
    number = added(database, SourceKind.FEED, f"{site.url}/feed.xml", clock)
    site.broken = 503
    pauses = []
    for _ in range(3):
        poll = polled(database, number, fetcher, clock)
        assert poll.error == "the server answered 503"
        pauses.append(source_of(database, number).next_poll_at - clock.now())
        clock.advance(timedelta(hours=9))

    assert pauses[0] >= EVERY * 1.5
    assert pauses[2] > pauses[0]
    with database.read() as session:
        (shown,) = long_failing(session, clock=clock)
    assert (shown.last_error, shown.failures) == ("the server answered 503", 3)

    site.broken = None
    polled(database, number, fetcher, clock)
    source = source_of(database, number)
    assert (source.failures, source.failing_since, source.last_error) == (0, None, None)


def test_what_a_server_asks_to_wait_is_waited(
    database: Database, site: LocalSite, fetcher: Fetcher, clock: FixedClock
) -> None:
    number = added(database, SourceKind.FEED, f"{site.url}/feed.xml", clock)
    site.broken, site.retry_after = 429, "36000"
    polled(database, number, fetcher, clock)
    assert source_of(database, number).next_poll_at == clock.now() + timedelta(hours=10)


def test_ten_pollers_at_once_poll_once(
    database: Database, site: LocalSite, clock: FixedClock
) -> None:
    number = added(database, SourceKind.FEED, f"{site.url}/feed.xml", clock)
    start = threading.Barrier(10)
    polls: list[Poll | None] = []

    def poll() -> None:
        fetcher = Fetcher(contact="https://alerts.example.org", allowed_hosts=["127.0.0.1"])
        start.wait()
        polls.append(poll_source(database, number, fetcher=fetcher, clock=clock))
        fetcher.close()

    threads = [threading.Thread(target=poll) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(polls) == 10
    assert site.count("view_cir_articles") == 3
    assert sum(len(poll.added) for poll in polls if poll) == 3


def test_a_claim_that_was_lost_writes_nothing_more(
    database: Database, site: LocalSite, fetcher: Fetcher, clock: FixedClock
) -> None:
    number = added(database, SourceKind.FEED, f"{site.url}/feed.xml", clock)
    assert claim_row(database, Source, number, clock=clock) is not None
    assert poll_source(database, number, fetcher=fetcher, clock=clock) is None
    # Whoever held it died; after the lease another goes on.
    clock.advance(timedelta(minutes=6))
    assert len(polled(database, number, fetcher, clock).added) == 3


def test_a_poll_that_takes_too_long_is_gone_on_with(
    database: Database, site: LocalSite, fetcher: Fetcher, clock: FixedClock
) -> None:
    number = added(database, SourceKind.FEED, f"{site.url}/feed.xml", clock)
    poll = poll_source(database, number, fetcher=fetcher, clock=clock, most_seconds=-1)
    assert poll is not None
    assert (poll.added, poll.left) == ([], 3)
    assert source_of(database, number).next_poll_at == clock.now()
    assert len(polled(database, number, fetcher, clock).added) == 3


def test_the_tick_takes_each_due_source_once(
    database: Database, site: LocalSite, clock: FixedClock
) -> None:
    one = added(database, SourceKind.FEED, f"{site.url}/feed.xml", clock)
    two = added(database, SourceKind.LISTING, f"{site.url}/list.php", clock)
    with database.transaction() as session:
        pause_source(session, two)
    with database.transaction() as session:
        assert claim_due_sources(session, clock=clock) == [one]
    with database.transaction() as session:
        assert claim_due_sources(session, clock=clock) == []
        resume_source(session, two, clock=clock)
    clock.advance(EVERY)
    with database.transaction() as session:
        assert claim_due_sources(session, clock=clock) == [two, one]


def test_a_source_goes_with_the_tick_nearest_to_its_time_but_never_too_early_after_trouble(
    database: Database, site: LocalSite, fetcher: Fetcher, clock: FixedClock
) -> None:
    number = added(database, SourceKind.FEED, f"{site.url}/feed.xml", clock)

    def claimed() -> bool:
        with database.transaction() as session:
            return claim_due_sources(session, clock=clock) == [number]

    assert claimed()
    # Looking took some seconds, and so the source is due some seconds after a tick.
    clock.advance(timedelta(seconds=8))
    polled(database, number, fetcher, clock)
    clock.advance(EVERY - timedelta(seconds=8))
    assert claimed()
    assert not claimed()
    with database.transaction() as session:
        source = session.get_one(Source, number)
        source.failing_since, source.next_poll_at = clock.now(), clock.now() + EVERY
    clock.advance(EVERY - timedelta(seconds=8))
    assert not claimed()
    clock.advance(timedelta(seconds=8))
    assert claimed()


def test_the_same_source_is_kept_once_and_may_be_removed(
    database: Database, site: LocalSite, fetcher: Fetcher, clock: FixedClock
) -> None:
    number = added(database, SourceKind.FEED, f"{site.url}/feed.xml", clock)
    with pytest.raises(Refused, match=f"is source {number} already"):
        added(database, SourceKind.FEED, f"{site.url}/feed.xml#top", clock)
    polled(database, number, fetcher, clock)
    with database.transaction() as session:
        remove_source(session, number)
    with database.read() as session:
        assert list_sources(session) == []
        assert session.scalar(select(func.count()).select_from(SourceEntry)) == 0
        assert session.scalar(select(func.count()).select_from(Article)) == 3
