"""Links that are counted: where they lead, who is counted, and how counts are written."""

import re
import threading
import time
from datetime import timedelta

import pytest
from lxml import etree
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from alerts.delivery.clicks import ClickCounter, ClickDay, add_clicks, clicks_of
from alerts.delivery.publishing import approve_issue
from alerts.newsletters.issues import draft_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.service import get_newsletter
from alerts.paths import templates_dir
from alerts.rendering.links import CountedLinks, IssueLink
from alerts.rendering.service import Renderer
from alerts.tokens import CLICK, UNSUBSCRIBE, Tokens
from tests.data.web.running import RunningSite
from tests.desk_world import PATIENCE, Browser, table
from tests.factories import an_article, counted_queries

PERSON = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


def counting(site: RunningSite, *, counts: bool = True) -> tuple[int, str]:
    """Approve an issue whose newsletter counts clicks, or not; return its id and its HTML."""
    runtime = site.runtime
    with runtime.database.transaction() as session:
        newsletter = get_newsletter(session, "gp-alert")
        newsletter.definition = newsletter.definition | {"clicks": counts}
        an_article(session, site.clock, url="https://news.example.org/a?b=1&c=2")
        an_article(session, site.clock, url="https://news.example.org/other")
        issue = draft_issue(session, "gp-alert", clock=site.clock)
        edition = approve_issue(
            session,
            issue.id,
            by="editor",
            settings=runtime.settings,
            renderer=Renderer(templates_dir("email"), links=CountedLinks(runtime.tokens, site.url)),
            clock=site.clock,
        )
        move(session, issue.id, Event.SEND, clock=site.clock)
        return issue.id, edition.html


def counted_in(html: str, site: RunningSite) -> list[str]:
    """Return the counted links in a mail, each once, in order."""
    return list(dict.fromkeys(re.findall(rf'href="({re.escape(site.url)}/c/[^"]+)"', html)))


def clicks(site: RunningSite, issue_id: int) -> dict[str, int]:
    with site.runtime.database.read() as session:
        return {one.url: one.clicks for one in clicks_of(session, issue_id)}


def wait_for_clicks(site: RunningSite, issue_id: int, count: int) -> dict[str, int]:
    """Return the clicks once there are so many; the server writes them down every other second."""
    until = time.monotonic() + PATIENCE
    while (found := clicks(site, issue_id)) and sum(found.values()) < count:
        assert time.monotonic() < until, found
        time.sleep(0.1)
    return found


def test_links_are_as_they_are_where_nobody_asked_for_counts(site: RunningSite) -> None:
    issue_id, html = counting(site, counts=False)
    assert counted_in(html, site) == []
    assert 'href="https://news.example.org/other"' in html
    assert clicks(site, issue_id) == {}


def test_a_counted_link_leads_to_where_the_issue_led_and_is_counted(
    site: RunningSite, editor: Browser
) -> None:
    issue_id, html = counting(site)
    assert 'href="https://news.example.org' not in html
    # Our own pages, and the reader's links, are nobody's business.
    assert "@@UNSUBSCRIBE_URL@@" in html
    leads = {site.client.head(one).headers["location"]: one for one in counted_in(html, site)}
    first = leads["https://news.example.org/a?b=1&c=2"]
    second = leads["https://news.example.org/other"]
    for _ in range(3):
        answer = site.client.get(first, headers=PERSON)
        assert answer.status_code == 302
        assert answer.headers["location"] == "https://news.example.org/a?b=1&c=2"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers
    site.client.get(second, headers=PERSON)
    assert wait_for_clicks(site, issue_id, 4) == {
        "https://news.example.org/a?b=1&c=2": 3,
        "https://news.example.org/other": 1,
    }
    page = editor.get(f"/desk/issues/{issue_id}/report").text
    assert table(page, "Links that were followed") == {
        "https://news.example.org/a?b=1&c=2": 3,
        "https://news.example.org/other": 1,
    }
    picture = editor.get(f"/desk/issues/{issue_id}/report/clicks.svg")
    assert etree.QName(etree.fromstring(picture.content)).localname == "svg"
    # What is kept of a click: the link, the day, how many.
    assert [column.name for column in ClickDay.__table__.columns] == ["link_id", "day", "count"]


