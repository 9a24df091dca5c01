"""Sources polled: what is new, corrected or gone is noticed once; trouble is met with patience."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from alerts.articles.fetching.fetcher import Fetcher
from alerts.articles.models import Article, ArticleState
from alerts.articles.sources.discovery import Discovered, discover
from alerts.articles.sources.models import SourceEntry, SourceKind
from alerts.articles.sources.shown import NoSource
from alerts.clock import FixedClock
from alerts.database import Database
from tests.data.articles.polls import EVERY, added, polled, source_of
from tests.data.articles.site import LocalSite


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
