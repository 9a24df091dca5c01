"""Alarms while the machine's clock is set, or the machine sleeps: nobody is taken for silent."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.operations.alarms.beats import BEAT, WORKER, note_life
from alerts.operations.alarms.watching import Watch
from alerts.operations.models import Alarm
from tests.data.operations.alarm_bell import Bell

HOUR = timedelta(hours=1)


class Watched:
    """A house with somebody who watches; time passes in it, or its clock is set."""

    def __init__(self, bell: Bell) -> None:
        self.bell = bell
        self._passed = 0.0
        self.watch = Watch(bell.means, space=lambda _: None, awake=lambda: self._passed)
        self.silent: set[str] = set()
        self.passes(2)

    def set_clock(self, by: timedelta) -> None:
        self.bell.clock.advance(by)

    def passes(self, minutes: int) -> list[str]:
        """Let minutes pass, with signs of life and a check in each; return what is open then."""
        for _ in range(minutes):
            self.bell.clock.advance(timedelta(minutes=1))
            self._passed += 60
            with self.bell.database.transaction() as session:
                for name in {BEAT, WORKER, "tick"} - self.silent:
                    note_life(session, name, now=self.bell.clock.now())
            self.watch.check()
        return sorted(alarm.kind for alarm in self.bell.alarms())

    def ever_opened(self) -> list[str]:
        with self.bell.database.read() as session:
            return sorted(session.scalars(select(Alarm.kind)))


@pytest.fixture
def watched(bell: Bell) -> Watched:
    return Watched(bell)


def test_a_clock_that_jumps_ahead_makes_nobody_silent(watched: Watched) -> None:
    watched.set_clock(HOUR)
    # Nobody has shown a sign of life by the new clock yet.
    watched.watch.check()
    assert watched.ever_opened() == []
    watched.passes(5)
    assert watched.ever_opened() == []


def test_who_is_silent_is_found_after_a_jump_too(watched: Watched) -> None:
    watched.set_clock(HOUR)
    watched.silent = {WORKER}
    assert watched.passes(3) == []
    assert watched.passes(2) == ["no-worker"]


@pytest.mark.parametrize("since", [0, 2])
def test_who_fell_silent_before_the_clock_was_set_back_is_found_in_minutes(
    watched: Watched, since: int
) -> None:
    watched.silent = {WORKER, BEAT, "tick"}
    watched.passes(since)
    watched.set_clock(-HOUR)
    # Checks go on though the last one was noted by the clock as it was.
    assert watched.passes(2) == []
    assert watched.passes(3) == ["no-beat", "no-worker"]


def test_a_machine_that_slept_gives_everybody_their_time(watched: Watched) -> None:
    # Its clock went on meanwhile, and nothing else did.
    watched.set_clock(timedelta(hours=9))
    watched.watch.check()
    watched.passes(4)
    assert watched.ever_opened() == []


def test_an_alarm_is_not_over_because_the_clock_jumped(watched: Watched) -> None:
    watched.silent = {BEAT}
    assert watched.passes(4) == ["no-beat"]
    watched.set_clock(HOUR)
    watched.watch.check()
    assert watched.passes(4) == ["no-beat"]


def test_whoever_watches_for_the_first_time_finds_who_never_was(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    bell = Bell(database, clock, tmp_path)
    watched = Watched(bell)
    watched.silent = {BEAT, WORKER, "tick"}
    assert watched.passes(4) == ["no-beat", "no-worker"]
    bell.close()
