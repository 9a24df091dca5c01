"""The report on an issue, its CSV and its charts."""

import csv
import re
from datetime import timedelta

import pytest
from lxml import etree
from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.delivery.completion import cancel_issue
from alerts.delivery.kept import KeptReport
from alerts.delivery.models import Delivery
from alerts.delivery.outcome import refusal
from alerts.delivery.retrying import retry_issue
from alerts.delivery.returned import BounceEvent, Returned
from alerts.web.desk.sending.over_time import over_time
from tests.data.delivery.house import House
from tests.data.web.running import RunningSite
from tests.desk_world import Browser, table
from tests.factories import counted_queries


def sent(house: House) -> None:
    """Send an issue to five, of whom one is nobody, one calls it spam, and one leaves by it."""
    house.send_to("a", "b", "nobody", "spam", "leaver")
    house.transport.answers = {"nobody": [refusal(550, "5.1.1 no such user")]}
    house.work()
    house.later(minutes=3)


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
