"""What somebody who died left behind, where the clock is set back just after: nobody waits."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from alerts.articles.sources.claims import claim_due_sources
from alerts.articles.sources.models import Source, SourceKind
from alerts.claims import claim_row
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.leases import renewal_seconds, spans_in_use
from alerts.delivery.models import Batch, BatchState
from alerts.delivery.sender import BatchResult
from alerts.delivery.sweeper import sweep
from alerts.newsletters.models import Run, RunOutcome
from alerts.newsletters.scheduling import stale_runs
from alerts.operations.moments import clocked
from alerts.set_back import draw_near
from alerts.shared_clock import CAREFUL, SharedClock
from alerts.subscribers.models import Frequency, Subscriber
from tests.conftest import NOW
from tests.data.delivery.house import House

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LEASE = timedelta(seconds=60)


class Machine:
    """A machine whose clock is set, and the clock that a process there goes by."""

    def __init__(self, database: Database) -> None:
        self._set_to = FixedClock(NOW)
        self._passed = 1_000.0
        self.database = database
        self.clock = self.process()

    def process(self) -> SharedClock:
        """Return the clock of a process that begins now; with SQLite it is the machine's own."""
        clock = SharedClock(self.database, machine=self._set_to, steady=lambda: self._passed)
        clock.look()
        return clock

    def set_clock(self, by: timedelta) -> None:
        """Set the machine's clock; no time passes."""
        self._set_to.advance(by)

    def passes(self, seconds: float, *clocks: SharedClock) -> None:
        """Let time pass, in which these look every few seconds."""
        for _ in range(int(seconds // 5)):
            self._set_to.advance(timedelta(seconds=5))
            self._passed += 5
            for clock in (self.clock, *clocks):
                clock.look()

    def draw_near(self, clock: SharedClock | None = None) -> int:
        with self.database.transaction() as session:
            return draw_near(
                session, clocked(leases=spans_in_use(session)), clock=clock or self.clock
            )


@pytest.fixture
def machine(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Machine]:
    shutil.copy(migrated_sqlite, tmp_path / "alerts.db")
    database = Database(f"sqlite:///{tmp_path / 'alerts.db'}")
    yield Machine(database)
    database.dispose()


@pytest.fixture
def house(machine: Machine, tmp_path: Path) -> House:
    """Return a house whose one worker goes by the machine's clock."""
    house = House(machine.database, FixedClock(NOW), tmp_path)
    house.sender = replace(house.sender, clock=machine.clock)
    return house


def swept(house: House, machine: Machine) -> list[int]:
    with house.database.transaction() as session:
        return [due.id for due in sweep(session, clock=machine.clock)]


def test_who_died_just_before_the_clock_was_set_back_holds_a_batch_for_minutes_not_for_the_hour(
    house: House, machine: Machine
) -> None:
    house.send_to("a", "b", "c", "d")
    house.crash("c")
    machine.set_clock(-HOUR)
    machine.passes(85)
    # Who lives may not have looked yet.
    assert machine.draw_near() == 0
    machine.passes(10)
    assert machine.draw_near() == 1
    assert swept(house, machine) == []
    assert house.work() is BatchResult.NOT_OURS
    machine.passes(65)
    assert machine.draw_near() == 0
    assert swept(house, machine) == house.batches()
    assert house.work() is BatchResult.LATER
    # The one that was on the wire is tried again as after any crash.
    machine.passes(180)
    assert house.work() is BatchResult.DONE
    assert house.transport.got == Counter(a=1, b=1, c=1, d=1)
    assert house.books().sent == 4


def test_who_lives_keeps_its_batch_and_nobody_gets_two(
    house: House, machine: Machine, tmp_path: Path
) -> None:
    names = [f"r{number:03}" for number in range(130)]
    house.send_to(*names)
    [batch] = house.batches()
    others = machine.process()
    other = replace(house.sender, clock=others, spool=tmp_path / "other")
    stolen: list[BatchResult] = []

    def set_back(name: str) -> None:
        if name == "r060":
            machine.set_clock(-HOUR)
            # It renewed its lease since, as it does each quarter of it.
            machine.passes(100, others)
            with house.database.transaction() as session:
                session.execute(update(Batch).values(lease_until=machine.clock.now() + LEASE))
            assert machine.draw_near(others) == 0
            stolen.append(other.work_off(batch))

    house.transport.before_each = set_back
    house.work()
    assert stolen == [BatchResult.NOT_OURS]
    assert max(house.transport.got.values()) == 1


def test_a_worker_whose_leases_are_longer_than_others_keeps_its_batch(
    house: House, machine: Machine, tmp_path: Path
) -> None:
    """Its lease lies further ahead than that of any other worker would: no clock was set back."""
    house.sender = replace(house.sender, lease=timedelta(minutes=20))
    names = [f"r{number:03}" for number in range(130)]
    house.send_to(*names)
    [batch] = house.batches()
    others = machine.process()
    other = replace(house.sender, clock=others, spool=tmp_path / "other", lease=LEASE)
    stolen: list[BatchResult] = []

    def wait(name: str) -> None:
        if name == "r060":
            # By then nobody's clock was set for more than twenty minutes.
            machine.passes(1300, others)
            with house.database.transaction() as session:
                until = machine.clock.now() + house.sender.lease
                session.execute(update(Batch).values(lease_until=until))
            assert machine.draw_near(others) == 0
            machine.passes(100, others)
            assert machine.draw_near(others) == 0
            stolen.append(other.work_off(batch))

    house.transport.before_each = wait
    house.work()
    assert stolen == [BatchResult.NOT_OURS]
    assert max(house.transport.got.values()) == 1


def test_a_long_lease_of_somebody_who_died_is_drawn_near_by_its_own_length(
    house: House, machine: Machine
) -> None:
    lease = timedelta(minutes=5)
    house.sender = replace(house.sender, lease=lease)
    house.send_to("a", "b")
    house.crash("b")
    machine.set_clock(-HOUR)
    machine.passes(305)
    assert machine.draw_near() == 1
    with house.database.read() as session:
        assert session.scalars(select(Batch.lease_until)).one() == machine.clock.now() + lease
    machine.passes(305)
    assert swept(house, machine) == house.batches()


def test_leases_of_any_length_are_renewed_before_a_clock_that_was_set_ahead_ends_them() -> None:
    assert renewal_seconds(timedelta(seconds=2)) == 0.5
    assert renewal_seconds(LEASE) == 15
    assert renewal_seconds(HOUR) == 15 < CAREFUL.total_seconds() / 2


def test_a_worker_that_cannot_renew_stops_when_its_lease_is_over_whatever_the_clock_shows(
    house: House, machine: Machine
) -> None:
    """Set back, the clock would have it send for an hour after others took over."""
    house.send_to(*(f"r{number:03}" for number in range(20)))

    def set_back(name: str) -> None:
        if name == "r005":
            machine.set_clock(-HOUR)
            machine.passes(65)

    house.transport.before_each = set_back
    house.work()
    assert sum(house.transport.got.values()) == 5


def test_a_worker_whose_clock_is_set_ahead_sends_on(house: House, machine: Machine) -> None:
    names = [f"r{number:03}" for number in range(20)]
    house.send_to(*names)

    def set_ahead(name: str) -> None:
        if name == "r005":
            machine.set_clock(HOUR)

    house.transport.before_each = set_ahead
    assert house.work() is BatchResult.DONE
    assert house.transport.got == Counter(names)


def test_who_has_only_begun_or_not_looked_for_long_draws_nothing_near(
    house: House, machine: Machine
) -> None:
    house.send_to("a", "b")
    house.crash("b")
    machine.set_clock(-HOUR)
    machine.passes(100)
    late = machine.process()
    assert machine.draw_near(late) == 0
    machine.passes(100)
    # It has not looked meanwhile: the clock may have been set back and ahead.
    assert machine.draw_near(late) == 0
    assert machine.draw_near() == 1


def test_a_batch_that_was_handed_out_and_lost_is_handed_out_again(
    house: House, machine: Machine
) -> None:
    house.send_to("a")
    [batch] = house.batches()
    machine.set_clock(-HOUR)
    machine.passes(100)
    assert swept(house, machine) == []
    assert machine.draw_near() == 1
    machine.passes(125)
    assert swept(house, machine) == [batch]


def add_source(database: Database, **values: object) -> int:
    with database.transaction() as session:
        source = Source(
            key="key",
            url="https://news.example.org/feed",
            kind=SourceKind.FEED,
            every_seconds=900,
            created_at=NOW,
            **values,
        )
        session.add(source)
        session.flush()
        return source.id


def test_a_source_is_looked_at_within_minutes_not_in_an_hour(machine: Machine) -> None:
    number = add_source(
        machine.database, next_poll_at=NOW + 15 * MINUTE, last_success_at=NOW - MINUTE
    )
    machine.set_clock(-HOUR)
    machine.passes(100)
    assert machine.draw_near() == 1
    with machine.database.transaction() as session:
        assert claim_due_sources(session, clock=machine.clock) == [number]


def test_a_source_that_asked_for_a_rest_gets_it(machine: Machine) -> None:
    add_source(
        machine.database,
        next_poll_at=NOW + HOUR,
        last_success_at=NOW - MINUTE,
        failing_since=NOW,
    )
    machine.set_clock(-HOUR)
    machine.passes(100)
    assert machine.draw_near() == 0


def test_a_claim_of_somebody_who_died_is_over_within_minutes(machine: Machine) -> None:
    number = add_source(machine.database, next_poll_at=NOW, failing_since=NOW)
    assert claim_row(machine.database, Source, number, clock=machine.clock) is not None
    machine.set_clock(-HOUR)
    machine.passes(295)
    assert machine.draw_near() == 0
    machine.passes(10)
    assert machine.draw_near() == 1
    assert claim_row(machine.database, Source, number, clock=machine.clock) is None
    machine.passes(305)
    assert claim_row(machine.database, Source, number, clock=machine.clock) is not None


def test_an_issue_by_schedule_that_nobody_made_is_made(house: House, machine: Machine) -> None:
    what = {"newsletter": "gp-alert", "frequency": Frequency.IMMEDIATE, "period": "2026-01-01"}
    run = insert(Run).values(**what, due_at=NOW, started_at=NOW, outcome=RunOutcome.CLAIMED)
    with house.database.transaction() as session:
        session.execute(run)
    machine.set_clock(-HOUR)
    machine.passes(100)
    machine.draw_near()
    machine.passes(605)
    with house.database.read() as session:
        assert len(stale_runs(session, clock=machine.clock)) == 1


def test_whoever_waits_for_a_mail_to_confirm_does_not_wait_for_an_hour(
    house: House, machine: Machine
) -> None:
    house.send_to("a")
    house.change("a", lambda _, one: setattr(one, "confirmation_due_at", NOW + 2 * MINUTE))
    machine.set_clock(-HOUR)
    machine.passes(305)
    machine.draw_near()
    with house.database.read() as session:
        due = session.scalars(select(Subscriber.confirmation_due_at)).one()
    assert due is not None
    assert due - machine.clock.now() == 5 * MINUTE


def test_on_postgresql_too(copied_postgres: str, tmp_path: Path) -> None:
    """All statements, where the types of moments and of states are others."""
    database = Database(copied_postgres)
    clock = FixedClock(datetime.now(UTC))
    house = House(database, clock, tmp_path)
    house.send_to("a", "b")
    house.crash("b")
    with database.transaction() as session:
        assert draw_near(session, clocked(leases=spans_in_use(session)), clock=clock) == 0
    clock.advance(-HOUR)
    with database.transaction() as session:
        assert draw_near(session, clocked(leases=spans_in_use(session)), clock=clock) == 1
        [until] = session.scalars(select(Batch.lease_until).where(Batch.state == BatchState.LEASED))
    assert until == clock.now() + LEASE
    database.dispose()
