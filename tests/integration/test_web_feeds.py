"""Feeds, the sitemap and robots.txt, read by the readers they are made for."""

from dataclasses import replace
from datetime import timedelta
from urllib.robotparser import RobotFileParser

import feedparser
import pytest
from lxml import etree
from sqlalchemy import text

from alerts.newsletters.models import IssueState
from alerts.subscribers.models import Frequency
from tests.data.rendering import samples
from tests.data.web.running import RunningSite

NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
HOSTILE = "<b>]]>&amp; \x0b\x1f\ufffe “Zürich” 🎉 <script>alert(1)</script>"


def _weekly(site: RunningSite, number: int) -> None:
    site.add_issue(samples.africa_this_week(), number, frequency=Frequency.WEEKLY)


def _read(site: RunningSite, path: str) -> feedparser.FeedParserDict:
    answer = site.client.get(path)
    assert answer.status_code == 200, path
    return feedparser.parse(answer.content, response_headers=dict(answer.headers))


@pytest.mark.parametrize("path", ["/archive/feed.atom", "/archive/africa-this-week/feed.atom"])
def test_a_feed_is_read_without_complaint(site: RunningSite, path: str) -> None:
    empty = _read(site, path)
    assert not empty.bozo, empty.get("bozo_exception")
    assert empty.entries == []
    assert empty.feed.updated
    _weekly(site, 86)
    read = _read(site, path)
    assert not read.bozo, read.get("bozo_exception")
    assert read.version == "atom10"
    assert read.feed.author
    entry = read.entries[0]
    assert entry.link == f"{site.url}/archive/africa-this-week/86"
    assert entry.id == "tag:127.0.0.1,2026-11-23:africa-this-week/weekly-86"
    assert entry.title.startswith("Africa This Week #86: Who keeps the peace")
    assert "After the blue helmets" in entry.content[0].value
    assert {link["rel"]: link["href"] for link in read.feed.links}["self"] == site.url + path


@pytest.mark.parametrize("path", ["/archive/feed.json", "/archive/africa-this-week/feed.json"])
def test_a_json_feed_says_the_same(site: RunningSite, path: str) -> None:
    _weekly(site, 86)
    answer = site.client.get(path)
    assert answer.headers["content-type"].startswith("application/feed+json")
    feed = answer.json()
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == site.url + path
    entry = _read(site, path.replace(".json", ".atom")).entries[0]
    (item,) = feed["items"]
    assert (item["id"], item["url"], item["title"]) == (entry.id, entry.link, entry.title)
    assert "After the blue helmets" in item["content_html"]
    assert item["date_published"].endswith("Z")


def test_what_is_hostile_stays_text(site: RunningSite) -> None:
    content = samples.africa_this_week()
    essay = replace(
        content.sections[0].items[0],
        title=HOSTILE,
        standfirst=HOSTILE,
        authors=(HOSTILE,),
        url="javascript:alert(1)",
    )
    section = replace(content.sections[0], items=(essay,))
    hostile = replace(content, subject=HOSTILE, preheader=HOSTILE, sections=(section,))
    site.add_issue(hostile, 1, frequency=Frequency.WEEKLY)
    read = _read(site, "/archive/africa-this-week/feed.atom")
    assert not read.bozo, read.get("bozo_exception")
    markup = site.client.get("/archive/africa-this-week/feed.json").json()["items"][0]
    assert "<script" not in markup["content_html"]
    assert "&lt;script&gt;" in markup["content_html"]
    assert "javascript:" not in markup["content_html"]
    raw = site.client.get("/archive/africa-this-week/feed.atom").content
    assert b"<script" not in raw
    assert "Zürich" in (etree.fromstring(raw).findtext(".//{*}entry/{*}title") or "")


def test_the_newest_thirty_stand_in_it(site: RunningSite) -> None:
    for number in range(1, 33):
        site.clock.advance(timedelta(minutes=1))
        _weekly(site, number)
    links = [entry.link for entry in _read(site, "/archive/africa-this-week/feed.atom").entries]
    expected = [f"{site.url}/archive/africa-this-week/{number}" for number in range(32, 2, -1)]
    assert links == expected


def test_nothing_stands_in_it_before_it_is_sent(site: RunningSite) -> None:
    content = samples.africa_this_week()
    site.add_issue(content, 1, frequency=Frequency.WEEKLY, state=IssueState.SCHEDULED)
    for path in ("/archive/feed.atom", "/archive/feed.json", "/sitemap.xml"):
        assert "africa-this-week/1" not in site.client.get(path).text, path
    assert site.client.get("/archive/no-such/feed.atom").status_code == 404
    assert site.client.get("/archive/no-such/feed.json").status_code == 404


def _addresses(site: RunningSite, path: str) -> list[str]:
    answer = site.client.get(path)
    assert answer.status_code == 200, path
    return [one.text or "" for one in etree.fromstring(answer.content).iter(f"{NAMESPACE}loc")]


def test_the_sitemap_leads_to_all_that_is_public(site: RunningSite) -> None:
    _weekly(site, 86)
    addresses = _addresses(site, "/sitemap.xml")
    for path in ("/", "/archive/africa-this-week/86", "/archive/author/anu-maria-joseph"):
        assert site.url + path in addresses
    for address in addresses:
        assert site.client.get(address).status_code == 200, address


def test_a_site_with_many_issues_has_several_sitemaps(site: RunningSite) -> None:
    _weekly(site, 1)
    with site.runtime.database.transaction() as session:
        _multiply(session.execute, "issues", 50_000)
        _multiply(session.execute, "archive_issues", 50_000)
    assert _addresses(site, "/sitemap.xml") == [f"{site.url}/sitemap-{n}.xml" for n in (1, 2)]
    first = _addresses(site, "/sitemap-1.xml")
    second = _addresses(site, "/sitemap-2.xml")
    assert len(first) == 50_000
    assert len(set(first + second)) == len(first) + len(second) > 50_001
    for number in ("0", "3", "-1", "x", "9" * 30):
        assert site.client.get(f"/sitemap-{number}.xml").status_code == 404, number


def _multiply(execute: object, table: str, count: int) -> None:
    """Copy the only row of a table many times, under other numbers."""
    key = "id" if table == "issues" else "issue_id"
    columns = {
        "issues": "newsletter, frequency, state, subject, preheader, editors_note, until,"
        " created_at, started_at",
        "archive_issues": "newsletter, frequency, subject, date, out_at, preheader, pieces",
    }[table]
    assert callable(execute)
    execute(
        text(
            f"INSERT INTO {table} ({key}, number, {columns})"  # noqa: S608 - names of our own
            f" WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
            f" SELECT {key} + i, i + 1, {columns} FROM {table}, n"
        )
    )


def test_robots_keep_out_of_personal_pages(site: RunningSite) -> None:
    answer = site.client.get("/robots.txt")
    assert answer.headers["content-type"].startswith("text/plain")
    rules = RobotFileParser()
    rules.parse(answer.text.splitlines())
    for path in ("/preferences/x", "/unsubscribe/x", "/confirm/x", "/desk/", "/api/v1/articles"):
        assert not rules.can_fetch("AnyBot", site.url + path), path
    for path in ("/", "/subscribe", "/archive/", "/archive/africa-this-week/86"):
        assert rules.can_fetch("AnyBot", site.url + path), path
    assert rules.site_maps() == [f"{site.url}/sitemap.xml"]
