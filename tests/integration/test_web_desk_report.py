"""The report on an issue, its CSV, its charts; and links that are counted."""

import csv
import re
import threading
import time
from datetime import timedelta
from html import unescape

import pytest
from lxml import etree
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from alerts.clock import FixedClock
from alerts.delivery.clicks import ClickCounter, ClickDay, add_clicks, clicks_of
from alerts.delivery.completion import cancel_issue
from alerts.delivery.kept import KeptReport
from alerts.delivery.models import Delivery
from alerts.delivery.outcome import refusal
from alerts.delivery.publishing import approve_issue
from alerts.delivery.retrying import retry_issue
from alerts.delivery.returned import BounceEvent, Returned
from alerts.newsletters.issues import draft_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.service import get_newsletter
from alerts.paths import templates_dir
from alerts.rendering.links import CountedLinks, IssueLink
from alerts.rendering.service import Renderer
from alerts.tokens import CLICK, UNSUBSCRIBE, Tokens
from alerts.web.desk.sending.over_time import over_time
from tests.data.delivery.house import House
from tests.data.web.running import RunningSite
from tests.desk_world import PATIENCE, Browser
from tests.factories import an_article, counted_queries

PERSON = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


def sent(house: House) -> None:
    """Send an issue to five, of whom one is nobody, one calls it spam, and one leaves by it."""
    house.send_to("a", "b", "nobody", "spam", "leaver")
    house.transport.answers = {"nobody": [refusal(550, "5.1.1 no such user")]}
    house.work()
    house.later(minutes=3)


def table(page: str, title: str) -> dict[str, int]:
    """Return the figures of the table under a heading, by what they count."""
    part = page.partition(f">{title}</h")[2].partition("</table>")[0]
    rows = re.findall(r"<tr>\s*<td>(.*?)</td>\s*<td[^>]*>(.*?)</td>", part, re.DOTALL)
    names = ((re.sub(r"<span.*", "", name, flags=re.DOTALL), count) for name, count in rows)
    return {unescape(name).strip(): int(count.replace(",", "")) for name, count in names}


def test_what_is_on_the_wire_of_a_cancelled_issue_is_being_called_off(
    house: House, site: RunningSite, editor: Browser
) -> None:
    house.send_to("a", "b", "c")
    house.crash("b")
    address = f"/desk/issues/{house.issue_id}/report"
    assert table(editor.get(address).text, "What became of everybody")["Not ended yet"] > 0
    with house.database.transaction() as session:
        cancel_issue(session, house.issue_id, clock=house.clock)
    page = editor.get(address).text
    ended = table(page, "What became of everybody")
    assert ended["Being called off"] > 0
    assert "Not ended yet" not in page
    assert "on the wire when it was cancelled" in page
    words = f"{ended['Sent']} of 3 readers got it so far, and for {ended['Being called off']} it is"
    assert words in page
    assert "after it had left" in page
    over = editor.get(f"/desk/issues/{house.issue_id}/send").text
    assert f"{ended['Being called off']} being called off" in over


def test_it_says_until_when_all_that_is_left_waits_and_what_for(
    house: House, site: RunningSite, editor: Browser
) -> None:
    house.send_to("a", "b")
    house.transport.away = True
    house.work()
    page = editor.get(f"/desk/issues/{house.issue_id}/report").text
    until = house.clock.now() + timedelta(minutes=1)
    assert f"All that is left waits until {until:%H:%M} UTC: nobody answers." in page


def test_the_report_tells_what_became_of_everybody(
    house: House, site: RunningSite, editor: Browser
) -> None:
    sent(house)
    link = site.links.unsubscribe_url(
        "public-leaver", newsletter="gp-alert", issue_id=house.issue_id
    )
    site.client.post(link, data={"List-Unsubscribe": "One-Click"})
    with house.database.transaction() as session:
        delivery = session.scalars(
            select(Delivery).where(Delivery.state == "sent").order_by(Delivery.id)
        ).first()
        assert delivery
        session.add(
            BounceEvent(
                mail_id=1,
                position=0,
                delivery_id=delivery.id,
                issue_id=house.issue_id,
                kind=Returned.COMPLAINT,
                at=house.clock.now(),
            )
        )
    page = editor.get(f"/desk/issues/{house.issue_id}/report").text
    assert table(page, "What became of everybody") == {
        "Sent": 4,
        "Bounced or given up": 1,
        "Skipped": 0,
    }
    assert table(page, "Why mail bounced or was given up") == {"refused 5.1.1": 1}
    assert table(page, "What came back") == {
        "Came back: hard": 0,
        "Came back: soft": 0,
        "Came back: policy": 0,
        "Complained": 1,
        "Unsubscribed": 1,
    }
    assert sum(table(page, "Messages over time").values()) == 4
    assert "Links that were followed" not in page


