"""The alarm of a night's removal: it rings when nothing comes of it, not because it takes long."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from alerts.config import Settings
from alerts.operations.alarms.kinds import WORDS, Kind
from alerts.operations.doctor.findings import Finding, Level
from alerts.operations.doctor.removals import check_removal
from alerts.operations.models import PruningRound
from alerts.operations.removals import last_removal, night_under_way
from alerts.operations.rounds import Turn, begin_night, owed_turns, prune_now, take_turn
from tests.data.delivery.house import House
from tests.data.operations.alarm_bell import Bell
from tests.integration.test_operations_pruning import an_old_ledger

ALARMS = Path(__file__).parents[3] / "docs" / "alarms.md"
BREAK = "ALTER TABLE link_checks RENAME TO link_checks_away"
MEND = "ALTER TABLE link_checks_away RENAME TO link_checks"


def sql(bell: Bell, statement: str) -> None:
    with bell.database.transaction() as session:
        session.execute(text(statement))


def begin(bell: Bell) -> Turn:
    with bell.database.transaction() as session:
        turn = begin_night(session, clock=bell.clock)
    assert turn is not None
    return turn


def take(bell: Bell, turn: Turn, *, lasting: float = 600.0) -> Turn | None:
    return take_turn(
        bell.database,
        Settings(),
        turn,
        clock=bell.clock,
        lasting=timedelta(seconds=lasting),
        size=50,
    )


def owed(bell: Bell) -> list[Turn]:
    with bell.database.transaction() as session:
        return owed_turns(session, clock=bell.clock)


def doctor(bell: Bell) -> Finding:
    now = bell.clock.now()
    with bell.database.read() as session:
        last, night = last_removal(session, now=now), night_under_way(session, now=now)
    return check_removal(last, night, now=now)


def fail(bell: Bell, turn: Turn) -> None:
    with pytest.raises(DBAPIError):
        take(bell, turn)


def test_a_night_that_fails_every_time_rings_and_is_over_after_a_good_one(bell: Bell) -> None:
    assert doctor(bell).level is Level.NOTE
    sql(bell, BREAK)
    try:
        fail(bell, begin(bell))
        assert bell.look() == []
        assert doctor(bell).level is Level.WARNING
        for _ in range(3):
            assert bell.look() == []
            bell.clock.advance(timedelta(minutes=11))
            (turn,) = owed(bell)
            fail(bell, turn)
        assert bell.look() == ["removal-fails"]
    finally:
        sql(bell, MEND)
    (alarm,) = bell.alarms()
    assert (
        "was tried 4 times; when it comes to “looks at links” it fails with: the database says: "
        in alarm.what
    )
    assert "link_checks" in alarm.what
    assert "alerts prune" in alarm.mend
    assert len(alarm.what) < 300
    assert not alarm.mend.endswith("…")
    assert doctor(bell).level is Level.ERROR
    bell.clock.advance(timedelta(minutes=11))
    (turn,) = owed(bell)
    assert take(bell, turn) is None
    assert doctor(bell).level is Level.OK
    bell.clock.advance(timedelta(minutes=6))
    assert bell.look() == []
    assert bell.told() == ["Alarm: Old data is not removed", "Over: Old data is not removed"]


def test_a_night_that_takes_long_and_comes_on_is_no_alarm(bell: Bell, house: House) -> None:
    an_old_ledger(house, 333)
    bell.clock.advance(timedelta(days=401))
    turn: Turn | None = begin(bell)
    for _ in range(5):
        assert turn is not None
        bell.clock.advance(timedelta(hours=35))
        assert bell.look() == []
        turn = take(bell, turn, lasting=0)
        assert doctor(bell).level is Level.OK
    assert turn is not None


def test_a_night_whose_turns_fail_after_some_rows_comes_on(bell: Bell, house: House) -> None:
    an_old_ledger(house, 333)
    bell.clock.advance(timedelta(days=401))
    began = begin(bell)
    sql(bell, BREAK)
    try:
        fail(bell, began)
    finally:
        sql(bell, MEND)
    with bell.database.read() as session:
        night = night_under_way(session, now=bell.clock.now())
    assert night is not None
    # What went is not forgotten, and it goes on behind it.
    assert (night.tries, night.stage, dict(night.counts)) == (0, "link_checks", {"deliveries": 333})
    assert (night.state, night.at) == ("failed", "looks at links")


def test_a_night_that_no_worker_takes_up_rings_after_a_day_and_a_half(bell: Bell) -> None:
    begin(bell)
    bell.clock.advance(timedelta(hours=35))
    assert len(owed(bell)) == 1
    assert bell.look() == []
    bell.clock.advance(timedelta(hours=2))
    # A machine that was off meanwhile goes on with it first.
    assert bell.look(bell.begin()) == []
    bell.clock.advance(timedelta(minutes=4))
    assert bell.look() == ["removal-fails"]
    (alarm,) = bell.alarms()
    assert "has not moved since" in alarm.what
    assert "and no worker takes it up" in alarm.what
    assert "queue `digests`" in alarm.mend


def test_workers_that_die_of_it_ring_too(bell: Bell) -> None:
    begin(bell)
    with bell.database.transaction() as session:
        session.execute(update(PruningRound).values(tries=4, stage="uploads"))
    bell.clock.advance(timedelta(minutes=4))
    assert bell.look() == ["removal-fails"]
    (alarm,) = bell.alarms()
    assert "when it comes to “files of subscribers” its worker ends each time" in alarm.what


def test_a_night_in_which_none_began_is_made_up_for(bell: Bell) -> None:
    assert owed(bell) == []
    assert take(bell, begin(bell)) is None
    bell.clock.advance(timedelta(hours=25))
    assert owed(bell) == []
    bell.clock.advance(timedelta(hours=30))
    assert doctor(bell).level is Level.WARNING
    (turn,) = owed(bell)
    assert owed(bell) == []
    assert take(bell, turn) is None
    assert doctor(bell).level is Level.OK


def test_the_command_says_what_it_failed_with(bell: Bell) -> None:
    sql(bell, BREAK)
    try:
        with pytest.raises(DBAPIError):
            prune_now(bell.database, Settings(), clock=bell.clock)
    finally:
        sql(bell, MEND)
    with bell.database.read() as session:
        found = last_removal(session, now=bell.clock.now())
    assert found is not None
    assert found.to_json()["state"] == "failed"
    assert "link_checks" in found.to_json()["failure"]
    assert doctor(bell).level is Level.WARNING
    prune_now(bell.database, Settings(), clock=bell.clock)
    assert doctor(bell).level is Level.OK


@pytest.mark.parametrize("kind", list(Kind))
def test_the_documentation_knows_every_alarm_by_the_words_of_its_mail(kind: Kind) -> None:
    assert f"| `{kind}`<br>{WORDS[kind]} |" in ALARMS.read_text()
