"""Journals that are left behind: they go, and what only they know is written down first."""

import os
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.completion import cancel_issue
from alerts.delivery.counting import outcome_totals
from alerts.delivery.journal import Journal, journal_path
from alerts.delivery.leftovers import clear_spool
from alerts.delivery.models import Batch
from alerts.delivery.outcome import refusal
from alerts.delivery.reporting import kept_report
from alerts.delivery.sender import BatchResult
from alerts.holding import lift_hold, put_on_hold
from alerts.newsletters.models import Newsletter
from tests.data.delivery.house import ACCEPTED, House

BOOT = "this one"


@pytest.fixture
def house(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    house = House(database, clock, tmp_path)
    house.sender = replace(house.sender, boot=BOOT)
    return house


def cleared(house: House, *, boot: str = BOOT) -> int:
    """Clear the spool, twice; return how many files went."""
    removed = clear_spool(house.database, house.sender.spool, clock=house.clock, boot=boot)
    assert clear_spool(house.database, house.sender.spool, clock=house.clock, boot=boot) == []
    return len(removed)


def journals(house: House) -> list[Path]:
    return sorted(house.sender.spool.iterdir())


def reported(house: House) -> tuple[int, int]:
    """Return how many were sent and are in doubt by the report that is kept of the issue."""
    kept = kept_report(house.database, house.issue_id, clock=house.clock)
    assert kept is not None
    return kept.figures["sent"], kept.figures["uncertain"]


def hold_doubts(house: House) -> None:
    with house.database.transaction() as session:
        newsletter = session.get_one(Newsletter, "gp-alert")
        newsletter.definition = newsletter.definition | {"uncertain": "hold"}


def taken_over_elsewhere(house: House, tmp_path: Path) -> None:
    """Have another host, which cannot read the journal, take the batch over."""
    house.later(seconds=61)
    here = house.sender
    house.sender = replace(here, spool=tmp_path / "elsewhere")
    house.work()
    house.sender = here


def work_and_leave_the_journal(house: House) -> None:
    """Work, and find the journal where a kill between the last commit and its removal leaves it."""
    left: dict[Path, bytes] = {}

    def look(_: str) -> None:
        left.update((path, path.read_bytes().rstrip(b"\0")) for path in journals(house))

    house.transport.before_each = look
    house.work()
    house.transport.before_each = lambda _: None
    [(path, content)] = left.items()
    path.write_bytes(content)


def test_one_that_is_left_behind_by_a_kill_after_the_last_commit_goes(house: House) -> None:
    house.send_to("a", "b")
    work_and_leave_the_journal(house)
    assert len(journals(house)) == 1
    assert cleared(house) == 1
    assert journals(house) == []
    assert house.books().sent == 2


def test_one_of_a_batch_that_waits_for_a_second_try_goes_too(house: House) -> None:
    house.send_to("a", "b")
    house.transport.answers = {"b": [refusal(450, "4.2.0 not now"), ACCEPTED]}
    work_and_leave_the_journal(house)
    assert cleared(house) == 1
    house.later(minutes=10)
    assert house.work() is BatchResult.DONE
    assert house.transport.got == Counter(a=1, b=1)


def test_one_whose_lease_stands_stays_be_it_over(house: House) -> None:
    house.send_to("a", "b", "c")
    during = []

    def look(_: str) -> None:
        during.append(cleared(house))

    house.transport.before_each = look
    house.crash("b")
    assert during == [0, 0]
    house.transport.before_each = lambda _: None
    house.later(hours=5)
    os.utime(journals(house)[0], (0, 0))
    assert cleared(house) == 0
    assert house.work() is BatchResult.LATER
    house.later(minutes=5)
    assert house.work() is BatchResult.DONE
    assert house.transport.got == Counter(a=1, b=1, c=1)


def test_one_whose_lease_is_not_written_down_yet_stays_until_it_is_old(house: House) -> None:
    house.send_to("a")
    [batch] = house.batches()
    path = journal_path(house.sender.spool, batch, 7)
    Journal(path, boot=BOOT, about="").close()
    assert cleared(house) == 0
    os.utime(path, (time.time() - 4000,) * 2)
    assert cleared(house) == 1


def test_a_host_that_comes_back_says_what_was_accepted_of_what_another_holds_in_doubt(
    house: House, tmp_path: Path
) -> None:
    house.send_to("a", "b", "c", "d")
    hold_doubts(house)
    house.transport.answers = {"b": [refusal(450, "4.2.0 not now")]}
    house.crash("c")
    taken_over_elsewhere(house, tmp_path)
    assert house.books().uncertain == 4
    house.later(minutes=10)
    assert reported(house) == (0, 4)
    # Whether the machine itself went down meanwhile or not.
    assert cleared(house, boot="the next one") == 1
    books = house.books()
    assert (books.sent, books.uncertain) == (1, 3) == reported(house)
    assert house.states()["a"] == ("sent", None)
    with house.database.read() as session:
        counted = {outcome: n for (_, outcome), n in outcome_totals(session).items()}
    assert counted == {"uncertain": 4, "sent": 1}


def test_one_who_waits_for_a_second_copy_gets_none_when_the_first_is_known(
    house: House, tmp_path: Path
) -> None:
    house.send_to("a", "b", "c")
    house.crash("c")
    taken_over_elsewhere(house, tmp_path)
    assert cleared(house) == 1
    house.later(minutes=10)
    assert house.work() is BatchResult.DONE
    assert house.transport.got == Counter(a=1, b=1, c=1)


def test_of_a_cancelled_issue_only_what_was_on_the_wire_stays_in_doubt(house: House) -> None:
    house.send_to("a", "b", "c", "d", "e")
    house.transport.answers = {"b": [refusal(450, "4.2.0 not now")]}
    house.crash("c")
    with house.database.transaction() as session:
        cancel_issue(session, house.issue_id, clock=house.clock)
    house.later(seconds=61)
    assert cleared(house) == 0
    assert house.swept() == []
    assert house.books().reasons == {"on the way when cancelled": 5}
    house.later(minutes=10)
    assert reported(house) == (0, 5)
    assert cleared(house) == 1
    books = house.books()
    assert (books.sent, books.skipped, books.uncertain) == (1, 3, 1)
    assert reported(house) == (1, 1)
    assert house.states()["c"] == ("uncertain", "on the way when cancelled")
    assert house.states()["b"] == ("skipped", "issue cancelled")


def test_after_a_power_cut_a_cancelled_issue_keeps_its_doubts(house: House) -> None:
    house.send_to("a", "b", "c")
    house.crash("b")
    with house.database.transaction() as session:
        cancel_issue(session, house.issue_id, clock=house.clock)
    house.later(seconds=61)
    house.swept()
    assert cleared(house, boot="the next one") == 1
    books = house.books()
    assert (books.sent, books.uncertain) == (1, 2)


def test_one_of_another_database_says_nothing_of_this_one(house: House) -> None:
    house.send_to("a", "b")
    [batch] = house.batches()
    with house.database.transaction() as session:
        session.execute(update(Batch).values(fence=50))
    for fence in (7, 70):
        path = journal_path(house.sender.spool, batch, fence)
        journal = Journal(path, boot=BOOT, about="another.1")
        for number in range(1, 9):
            journal.started(number)
            journal.ended(number, ACCEPTED)
        journal.close()
        os.utime(path, (0, 0))
    stranger = journal_path(house.sender.spool, 4711, 1)
    Journal(stranger, boot=BOOT, about="another.1").close()
    note = house.sender.spool / "batch-x.journal"
    note.touch()
    assert cleared(house) == 0
    assert len(journals(house)) == 4
    assert house.work() is BatchResult.DONE
    assert house.transport.got == Counter(a=1, b=1)


def test_in_a_restored_system_all_stay_until_somebody_has_looked(house: House) -> None:
    house.send_to("a", "b")
    work_and_leave_the_journal(house)
    now = house.clock.now()
    with house.database.transaction() as session:
        put_on_hold(session, since=now, backup_of=now)
    assert cleared(house) == 0
    with house.database.transaction() as session:
        lift_hold(session)
    assert cleared(house) == 1
