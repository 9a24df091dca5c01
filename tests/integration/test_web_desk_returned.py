"""The desk's room for mail that comes back: counts, what came in, and working on it again."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import func, select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.returned import Returned, ReturnedCount
from alerts.delivery.returned_counts import Line, came_back_since, old_returned_counts
from alerts.inbound.models import InboundMail, MailState
from alerts.inbound.storing import Arrival, store_mail
from alerts.staff.models import AuditEntry
from alerts.staff.permissions import Role
from alerts.task_queue import Queue, Task
from alerts.web.desk.returned import KINDS, chart_of
from tests.data.inbound.room import Room, complaint, dsn, letter
from tests.data.web.running import RunningSite, running_site
from tests.desk_world import at_the_desk

POLICY = "550 5.7.1 message refused: spam"


@pytest.fixture
def room(database: Database, clock: FixedClock, tmp_path: Path) -> Room:
    return Room(database, clock, tmp_path)


@pytest.fixture
def site(room: Room, tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(room.database, room.clock, tmp_path) as site:
        yield site


def returns(room: Room) -> None:
    """Let a message of each kind come back."""
    room.send_to("ama", "kofi", "esi", "yaw")
    room.arrives(dsn("ama@example.org", serial=1), to=[room.path_of("ama")])
    said = {"status": "5.7.1", "said": POLICY}
    room.arrives(dsn("kofi@elsewhere.example", serial=2, **said), to=[room.path_of("kofi")])
    room.arrives(complaint(), to=[room.path_of("esi")])
    room.arrives(letter("someone@there.example", subject="Thank you", body="Well done!"))


def counts(room: Room) -> dict[tuple[str, str, str], int]:
    with room.database.read() as session:
        return {
            (one.domain, one.kind, one.code): one.count
            for one in session.scalars(select(ReturnedCount))
        }


def test_what_came_back_is_counted_once_for_each_delivery_and_kind(room: Room) -> None:
    returns(room)
    expected = {
        ("example.org", "hard", "5.1.1"): 1,
        ("elsewhere.example", "policy", "5.7.1"): 1,
        # The feedback loop hides the address; whose it is we know.
        ("example.org", "complaint", ""): 1,
    }
    assert counts(room) == expected
    # The same bounce once more, in other octets, as by a webhook beside the mail.
    room.arrives(dsn("ama@example.org", serial=3), to=[room.path_of("ama")])
    assert counts(room) == expected
    room.clock.advance(timedelta(days=1))
    room.arrives(dsn("yaw@example.org", serial=4), to=[room.path_of("yaw")])
    today = room.clock.now().date()
    with room.database.read() as session:
        found = came_back_since(session, today - timedelta(days=6), until=today)
    assert [line.total for line in found.days] == [0, 0, 0, 0, 0, 3, 1]
    assert (found.sums.of(Returned.HARD), found.domains[0].name) == (2, "example.org")
    # On the day after the last one that is compared with, the first day's are too old.
    with room.database.read() as session:
        later = room.clock.now() + timedelta(days=400)
        old = select(func.sum(ReturnedCount.count)).where(old_returned_counts(later))
        assert session.scalar(old) == 3


def test_the_room_shows_counts_and_what_came_in(room: Room, site: RunningSite) -> None:
    returns(room)
    with at_the_desk(site, Role.EDITOR) as desk:
        page = desk.get("/desk/returned").text
        for text in ("elsewhere.example", "5.1.1", "no such mailbox", "ama@example.org", "policy"):
            assert text in page, text
        assert "hard bounce 5.1.1: suppressed (by its return path)" in page
        only = desk.get("/desk/returned?kind=complaint&days=7").text
        assert "complaint: suppressed" in only
        assert "hard bounce 5.1.1: suppressed" not in only
        assert "Nothing fits" in desk.get("/desk/returned?state=failed").text
        # What nobody would ask for is all; a page far back is empty.
        assert "ama@example.org" in desk.get("/desk/returned?kind=nonsense&state=x").text
        assert "Nothing fits" in desk.get("/desk/returned?before=1").text
        drawn = desk.get("/desk/returned/chart.svg?days=7")
        assert drawn.headers["content-type"].startswith("image/svg+xml")
        shown = ET.fromstring(drawn.text).findall(".//{*}rect")  # noqa: S314 - ours
        # Three columns, and the legend.
        assert len(shown) == 3 + len(KINDS)
        one = desk.get("/desk/returned/1").text
        assert "no such user here" in one
        assert "Work on it again" not in one
        assert desk.post("/desk/returned/1/again").status_code == 403
        assert desk.get("/desk/returned/999").status_code == 404


def test_ops_have_a_mail_worked_on_again(room: Room, site: RunningSite) -> None:
    returns(room)
    with at_the_desk(site, Role.OPS) as desk:
        done = desk.post("/desk/returned/2/again")
        assert "worked on once more" in done.text
    assert (Task.READ_MAIL, (2,), Queue.INBOUND) in site.queue.enqueued
    assert room.mail(2).state is MailState.NEW
    with room.database.read() as session:
        acts = session.scalars(select(AuditEntry.act)).all()
    assert "inbound_mail.worked_again" in acts


def test_hostile_words_are_shown_as_words(room: Room, site: RunningSite) -> None:
    mail, _ = room.arrives(
        letter("<script>@x.example", subject="<script>alert(1)</script>", body="<img src=x>\0\xff")
    )
    with at_the_desk(site, Role.OPS) as desk:
        page = desk.get(f"/desk/returned/{mail.id}").text
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_many_mails_are_shown_by_the_page(room: Room, site: RunningSite) -> None:
    with room.database.transaction() as session:
        for number in range(120):
            arrival = Arrival(b"Subject: %d\r\n\r\nx" % number, "test")
            store_mail(session, arrival, keep=None, clock=room.clock)
    with at_the_desk(site, Role.OPS) as desk:
        first = desk.get("/desk/returned")
        assert first.text.count('<a href="/desk/returned/') == 50 + 0
        assert "before=71#lately" in first.text
        assert desk.get("/desk/returned?before=71").text.count('href="/desk/returned/7"') == 0


def test_who_is_refused_by_policy_stays_a_reader(room: Room) -> None:
    room.send_to("ama", "kofi")
    said = {"status": "5.7.1", "said": POLICY}
    room.arrives(dsn("kofi@elsewhere.example", serial=2, **said), to=[room.path_of("kofi")])
    assert room.reader("kofi").state.value == "confirmed"
    with room.database.read() as session:
        assert session.scalars(select(InboundMail.bounce)).all() == ["policy"]


@pytest.mark.parametrize("counted", [0, 1, 4, 5, 19, 100, 12_345, 9_999_999])
def test_the_picture_is_well_formed_whatever_is_counted(counted: int) -> None:
    days = [Line(f"2026-11-{n:02}", {Returned.SOFT: counted * n // 30}) for n in range(1, 31)]
    for some in (days, days[:1], []):
        drawn = ET.fromstring(chart_of(some).svg)  # noqa: S314 - ours
        heights = [float(one.get("height", "0")) for one in drawn.findall(".//{*}rect")]
        assert all(0 < height <= 200 for height in heights)


def test_many_days_are_shown_as_weeks() -> None:
    days = [Line(f"{date(2026, 1, 1) + timedelta(days=n)}", {Returned.HARD: 1}) for n in range(100)]
    rows = chart_of(days).rows
    assert [row.total for row in rows] == [7] * 14 + [2]
    assert (rows[0].label, rows[1].label) == ("1 Jan", "8 Jan")
    assert len(chart_of(days[:62]).rows) == 62
