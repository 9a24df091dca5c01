"""The desk's room for sources: their health, adding, looking now, pausing, pace, removing."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.articles.fetching.fetcher import Fetcher
from alerts.articles.sources.models import Source, SourceKind, SourceState
from alerts.articles.sources.polling import poll_source
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.staff.models import AuditEntry
from alerts.task_queue import Queue, Task
from tests.data.articles.site import LocalSite, served
from tests.data.web.running import RunningSite, running_site
from tests.desk_world import Browser


@pytest.fixture
def site(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(database, clock, tmp_path, fetch_hosts=("127.0.0.1",)) as site:
        yield site


@pytest.fixture
def other() -> Iterator[LocalSite]:
    with served(LocalSite()) as other:
        yield other


def source(site: RunningSite, number: int = 1) -> Source | None:
    with site.runtime.database.read() as session:
        return session.get(Source, number)


def polled(site: RunningSite) -> None:
    """Do what a worker does with the polls on the queue."""
    with site.runtime.database.read() as session:
        numbers = list(session.scalars(select(Source.id)))
    fetcher = Fetcher(contact=site.url, allowed_hosts=["127.0.0.1"])
    for number in numbers:
        poll_source(site.runtime.database, number, fetcher=fetcher, clock=site.clock)
    fetcher.close()


def acts(site: RunningSite) -> list[str]:
    with site.runtime.database.read() as session:
        found = session.scalars(select(AuditEntry.act).order_by(AuditEntry.id))
        return [act for act in found if act.startswith("source")]


def test_a_source_is_found_out_and_looked_at_at_once(
    site: RunningSite, editor: Browser, other: LocalSite
) -> None:
    assert "There is no source yet" in editor.get("/desk/sources").text
    form = {"url": f"{other.url}/", "kind": "auto", "every": "30m"}
    page = editor.post("/desk/sources", form).text
    assert "Added: a feed. It is looked at now." in page
    assert f"The address led to {other.url}/feed.xml" in page
    assert site.queue.enqueued == [(Task.POLL_SOURCE, (1,), Queue.INBOUND)]
    found = source(site)
    assert found
    assert (found.kind, found.every_seconds) == (SourceKind.FEED, 1800)
    polled(site)
    page = editor.get("/desk/sources/1").text
    assert "3 shown, 3 taken in, 0 refused" in page
    assert page.count('href="/desk/articles/') == 3
    assert "3 articles" in editor.get("/desk/sources").text
    again = editor.post("/desk/sources", form)
    assert (again.status_code, "is source 1 already" in again.text) == (422, True)


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({"url": "/etc", "every": "15m"}, "url", "A web address"),
        ({"url": "file:///etc/", "every": "15m"}, "url", "A web address"),
        ({"url": "https://example.org/", "kind": "folder", "every": "1h"}, "kind", "choose one"),
        ({"url": "https://example.org/", "kind": "feed", "every": "1s"}, "every", "no interval"),
        ({"url": "http://10.1.1.1/feed", "kind": "auto", "every": "1h"}, "url", "could not be"),
    ],
)
def test_what_is_no_source_is_said_at_its_field(
    editor: Browser, site: RunningSite, form: dict[str, str], field: str, words: str
) -> None:
    page = editor.post("/desk/sources", form)
    assert page.status_code == 422
    assert words in page.text.partition(f'id="{field}-problem">')[2].partition("</p>")[0]
    assert f'value="{form["url"]}"' in page.text
    assert source(site) is None


def test_a_source_that_cannot_be_had_says_so_first(
    site: RunningSite, editor: Browser, other: LocalSite
) -> None:
    for name, kind in (("feed.xml", "feed"), ("list.php", "listing")):
        editor.post("/desk/sources", {"url": f"{other.url}/{name}", "kind": kind, "every": "1h"})
    polled(site)
    other.answers["/list.php"] = (503, "text/plain", "out of order")
    site.clock.advance(timedelta(hours=1))
    polled(site)
    page = editor.get("/desk/sources").text
    assert "1 source cannot be had at the moment" in page
    assert page.index("/desk/sources/2") < page.index("/desk/sources/1")
    assert "503" in page
    assert "1 try in a row" in editor.get("/desk/sources/2").text


def test_a_source_is_polled_paused_resumed_paced_and_removed(
    site: RunningSite, editor: Browser, other: LocalSite
) -> None:
    editor.post("/desk/sources", {"url": f"{other.url}/feed.xml", "kind": "feed", "every": "1 day"})
    polled(site)
    site.queue.enqueued.clear()
    assert "looked at now" in editor.post("/desk/sources/1/poll").text
    assert site.queue.enqueued == [(Task.POLL_SOURCE, (1,), Queue.INBOUND)]
    assert "Paused" in editor.post("/desk/sources/1/pause").text
    found = source(site)
    assert found
    assert found.state is SourceState.PAUSED
    assert editor.post("/desk/sources/1/pause").status_code == 409
    assert "Resumed" in editor.post("/desk/sources/1/resume").text
    wrong = editor.post("/desk/sources/1/interval", {"every": "often"})
    assert (wrong.status_code, 'value="often"' in wrong.text) == (422, True)
    assert "every 2 hours" in editor.post("/desk/sources/1/interval", {"every": "2 hours"}).text
    found = source(site)
    assert found
    assert found.every_seconds == 7200
    assert "Its articles stay" in editor.post("/desk/sources/1/remove").text
    assert source(site) is None
    assert "3" in editor.get("/desk/articles").text
    assert editor.get("/desk/sources/1").status_code == 404
    assert acts(site) == [
        "source.added",
        "source.polled",
        "source.paused",
        "source.resumed",
        "source.interval.changed",
        "source.removed",
    ]
