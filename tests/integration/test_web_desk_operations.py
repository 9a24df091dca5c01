"""The room Operations: what it shows, who may act there, and what becomes of it."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import update

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.models import Batch, Delivery, OutcomeCount
from alerts.holding import hold_of, put_on_hold
from alerts.newsletters.models import Issue, Run, RunOutcome, Schedule
from alerts.operations.alarms.beats import BACKUP, BEAT, WORKER, note_life
from alerts.operations.alarms.books import settle
from alerts.operations.alarms.kinds import Kind, Trouble
from alerts.operations.doctor.ports import Ports
from alerts.operations.examining import examine
from alerts.operations.models import Alarm, DoctorReport, PruningRound
from alerts.operations.situation import note_tick
from alerts.staff.permissions import Role
from alerts.subscribers.models import Frequency
from alerts.task_queue import Queue, Task
from tests.data.web.running import RunningSite, running_site
from tests.desk_world import Browser, at_the_desk
from tests.factories import approved_issue

ROOM = "/desk/operations"


@pytest.fixture
def site(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(database, clock, tmp_path) as site:
        with database.transaction() as session:
            session.execute(update(Schedule).values(paused=True))
        yield site


def an_alarm(site: RunningSite, what: str = "the data folder's disk has 0.5 GiB left") -> int:
    trouble = Trouble(Kind.DISK_SHORT, "data", what, "Make room: `alerts prune`.")
    with site.runtime.database.transaction() as session:
        settled = settle(session, [trouble], targets=(), now=site.clock.now())
    return settled.opened[0]


def words(page: str) -> str:
    bare = " ".join(re.sub(r"<[^>]+>", " ", page.partition("<main")[2]).split())
    return re.sub(r" ([.,:])", r"\1", bare)


def counted(site: RunningSite, provider: str, **outcomes: int) -> None:
    with site.runtime.database.transaction() as session:
        for outcome, count in outcomes.items():
            session.add(
                OutcomeCount(
                    hour=site.clock.now(),
                    last_at=site.clock.now(),
                    issue_id=1,
                    provider=provider,
                    outcome=outcome,
                    count=count,
                )
            )


def test_a_house_in_order_says_so(site: RunningSite, ops: Browser) -> None:
    with site.runtime.database.transaction() as session:
        note_tick(session, now=site.clock.now())
        for name in (BEAT, WORKER, BACKUP):
            note_life(session, name, now=site.clock.now())
    shown = words(ops.get(ROOM).text)
    assert "All is well" in shown
    assert "silent" not in shown
    assert "Last backup Mon 23 Nov 2026, 06:00 UTC" in shown
    assert "Nothing was handed over in the last day." in shown


def test_parts_that_are_silent_and_a_backup_that_is_old(site: RunningSite, ops: Browser) -> None:
    with site.runtime.database.transaction() as session:
        note_life(session, BACKUP, now=site.clock.now() - timedelta(days=9))
        note_life(session, WORKER, now=site.clock.now() - timedelta(minutes=4))
    shown = words(ops.get(ROOM).text)
    assert "Worker, which does it Mon 23 Nov 2026, 05:56 UTC silent" in shown
    assert "Beat, which starts what is due never seen silent" in shown
    assert "Last backup Sat 14 Nov 2026, 06:00 UTC old" in shown


def test_the_last_removal_of_what_is_old_is_shown(site: RunningSite, ops: Browser) -> None:
    assert "Removal of what is old not yet; the night does it" in words(ops.get(ROOM).text)
    with site.runtime.database.transaction() as session:
        session.add(
            PruningRound(
                way="night",
                began_at=site.clock.now(),
                seen_at=site.clock.now(),
                turn=7,
                stage="deliveries",
                counts={"mails": 0, "unconfirmed": 2, "deliveries": 1_234_567},
            )
        )
    went = "2 sign-ups that nobody confirmed, 1,234,567 rows of old ledgers"
    shown = words(ops.get(ROOM).text)
    began = "Removal of what is old Mon 23 Nov 2026, 06:00 UTC"
    assert f"{began} under way {went} Now at “rows of old ledgers”" in shown
    site.clock.advance(timedelta(minutes=11))
    stands = "It stands at “rows of old ledgers” since Mon 23 Nov 2026, 06:00 UTC"
    assert f"broken off {went} {stands}" in words(ops.get(ROOM).text)
    with site.runtime.database.transaction() as session:
        session.execute(update(PruningRound).values(failure="the database says: <disk> full"))
    told = "At “rows of old ledgers” it failed with: the database says: &lt;disk&gt; full"
    assert f"failed {went} {told}" in words(ops.get(ROOM).text)
    with site.runtime.database.transaction() as session:
        session.execute(
            update(PruningRound).values(ended_at=site.clock.now(), stage="", failure="")
        )
    assert f"{began} {went}" in words(ops.get(ROOM).text)


def test_an_alarm_is_shown_silenced_and_told_again(site: RunningSite, ops: Browser) -> None:
    number = an_alarm(site)
    page = ops.get(ROOM).text
    assert "1 open alarm" in page
    assert "<code>alerts prune</code>" in page
    form = {"span": "3 days", "reason": "a larger disk comes on Monday"}
    answer = ops.post(f"{ROOM}/alarms/{number}/silence", form)
    assert f"Nobody is told of alarm {number} for 3 days." in answer.text
    assert "Silent until Thu 26 Nov 2026, 06:00 UTC: a larger disk" in words(answer.text)
    with site.runtime.database.read() as session:
        assert session.get_one(Alarm, number).silence_reason == form["reason"]
    answer = ops.post(f"{ROOM}/alarms/{number}/unsilence")
    assert f"Alarm {number} is told again." in answer.text
    log = words(ops.get("/desk/log").text)
    assert log.index("alarm.unsilenced") < log.index("alarm.silenced")


def test_an_issue_that_a_limit_holds_says_until_when_and_why(
    site: RunningSite, ops: Browser
) -> None:
    database, clock = site.runtime.database, site.clock
    number = approved_issue(database, clock)
    with database.transaction() as session:
        issue = session.get_one(Issue, number)
        issue.audience_at = clock.now()
        batch = Batch(issue_id=number, number=1, not_before=clock.now() + timedelta(hours=1))
        session.add(batch)
        session.flush()
        why = "waits: the quota 20/h of transport one is used up"
        session.add(Delivery(issue_id=number, batch_id=batch.id, reason=why))
    page = words(ops.get(ROOM).text)
    assert re.search(r"nothing moves before [^;]*23 Nov 2026,? 07:00", page), page
    assert "; the quota 20/h of transport one is used up." in page


def test_a_silence_without_a_reason_keeps_what_was_chosen(site: RunningSite, ops: Browser) -> None:
    number = an_alarm(site)
    answer = ops.post(f"{ROOM}/alarms/{number}/silence", {"span": "3 days", "reason": " "})
    assert answer.status_code == 422
    assert "A reason is needed" in answer.text
    assert "<details open>" in answer.text
    assert "<option selected>3 days</option>" in answer.text
    answer = ops.post(f"{ROOM}/alarms/{number}/silence", {"span": "soon", "reason": "why"})
    assert (answer.status_code, 'value="why"' in answer.text) == (422, True)


def test_the_overview_tells_of_open_alarms(site: RunningSite, ops: Browser) -> None:
    assert "Wants a look" not in ops.get("/desk/").text
    number = an_alarm(site)
    page = ops.get("/desk/").text
    assert "the data folder&#39;s disk has 0.5 GiB left" in page
    assert f'href="/desk/operations#alarm-{number}"' in page
    assert f'id="alarm-{number}"' in ops.get("/desk/operations").text
    troubles = [Trouble(Kind.ISSUE_LATE, f"issue:{n}", f"issue {n}", "mend") for n in range(7)]
    with site.runtime.database.transaction() as session:
        settle(session, troubles, targets=(), now=site.clock.now())
    assert "3 more alarms: see" in ops.get("/desk/").text
    with at_the_desk(site, Role.EDITOR, "ed@example.org") as editor:
        page = editor.get("/desk/").text
        assert "The disk is nearly full" in page
        assert "/desk/operations" not in page


def test_what_an_alarm_says_cannot_break_out_of_the_page(site: RunningSite, ops: Browser) -> None:
    an_alarm(site, "<script>alert(1)</script> `<img src=x>`")
    page = ops.get(ROOM).text
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_charts_are_images_with_the_numbers_beside_them(site: RunningSite, ops: Browser) -> None:
    counted(site, "gmail.com", sent=1_200, hard=34)
    counted(site, "other", deferred=5)
    page = ops.get(ROOM).text
    assert "2.8 % bounced" in words(page)
    assert "gmail.com 1200 0 0 34 0 0 0" in words(page)
    for name in ("answers", "hours", "queues"):
        for narrow in ("false", "true"):
            answer = ops.get(f"{ROOM}/charts/{name}.svg?narrow={narrow}")
            assert answer.headers["content-type"] == "image/svg+xml"
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
            root = ET.fromstring(answer.text)  # noqa: S314 - drawn by us
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
    drawn = ops.get(f"{ROOM}/charts/answers.svg").text
    assert "1,234" in drawn
    assert drawn.index("gmail.com") < drawn.index("all others")
    assert ops.get(f"{ROOM}/charts/nothing.svg").status_code == 404


def test_the_doctor_is_asked_once_and_what_it_found_is_kept(
    site: RunningSite, ops: Browser
) -> None:
    assert "It has not looked yet." in words(ops.get(f"{ROOM}/doctor").text)
    for _ in range(2):
        answer = ops.post(f"{ROOM}/doctor")
        assert "The doctor looks" in answer.text
        assert "It looks since" in words(answer.text)
    asked = [(ids, queue) for task, ids, queue in site.queue.enqueued if task is Task.EXAMINE]
    assert asked == [((1,), Queue.PREPARATION)]
    runtime = site.runtime
    for expected in (True, False):
        done = examine(
            runtime.database, 1, settings=runtime.settings, clock=site.clock, ports=Ports.real
        )
        assert done is expected
    shown = words(ops.get(f"{ROOM}/doctor").text)
    assert "It looked on Mon 23 Nov 2026, 06:00 UTC." in shown
    assert "This machine" in shown
    assert "found on Mon 23 Nov 2026" in words(ops.get(ROOM).text)


def test_a_visit_that_was_lost_is_made_anew(site: RunningSite, ops: Browser) -> None:
    ops.post(f"{ROOM}/doctor")
    site.clock.advance(timedelta(minutes=11))
    ops.post(f"{ROOM}/doctor")
    assert [ids for task, ids, _ in site.queue.enqueued if task is Task.EXAMINE] == [(1,), (2,)]
    with site.runtime.database.read() as session:
        assert session.get(DoctorReport, 1) is not None


def held(site: RunningSite) -> str:
    now = site.clock.now()
    with site.runtime.database.transaction() as session:
        run = Run(
            newsletter="gp-alert",
            frequency=Frequency.DAILY,
            period="one",
            due_at=now,
            started_at=now,
            outcome=RunOutcome.CLAIMED,
        )
        session.add(run)
        session.flush()
        put_on_hold(session, since=now, backup_of=now - timedelta(days=1))
        return f"run:{run.id}"


def test_a_restored_system_is_released_thing_by_thing(site: RunningSite, ops: Browser) -> None:
    key = held(site)
    page = ops.get(ROOM).text
    assert f'href="{ROOM}/release"' in page
    assert f'name="do-{key}"' in ops.get(f"{ROOM}/release").text
    answer = ops.post(f"{ROOM}/release")
    assert answer.status_code == 422
    assert f"Undecided: {key}" in answer.text
    answer = ops.post(f"{ROOM}/release", {f"do-{key}": "skip"})
    assert "Released: what was not skipped is sent from now on." in answer.text
    with site.runtime.database.read() as session:
        assert hold_of(session) is None
        assert session.get_one(Run, int(key[4:])).outcome is RunOutcome.MISSED
    assert "system.released" in ops.get("/desk/log").text
    assert "Nothing is held" in ops.get(f"{ROOM}/release").text


def test_an_editor_is_not_shown_the_room(site: RunningSite) -> None:
    with at_the_desk(site, Role.EDITOR, "ed@example.org") as editor:
        assert ROOM not in editor.get("/desk/").text
        assert editor.get(ROOM).status_code == 403
