"""Sources polled: a real site on loopback, on both databases."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from alerts.articles.fetching.fetcher import Fetcher
from alerts.articles.models import Article, ArticleState
from alerts.articles.sources.claims import claim_due_sources
from alerts.articles.sources.discovery import Discovered, discover
from alerts.articles.sources.models import Source, SourceEntry, SourceKind
from alerts.articles.sources.polling import poll_source
from alerts.articles.sources.service import (
    add_source,
    list_sources,
    long_failing,
    pause_source,
    remove_source,
    resume_source,
)
from alerts.articles.sources.shown import NoSource
from alerts.articles.sources.taking import Poll
from alerts.claims import claim_row
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import Refused
from tests.data.articles.site import LocalSite, served

EVERY = timedelta(minutes=15)


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with served(LocalSite()) as site:
        yield site


def added(database: Database, kind: SourceKind, url: str, clock: FixedClock) -> int:
    with database.transaction() as session:
        return add_source(session, Discovered(kind, url), every=EVERY, clock=clock).id


def polled(database: Database, source_id: int, fetcher: Fetcher, clock: FixedClock) -> Poll:
    poll = poll_source(database, source_id, fetcher=fetcher, clock=clock)
    assert poll is not None
    return poll


def source_of(database: Database, source_id: int) -> Source:
    with database.read() as session:
        return session.get_one(Source, source_id)


@pytest.mark.parametrize(
    ("kind", "path"), [(SourceKind.FEED, "/feed.xml"), (SourceKind.LISTING, "/list.php")]
)
def test_a_second_poll_fetches_nothing_it_has(
    database: Database,
    site: LocalSite,
    fetcher: Fetcher,
    clock: FixedClock,
    kind: SourceKind,
    path: str,
) -> None:
    number = added(database, kind, site.url + path, clock)

    first = polled(database, number, fetcher, clock)
    site.asked.clear()
    clock.advance(EVERY)
    second = polled(database, number, fetcher, clock)

    assert (len(first.added), first.refused) == (3, [])
    assert (second.added, second.updated, second.unchanged) == ([], [], 0)
    assert site.asked == [path]

    site.pages += 1
    site.asked.clear()
    third = polled(database, number, fetcher, clock)
    assert [article.number for article in third.added] == ["1004"]
    assert len(site.asked) == 2


def test_a_page_of_two_sources_is_fetched_once(
    database: Database, site: LocalSite, fetcher: Fetcher, clock: FixedClock
) -> None:
    feed = added(database, SourceKind.FEED, f"{site.url}/feed.xml", clock)
    listing = added(database, SourceKind.LISTING, f"{site.url}/list.php", clock)

    polled(database, feed, fetcher, clock)
    poll = polled(database, listing, fetcher, clock)

    assert poll.added == []
    assert site.count("view_cir_articles") == 3
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Article)) == 3


def test_a_correction_is_noticed_within_a_day(
    database: Database, site: LocalSite, fetcher: Fetcher, clock: FixedClock
) -> None:
    number = added(database, SourceKind.FEED, f"{site.url}/feed.xml", clock)
    polled(database, number, fetcher, clock)

    site.corrected[2] = "An earlier version named the wrong minister. "
    clock.advance(timedelta(hours=25))
    poll = polled(database, number, fetcher, clock)

    assert [article.number for article in poll.updated] == ["1002"]
    assert poll.unchanged == 2
    assert poll.updated[0].revision == 2
    clock.advance(timedelta(days=20))
    polled(database, number, fetcher, clock)
    site.asked.clear()
    clock.advance(timedelta(days=2))
    polled(database, number, fetcher, clock)
    assert site.asked == ["/feed.xml"]


def test_a_page_that_stays_gone_is_withdrawn(
    database: Database, site: LocalSite, fetcher: Fetcher, clock: FixedClock
) -> None:
    number = added(database, SourceKind.FEED, f"{site.url}/feed.xml", clock)
    polled(database, number, fetcher, clock)
    site.gone.add(1)

    clock.advance(timedelta(hours=25))
    once = polled(database, number, fetcher, clock)
    clock.advance(timedelta(minutes=30))
    soon = polled(database, number, fetcher, clock)
    clock.advance(timedelta(minutes=31))
    twice = polled(database, number, fetcher, clock)

    assert (once.withdrawn, soon.withdrawn) == ([], [])
    assert [article.number for article in twice.withdrawn] == ["1001"]
    with database.read() as session:
        states = session.scalars(select(Article.state).order_by(Article.number)).all()
    assert states[0] is ArticleState.WITHDRAWN
    assert set(states[1:]) == {ArticleState.PUBLISHED}


def test_a_page_that_is_gone_for_a_moment_stays(
    database: Database, site: LocalSite, fetcher: Fetcher, clock: FixedClock
) -> None:
    number = added(database, SourceKind.FEED, f"{site.url}/feed.xml", clock)
    polled(database, number, fetcher, clock)
    site.gone.add(1)
    clock.advance(timedelta(hours=25))
    polled(database, number, fetcher, clock)
    site.gone.clear()
    clock.advance(timedelta(hours=2))
    polled(database, number, fetcher, clock)

    with database.read() as session:
        assert session.scalars(select(SourceEntry.gone_since)).all() == [None] * 3
        assert set(session.scalars(select(Article.state))) == {ArticleState.PUBLISHED}


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


def test_a_page_in_trouble_is_tried_again_and_one_that_is_no_article_is_not(
    database: Database, site: LocalSite, fetcher: Fetcher, clock: FixedClock
) -> None:
    page = "/view_cir_articles.php"
    site.answers[page] = (500, "text/html", "")
    number = added(database, SourceKind.FEED, f"{site.url}/feed.xml", clock)
    assert len(polled(database, number, fetcher, clock).refused) == 3

    site.answers[page] = (200, "text/html", "<html><body><p>Hm.</p></body></html>")
    clock.advance(timedelta(hours=1))
    poll = polled(database, number, fetcher, clock)
    assert len(poll.refused) == 3
    site.asked.clear()
    clock.advance(timedelta(days=3))
    polled(database, number, fetcher, clock)
    assert site.count(page) == 0


def test_the_feeds_own_text_stands_in_for_a_page_that_cannot_be_had(
    database: Database, site: LocalSite, fetcher: Fetcher, clock: FixedClock
) -> None:
    text = "<p>" + "The pier is long, and the customs house is not. " * 20 + "</p>"
    item = (
        f"<item><title>A pier and its customs house</title><link>{site.url}/closed/1</link>"
        "<pubDate>Sun, 22 Nov 2026 08:00:00 GMT</pubDate><author>Afi Mensah</author>"
        f"<content:encoded><![CDATA[{text}]]></content:encoded></item>"
    )
    feed = (
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>'
        f"{item}</channel></rss>"
    )
    site.answers = {
        "/feed.xml": (200, "application/rss+xml", feed),
        "/closed/1": (403, "text/html", ""),
    }
    number = added(database, SourceKind.FEED, f"{site.url}/feed.xml", clock)
    (article,) = polled(database, number, fetcher, clock).added
    assert article.title == "A pier and its customs house"
    assert [author.name for author in article.authors] == ["Afi Mensah"]
    assert any("text of the feed" in flag for flag in article.flags)


def test_a_permanent_redirect_moves_the_source(
    database: Database, site: LocalSite, fetcher: Fetcher, clock: FixedClock
) -> None:
    site.answers["/old.xml"] = (301, "text/plain", "/feed.xml")
    number = added(database, SourceKind.FEED, f"{site.url}/old.xml", clock)
    polled(database, number, fetcher, clock)
    source = source_of(database, number)
    assert (source.url, source.moved_from) == (f"{site.url}/feed.xml", f"{site.url}/old.xml")


def test_a_single_page_is_a_source_too(
    database: Database, site: LocalSite, fetcher: Fetcher, clock: FixedClock
) -> None:
    url = f"{site.url}/view_cir_articles.php?recordNo=2"
    number = added(database, SourceKind.PAGE, url, clock)
    assert len(polled(database, number, fetcher, clock).added) == 1
    assert polled(database, number, fetcher, clock).unchanged == 1
    site.corrected[2] = "The pier was measured anew, and is shorter. "
    assert len(polled(database, number, fetcher, clock).updated) == 1


def test_a_watched_folder_brings_what_is_new_or_changed(
    database: Database, fetcher: Fetcher, clock: FixedClock, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    text = "A pier\n\nAfi Mensah\n\n" + "The pier is long, and the customs house is not. " * 30
    (folder / "one.txt").write_text(text)
    (folder / "notes.xlsx").write_text("nothing")
    (tmp_path / "secret.txt").write_text(text)
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    number = added(database, SourceKind.FOLDER, str(folder), clock)

    assert len(polled(database, number, fetcher, clock).added) == 1
    again = polled(database, number, fetcher, clock)
    assert (again.added, again.unchanged) == ([], 0)
    (folder / "one.txt").write_text(text + "It was measured.\n")
    assert len(polled(database, number, fetcher, clock).updated) == 1
    (folder / "one.txt").unlink()
    gone = polled(database, number, fetcher, clock)
    assert (gone.withdrawn, gone.error) == ([], None)


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


@pytest.mark.parametrize(
    ("path", "kind", "url"),
    [
        ("/", SourceKind.FEED, "/feed.xml"),
        ("/feed.xml", SourceKind.FEED, "/feed.xml"),
        ("/list.php", SourceKind.LISTING, "/list.php"),
        (
            "/view_cir_articles.php?recordNo=1",
            SourceKind.PAGE,
            "/view_cir_articles.php?recordNo=1",
        ),
    ],
)
def test_auto_finds_out_by_itself(
    site: LocalSite, fetcher: Fetcher, path: str, kind: SourceKind, url: str
) -> None:
    assert discover(site.url + path, fetcher=fetcher) == Discovered(kind, site.url + url)


def test_auto_knows_folders_and_refuses_the_rest(
    site: LocalSite, fetcher: Fetcher, tmp_path: Path
) -> None:
    assert discover(str(tmp_path), fetcher=fetcher) == Discovered(SourceKind.FOLDER, str(tmp_path))
    with pytest.raises(NoSource, match="neither a web address nor a folder"):
        discover(str(tmp_path / "none"), fetcher=fetcher)
    site.answers["/nothing"] = (200, "text/html", "<html><body><p>Hm.</p></body></html>")
    with pytest.raises(NoSource, match="neither a feed, nor does it list"):
        discover(f"{site.url}/nothing", fetcher=fetcher)
