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
from alerts.shared_clock import SharedClock
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