def test_who_left_by_another_issue_is_not_counted_here(
    house: House, site: RunningSite, editor: Browser
) -> None:
    sent(house)
    for issue_id in (house.issue_id + 1, None):
        link = site.links.unsubscribe_url("public-a", newsletter="gp-alert", issue_id=issue_id)
        site.client.post(link, data={"List-Unsubscribe": "One-Click"})
    page = editor.get(f"/desk/issues/{house.issue_id}/report").text
    assert table(page, "What came back")["Unsubscribed"] == 0


def test_the_ledger_is_counted_once_and_again_only_after_another_end(
    house: House, site: RunningSite, editor: Browser
) -> None:
    sent(house)
    path = f"/desk/issues/{house.issue_id}/report"
    house.later(minutes=10)
    editor.get(path)
    with counted_queries(site.runtime.database.engine) as statements:
        page = editor.get(path).text
    assert not any(re.search(r"FROM deliveries", one) for one in statements)
    assert "Counted on" in page
    with house.database.transaction() as session:
        retry_issue(session, house.issue_id, reasons=["hard"], clock=house.clock)
    running = editor.get(path).text
    assert table(running, "What became of everybody")["Not ended yet"] == 1
    house.work()
    assert table(editor.get(path).text, "What became of everybody")["Sent"] == 5
    with house.database.read() as session:
        assert len(session.scalars(select(KeptReport)).all()) == 1


def test_the_csv_adds_up_and_no_cell_is_a_formula(
    house: House, site: RunningSite, editor: Browser
) -> None:
    sent(house)
    with house.database.transaction() as session:
        failed = session.scalars(select(Delivery).where(Delivery.state == "failed")).one()
        failed.reason = "=HYPERLINK(1)"
    answer = editor.get(f"/desk/issues/{house.issue_id}/report.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.reader(answer.text.splitlines()))
    assert rows[0] == ["part", "name", "count"]
    found = {(part, name): count for part, name, count in rows[1:]}
    assert found["audience", "readers"] == "5"
    assert (found["end", "Sent"], found["end", "Bounced or given up"]) == ("4", "1")
    assert [name for part, name, _ in rows if part == "failure"] == ["'=HYPERLINK(1)"]
    assert sum(int(count) for part, _, count in rows if part == "minute") == 4
    assert ("time", "seconds") in found


@pytest.mark.parametrize("chart", ["ends", "messages"])
def test_charts_are_pictures_that_run_nothing(
    house: House, site: RunningSite, editor: Browser, chart: str
) -> None:
    sent(house)
    page = editor.get(f"/desk/issues/{house.issue_id}/report").text
    assert f'src="/desk/issues/{house.issue_id}/report/{chart}.svg"' in page
    answer = editor.get(f"/desk/issues/{house.issue_id}/report/{chart}.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "script" not in answer.headers["content-security-policy"]
    assert "sandbox" in answer.headers["content-security-policy"]
    root = etree.fromstring(answer.content)
    assert etree.QName(root).localname == "svg"
    assert b"<script" not in answer.content
    assert site.client.get(f"/desk/issues/{house.issue_id}/report/{chart}.svg").status_code == 303
    assert editor.get(f"/desk/issues/{house.issue_id}/report/other.svg").status_code == 404


def test_before_it_leaves_there_is_nothing_to_report(
    house: House, site: RunningSite, editor: Browser
) -> None:
    assert editor.get("/desk/issues/5/report").status_code == 404
    house.send_to("a")
    page = editor.get(f"/desk/issues/{house.issue_id}/report").text
    assert table(page, "What became of everybody")["Not ended yet"] == 1


def test_time_is_shown_in_spans_that_can_be_told_apart(clock: FixedClock) -> None:
    now = clock.now()
    few = [(now, 5), (now + timedelta(minutes=3), 7)]
    assert [count for _, count in over_time(few)] == [5, 0, 0, 7]
    many = [(now + timedelta(minutes=number), 1) for number in range(3 * 24 * 60)]
    shown = over_time(many)
    assert len(shown) <= 60
    assert sum(count for _, count in shown) == len(many)
    assert over_time([]) == []


# Links that are counted.


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