def test_programs_that_look_ahead_are_not_counted(site: RunningSite) -> None:
    issue_id, html = counting(site)
    [link, _] = counted_in(html, site)
    assert site.client.head(link, headers=PERSON).status_code == 302
    for headers in (
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
        {"User-Agent": "LinkScanner/1.0"},
        {"User-Agent": "Googlebot/2.1"},
        {"User-Agent": ""},
    ):
        assert site.client.get(link, headers=PERSON | headers).status_code == 302
    site.client.get(link, headers=PERSON)
    assert sum(wait_for_clicks(site, issue_id, 1).values()) == 1


@pytest.mark.parametrize(
    "token",
    ["", "x", "https://evil.example.org/", "{other}", "{unknown}", "{cut}", "{longer}"],
)
def test_nobody_makes_a_link_lead_elsewhere(site: RunningSite, token: str) -> None:
    _, html = counting(site)
    [link, _] = counted_in(html, site)
    tokens = site.runtime.tokens
    made = {
        "{other}": tokens.lasting(UNSUBSCRIBE, "1"),
        "{unknown}": tokens.lasting(CLICK, "999999"),
        "{cut}": link.rpartition("/")[2][:-2],
        "{longer}": Tokens(("another-key-of-more-than-32-characters-x",)).lasting(CLICK, "1"),
    }.get(token, token)
    answer = site.client.get(f"/c/{made}", headers=PERSON)
    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_the_archive_leads_straight_on(site: RunningSite) -> None:
    _, html = counting(site)
    assert counted_in(html, site)
    listing = site.client.get("/archive/gp-alert").text
    found = re.search(r'href="(/archive/gp-alert/[^"]+)"', listing.partition("<main")[2])
    assert found
    page = site.client.get(found[1]).text
    assert "/c/" not in page
    assert 'href="https://news.example.org/a?b=1&amp;c=2"' in page


def test_a_burst_is_written_in_few_statements(site: RunningSite) -> None:
    issue_id, _ = counting(site)
    database = site.runtime.database
    with database.read() as session:
        links = list(session.scalars(select(IssueLink.id)))
    counter = ClickCounter(database, site.clock, every_seconds=600)

    def follow() -> None:
        for number in range(500):
            counter.count(links[number % 2])

    threads = [threading.Thread(target=follow) for _ in range(4)]
    with counted_queries(database.engine) as statements:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        counter.close()
    assert sum(clicks(site, issue_id).values()) == 2_000
    assert len([one for one in statements if "INSERT" in one]) == 1
    counter.flush()
    assert sum(clicks(site, issue_id).values()) == 2_000


def test_counts_wait_for_a_database_that_is_away(site: RunningSite) -> None:
    issue_id, _ = counting(site)
    database = site.runtime.database
    with database.read() as session:
        link = session.scalars(select(IssueLink.id)).first()
    assert link
    counter = ClickCounter(database, site.clock, every_seconds=600)
    counter.count(link)
    away = True

    def refuse(*_: object) -> None:
        if away:
            raise OperationalError("", None, Exception("away"))

    event.listen(database.engine, "before_cursor_execute", refuse)
    counter.flush()
    away = False
    counter.count(link)
    counter.close()
    event.remove(database.engine, "before_cursor_execute", refuse)
    assert sum(clicks(site, issue_id).values()) == 2


def test_what_is_counted_for_a_link_that_is_gone_is_dropped(site: RunningSite) -> None:
    issue_id, _ = counting(site)
    today = site.clock.now().date()
    with site.runtime.database.transaction() as session:
        link = session.scalars(select(IssueLink.id)).first()
        assert link
        add_clicks(session, {(link, today): 2, (link + 999, today): 5})
        add_clicks(session, {(link, today): 1, (link, today - timedelta(days=1)): 1})
    assert sum(clicks(site, issue_id).values()) == 4
