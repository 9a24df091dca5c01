"""Hosts whose own clocks differ, and the one clock that they go by."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select, update
from typing_extensions import override

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.completion import cancel_issue
from alerts.delivery.leases import lapsed
from alerts.delivery.models import Batch, BatchState
from alerts.delivery.sender import BatchResult
from alerts.delivery.sweeper import sweep
from alerts.shared_clock import SharedClock, look_at, settled
from tests.conftest import NOW
from tests.data.delivery.house import House
from tests.functional.installation import wait_for
from workers.looking import Looking

MINUTE = timedelta(minutes=1)


class Steady:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


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
            if not seconds:
                return statement, given
            shown = f"clock_timestamp() + interval '{seconds} seconds'"
            return statement.replace("clock_timestamp()", shown), given


@pytest.fixture
def sqlite_house(migrated_sqlite: Path, tmp_path: Path) -> Iterator[House]:
    """Return a house on one machine, whose own clock is the clock of all."""
    shutil.copy(migrated_sqlite, tmp_path / "alerts.db")
    database = Database(f"sqlite:///{tmp_path / 'alerts.db'}")
    yield House(database, FixedClock(NOW), tmp_path)
    database.dispose()


@pytest.fixture
def server(copied_postgres: str) -> Iterator[ServersClock]:
    """Return a database whose server has a clock of its own."""
    database = ServersClock(copied_postgres)
    yield database
    database.dispose()


def test_on_one_machine_its_own_clock_serves(tmp_path: Path) -> None:
    machine = FixedClock(NOW)
    clock = SharedClock(Database(f"sqlite:///{tmp_path / 'alerts.db'}"), machine=machine)
    clock.look()
    machine.advance(MINUTE)
    assert clock.now() == NOW + MINUTE
    assert list(tmp_path.iterdir()) == []


def test_it_shows_what_the_database_servers_clock_shows(server: ServersClock) -> None:
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


def test_it_looks_seldom_and_goes_on_while_the_server_is_away(server: ServersClock) -> None:
    steady, asked = Steady(), []
    clock = SharedClock(server, machine=FixedClock(NOW), steady=steady)

    @event.listens_for(server.engine, "before_cursor_execute")
    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    for _ in range(3):
        clock.look()
    assert asked.count("SELECT clock_timestamp()") == 1
    steady.seconds += 20
    clock.look()
    assert asked.count("SELECT clock_timestamp()") == 2
    shown = clock.now()
    away = SharedClock(Database("postgresql://127.0.0.1:9/none"), machine=FixedClock(NOW))
    away.look()
    assert away.now() == NOW
    steady.seconds += 5
    assert clock.now() == shown + timedelta(seconds=5)


def test_a_host_whose_clock_is_a_minute_ahead_leaves_others_their_batches(
    server: ServersClock, tmp_path: Path
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


def test_a_clock_that_is_set_ahead_ends_nobodys_time_at_once(server: ServersClock) -> None:
    steady = Steady()
    clock = SharedClock(server, steady=steady)
    clock.look()
    steady.seconds += 20
    assert settled(clock) == clock.now()
    before = clock.now()
    server.set_by = timedelta(hours=1)
    steady.seconds += 20
    clock.look()
    assert clock.now() - before > timedelta(minutes=59)
    assert abs(settled(clock) - before - timedelta(seconds=20)) < timedelta(seconds=30)
    # It is set ahead once more meanwhile: both count.
    server.set_by = timedelta(hours=3)
    steady.seconds += 20
    clock.look()
    assert settled(clock) - before < timedelta(minutes=2)
    # By then everybody has looked, and renewed what they hold.
    steady.seconds += 91
    assert settled(clock) == clock.now()


def test_a_clock_that_is_set_back_is_gone_by_at_once(server: ServersClock) -> None:
    steady = Steady()
    clock = SharedClock(server, steady=steady)
    clock.look()
    before = clock.now()
    server.set_by = timedelta(hours=-1)
    steady.seconds += 20
    clock.look()
    assert settled(clock) == clock.now() < before


def test_who_has_only_begun_to_look_takes_nobodys_time_for_over(
    server: ServersClock, tmp_path: Path
) -> None:
    """Not before its holder has renewed it: a lease says itself how often that is."""
    house = House(server, FixedClock(datetime.now(UTC)), tmp_path)
    house.send_to("a")
    steady = Steady()
    clock = SharedClock(server, steady=steady)
    ended = datetime.now(UTC) - timedelta(hours=1)

    def is_over(*, lasting: int) -> bool:
        with server.transaction() as session:
            values = {"state": BatchState.LEASED, "lease_until": ended, "lease_seconds": lasting}
            session.execute(update(Batch).values(values))
            return bool(session.scalars(select(Batch.id).where(lapsed(clock))).all())

    assert not is_over(lasting=2), "it has not looked at all"
    clock.look()
    assert not is_over(lasting=2)
    steady.seconds += 5
    assert is_over(lasting=2)
    assert not is_over(lasting=60)
    steady.seconds += 24
    assert is_over(lasting=57)
    assert not is_over(lasting=60)
    steady.seconds += 2
    assert is_over(lasting=60)
    assert is_over(lasting=3600), "its holder renews it more often than others do"


def test_a_process_started_just_after_the_clock_was_set_ahead_takes_nobodys_batch(
    server: ServersClock, tmp_path: Path
) -> None:
    mine, others = Steady(), Steady()
    house = House(server, FixedClock(datetime.now(UTC)), tmp_path)
    house.sender = replace(house.sender, clock=SharedClock(server, steady=mine))
    look_at(house.sender.clock)
    house.send_to(*(f"r{number}" for number in range(130)))
    [batch] = house.batches()
    stolen: list[BatchResult] = []

    def steal(name: str) -> None:
        if name == "r60":
            server.set_by = timedelta(hours=1)
            fresh = SharedClock(server, steady=others)
            other = replace(house.sender, clock=fresh, spool=tmp_path / "other")
            look_at(fresh)
            others.seconds += 5
            stolen.append(other.work_off(batch))

    house.transport.before_each = steal
    assert house.work() is BatchResult.DONE
    assert stolen == [BatchResult.NOT_OURS]
    assert max(house.transport.got.values()) == 1


def test_a_sweep_calls_nobody_lost_who_saw_the_clock_set_back_before_it(
    server: ServersClock, tmp_path: Path
) -> None:
    """The worker of a cancelled issue still writes down what it sent."""
    sweepers = Steady()
    house = House(server, FixedClock(datetime.now(UTC)), tmp_path)
    sweeping, working = SharedClock(server, steady=sweepers), SharedClock(server)
    house.sender = replace(house.sender, clock=working)
    for clock in (sweeping, working):
        clock.look()
    sweepers.seconds += 20
    sweeping.look(again=True)
    house.send_to(*(f"r{number}" for number in range(130)))

    def cancel(name: str) -> None:
        if name == "r60":
            server.set_by = timedelta(hours=-1)
            working.look(again=True)
            with server.transaction() as session:
                session.execute(update(Batch).values(lease_until=working.now() + MINUTE))
            with server.transaction() as session:
                cancel_issue(session, house.issue_id, clock=working)
            with server.transaction() as session:
                sweep(session, clock=sweeping)

    house.transport.before_each = cancel
    house.work()
    with server.transaction() as session:
        sweep(session, clock=sweeping)
    books = house.books()
    assert books.uncertain == 0, books
    assert books.sent == len(house.transport.mails)
    assert books.sent + books.skipped == 130
    with server.read() as session:
        assert set(session.scalars(select(Batch.state))) == {BatchState.DONE}


def test_what_two_threads_saw_in_the_wrong_order_counts_once(tmp_path: Path) -> None:
    machine, steady = FixedClock(NOW), Steady()
    database = Database(f"sqlite:///{tmp_path / 'none.db'}")
    clock = SharedClock(database, machine=machine, steady=steady)
    clock.look()
    steady.seconds += 20
    machine.advance(timedelta(hours=1, seconds=20))
    clock.look()
    # The other looked before, and is told only now.
    steady.seconds -= 1
    machine.advance(timedelta(hours=-1, seconds=-1))
    clock.look(again=True)
    steady.seconds += 1
    machine.advance(timedelta(hours=1, seconds=1))
    assert clock.now() - settled(clock) == timedelta(hours=1)


def test_a_machines_clock_set_back_and_ahead_again_leaves_a_batch_to_whoever_works_on_it(
    tmp_path: Path, sqlite_house: House
) -> None:
    """On one machine nobody asks a server; its own clock may be set all the same."""
    house = sqlite_house
    machine, steady = FixedClock(NOW), Steady()
    working, looking, blind = (
        SharedClock(house.database, machine=machine, steady=steady) for _ in range(3)
    )
    for clock in (working, looking, blind):
        clock.look()
    for _ in range(4):
        pass_time(machine, steady, 10)
        looking.look()
    house.sender = replace(house.sender, clock=working)
    house.send_to(*(f"r{number}" for number in range(130)))
    [batch] = house.batches()
    stolen: list[BatchResult] = []

    def steal(name: str) -> None:
        if name == "r40":
            machine.advance(timedelta(hours=-1))
            pass_time(machine, steady, 10)
            looking.look()
            with house.database.transaction() as session:
                session.execute(update(Batch).values(lease_until=machine.now() + MINUTE))
        if name == "r60":
            machine.advance(timedelta(hours=1))
            pass_time(machine, steady, 10)
            # One that looked all the time, one that did not, one that was started after it.
            fresh = SharedClock(house.database, machine=machine, steady=steady)
            for clock in (looking, blind, fresh):
                other = replace(house.sender, clock=clock, spool=tmp_path / "other")
                stolen.append(other.work_off(batch))

    house.transport.before_each = steal
    house.work()
    assert stolen == [BatchResult.NOT_OURS] * 3
    assert max(house.transport.got.values()) == 1
    assert house.books().sent == 130
    # Whose time is over all the same is found when that is sure.
    for _ in range(10):
        pass_time(machine, steady, 10)
        looking.look()
    assert settled(looking) == looking.now()


class AskedClock(FixedClock):
    """A clock that counts how often it is looked at."""

    asked = 0

    @override
    def now(self) -> datetime:
        self.asked += 1
        return super().now()


def test_a_process_looks_at_the_clock_while_it_has_nothing_to_do(tmp_path: Path) -> None:
    machine, steady = AskedClock(NOW), Steady()
    database = Database(f"sqlite:///{tmp_path / 'none.db'}")
    clock = SharedClock(database, machine=machine, steady=steady)
    looking = Looking(clock, every=0.01)
    looking.start()
    try:
        for looks in (2, 3):
            pass_time(machine, steady, 20)
            wait_for(lambda looks=looks: machine.asked == looks)  # type: ignore[misc]  # bound here
    finally:
        looking.stop()
    assert clock.looked_for() >= timedelta(seconds=40), "it does not know for how long it looked"


def pass_time(machine: FixedClock, steady: Steady, seconds: float) -> None:
    """Let time pass, of which every clock tells."""
    machine.advance(timedelta(seconds=seconds))
    steady.seconds += seconds


def test_a_batch_is_not_taken_from_whoever_works_on_it_where_the_clock_is_set_ahead(
    server: ServersClock, tmp_path: Path
) -> None:
    mine, others = Steady(), Steady()
    house = House(server, FixedClock(datetime.now(UTC)), tmp_path)
    house.sender = replace(house.sender, clock=SharedClock(server, steady=mine))
    seeing = SharedClock(server, steady=others)
    other = replace(house.sender, clock=seeing)
    for one in (house.sender, other):
        look_at(one.clock)
    house.send_to(*(f"r{number}" for number in range(130)))
    [batch] = house.batches()
    stolen: list[BatchResult] = []

    def steal(name: str) -> None:
        if name == "r60":
            server.set_by = timedelta(hours=1)
            others.seconds += 20
            seeing.look()
            stolen.append(other.work_off(batch))

    house.transport.before_each = steal
    assert house.work() is BatchResult.DONE
    assert stolen == [BatchResult.NOT_OURS]
    assert max(house.transport.got.values()) == 1
