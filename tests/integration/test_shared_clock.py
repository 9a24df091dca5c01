"""Hosts whose own clocks differ, and the one clock that they go by."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.sender import BatchResult
from alerts.shared_clock import SharedClock, look_at, settled
from tests.conftest import NOW
from tests.data.delivery.house import House

MINUTE = timedelta(minutes=1)


class Steady:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def server(copied_postgres: str) -> Iterator[Database]:
    """Return a database whose server has a clock of its own."""
    database = Database(copied_postgres)
    yield database
    database.dispose()


def test_on_one_machine_its_own_clock_serves(tmp_path: Path) -> None:
    machine = FixedClock(NOW)
    clock = SharedClock(Database(f"sqlite:///{tmp_path / 'alerts.db'}"), machine=machine)
    clock.look()
    machine.advance(MINUTE)
    assert clock.now() == NOW + MINUTE
    assert list(tmp_path.iterdir()) == []


def test_it_shows_what_the_database_servers_clock_shows(server: Database) -> None:
    machine, steady = FixedClock(NOW), Steady()
    clock = SharedClock(server, machine=machine, steady=steady)
    assert clock.now() == NOW, "until it has looked it is the machine's"
    clock.look()
    shown = clock.now()
    assert abs(shown - datetime.now(UTC)) < MINUTE
    assert shown.utcoffset() == timedelta()
    # Whoever sets the machine's clock changes nothing; time goes on all the same.
    machine.advance(timedelta(hours=-1))
    steady.seconds += 20
    assert clock.now() == shown + timedelta(seconds=20)


def test_it_looks_seldom_and_goes_on_while_the_server_is_away(server: Database) -> None:
    steady, asked = Steady(), []
    clock = SharedClock(server, machine=FixedClock(NOW), steady=steady)

    @event.listens_for(server.engine, "before_cursor_execute")
    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    for _ in range(3):
        clock.look()
    assert asked.count("SELECT clock_timestamp()") == 1
    steady.seconds += 31
    clock.look()
    assert asked.count("SELECT clock_timestamp()") == 2
    shown = clock.now()
    away = SharedClock(Database("postgresql://127.0.0.1:9/none"), machine=FixedClock(NOW))
    away.look()
    assert away.now() == NOW
    steady.seconds += 5
    assert clock.now() == shown + timedelta(seconds=5)


def test_a_host_whose_clock_is_a_minute_ahead_leaves_others_their_batches(
    server: Database, tmp_path: Path
) -> None:
    real = datetime.now(UTC)
    behind = SharedClock(server, machine=FixedClock(real - MINUTE))
    ahead = SharedClock(server, machine=FixedClock(real + MINUTE))
    house = House(server, FixedClock(real), tmp_path)
    house.sender = replace(house.sender, clock=behind)
    other = replace(house.sender, clock=ahead, spool=tmp_path / "other")
    behind.look()
    ahead.look()
    house.send_to(*(f"r{number}" for number in range(130)))
    [batch] = house.batches()
    stolen: list[BatchResult] = []

    def steal(name: str) -> None:
        if name == "r60":
            stolen.append(other.work_off(batch))

    house.transport.before_each = steal
    assert house.work() is BatchResult.DONE
    assert stolen == [BatchResult.NOT_OURS]
    assert house.books().sent == 130
    assert max(house.transport.got.values()) == 1


class ServersClock(Database):
    """A database whose server's clock is set by so much."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.set_by = timedelta()

        @event.listens_for(self.engine, "before_cursor_execute", retval=True)
        def shifted(
            _conn: object, _cursor: object, statement: str, given: object, *_: object
        ) -> tuple[str, object]:
            seconds = self.set_by.total_seconds()
            shown = f"clock_timestamp() + interval '{seconds} seconds'"
            return statement.replace("clock_timestamp()", shown), given


@pytest.fixture
def set_server(copied_postgres: str) -> Iterator[ServersClock]:
    database = ServersClock(copied_postgres)
    yield database
    database.dispose()


def test_a_clock_that_is_set_ahead_ends_nobodys_time_at_once(set_server: ServersClock) -> None:
    steady = Steady()
    clock = SharedClock(set_server, steady=steady)
    clock.look()
    assert settled(clock) == clock.now()
    before = clock.now()
    set_server.set_by = timedelta(hours=1)
    steady.seconds += 31
    clock.look()
    assert clock.now() - before > timedelta(minutes=59)
    assert abs(settled(clock) - before - timedelta(seconds=31)) < timedelta(seconds=30)
    # It is set ahead once more meanwhile: both count.
    set_server.set_by = timedelta(hours=3)
    steady.seconds += 31
    clock.look()
    assert settled(clock) - before < timedelta(minutes=2)
    # By then everybody has looked, and renewed what they hold.
    steady.seconds += 91
    assert settled(clock) == clock.now()


def test_a_clock_that_is_set_back_is_gone_by_at_once(set_server: ServersClock) -> None:
    steady = Steady()
    clock = SharedClock(set_server, steady=steady)
    clock.look()
    before = clock.now()
    set_server.set_by = timedelta(hours=-1)
    steady.seconds += 31
    clock.look()
    assert settled(clock) == clock.now() < before


def test_a_batch_is_not_taken_from_whoever_works_on_it_where_the_clock_is_set_ahead(
    set_server: ServersClock, tmp_path: Path
) -> None:
    mine, others = Steady(), Steady()
    house = House(set_server, FixedClock(datetime.now(UTC)), tmp_path)
    house.sender = replace(house.sender, clock=SharedClock(set_server, steady=mine))
    seeing = SharedClock(set_server, steady=others)
    other = replace(house.sender, clock=seeing)
    for one in (house.sender, other):
        look_at(one.clock)
    house.send_to(*(f"r{number}" for number in range(130)))
    [batch] = house.batches()
    stolen: list[BatchResult] = []

    def steal(name: str) -> None:
        if name == "r60":
            set_server.set_by = timedelta(hours=1)
            others.seconds += 31
            seeing.look()
            stolen.append(other.work_off(batch))

    house.transport.before_each = steal
    assert house.work() is BatchResult.DONE
    assert stolen == [BatchResult.NOT_OURS]
    assert max(house.transport.got.values()) == 1
