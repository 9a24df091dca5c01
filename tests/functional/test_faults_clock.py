"""The clock is set back by an hour: that of the one machine, of the database, of the beat."""

import os
import shelve
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from alerts.operations.models import Beat
from tests.functional.servers import PostgresServer
from tests.functional.troubled import Troubled

Trouble = Callable[..., Troubled]

pytestmark = [pytest.mark.faults, pytest.mark.processes, pytest.mark.timeout(900)]
READERS = 6_000
HOUR = timedelta(hours=1)


class ShiftedClock:
    """What a server shows whose clock is ruled by a file, by way of Debian's libfaketime."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)
        self._file = folder / "clock"
        self._by = timedelta()
        self.shift(timedelta())

    def now(self) -> datetime:
        """Return what the server's clock shows."""
        return datetime.now(UTC) + self._by

    def shift(self, by: timedelta) -> None:
        """Set the clock by so much off the true time."""
        self._by = by
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{by.total_seconds():+.0f}\n")
        fresh.replace(self._file)

    def given(self) -> dict[str, str]:
        """Return the environment of a process that goes by this clock."""
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
        assert library, "libfaketime is missing; `make from-debian` installs it"
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            # All see at once what it is set to, as on one machine they do.
            "FAKETIME_NO_CACHE": "1",
            # What waits goes on waiting: only the wall clock is set.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    @contextmanager
    def rules(self) -> Iterator[None]:
        """Have servers that are started meanwhile go by this clock."""
        given = self.given()
        os.environ |= given
        try:
            yield
        finally:
            for name in given:
                del os.environ[name]


@pytest.fixture
def clock() -> Iterator[ShiftedClock]:
    """Return the clock that the database's server goes by."""
    # Its server runs as a user of its own, whom pytest's folders keep out.
    with tempfile.TemporaryDirectory(prefix="alerts-clock-") as folder:
        yield ShiftedClock(Path(folder))


def test_a_clock_set_back_an_hour_in_the_middle_of_an_issue_loses_and_doubles_nothing(
    trouble: Trouble, postgres: PostgresServer, redis_url: str, clock: ShiftedClock
) -> None:
    """All parts go by the database server's clock, however many hosts they are on."""
    postgres.stop("fast")
    with clock.rules():
        postgres.start()
    troubled = trouble(database_url=postgres.url, redis_url=redis_url, connections=8)
    troubled.clock = clock
    troubled.server.delay = 0.03
    troubled.prepare(READERS)
    for name in ("worker one", "worker two"):
        troubled.start(name, "worker")
    troubled.start("beat", "beat")
    troubled.send()
    troubled.until_taken(READERS // 4)
    clock.shift(-HOUR)
    troubled.until_taken(READERS // 2)
    with troubled.database.read() as session:
        shown = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    assert abs(shown - clock.now()) < timedelta(minutes=1), "the clock was not set back"
    # What it held is taken up when its lease is over, which it is an hour later at the latest.
    troubled.kill("worker one")
    troubled.until_taken(READERS * 3 // 4)
    clock.shift(timedelta())
    troubled.server.delay = 0.0
    troubled.until_sent(seconds=400)
    # On each connection of the two processes that were killed a message may have been on the wire.
    assert troubled.check(READERS, most_copies=2 * 8).sent == READERS


def test_a_machines_clock_set_back_and_ahead_again_has_no_batch_taken_over(
    trouble: Trouble, clock: ShiftedClock
) -> None:
    """SQLite and the embedded Redis: one machine, whose clock is that of all its processes."""
    troubled = trouble(connections=8, lease_seconds="10")
    troubled.clock = clock
    troubled.server.delay = 0.03
    troubled.prepare(READERS)
    troubled.installation.environment |= clock.given()
    for name in ("worker one", "worker two"):
        troubled.start(name, "worker")
    troubled.send()
    troubled.until_taken(READERS // 5)
    clock.shift(-HOUR)
    troubled.until_taken(READERS * 2 // 5)
    clock.shift(timedelta())
    # One that knows nothing of what was.
    troubled.start("worker three", "worker")
    troubled.until_taken(READERS * 3 // 5)
    assert "batch_taken_over" not in troubled.log()
    troubled.server.delay = 0.0
    troubled.until_sent(seconds=400)
    assert "clock_set_ahead" in troubled.log(), "no process saw the machine's clock set ahead"
    assert troubled.check(READERS, most_copies=0).sent == READERS


def test_who_died_just_before_a_clock_was_set_back_is_taken_over_in_minutes(
    trouble: Trouble, clock: ShiftedClock
) -> None:
    """By the clock as it is then, what it held is its own for an hour."""
    readers = READERS // 3
    troubled = trouble(connections=8, lease_seconds="10")
    troubled.clock = clock
    troubled.server.delay = 0.03
    troubled.prepare(readers)
    troubled.installation.environment |= clock.given()
    troubled.start("worker", "worker")
    troubled.send()
    troubled.until_taken(readers // 3)
    worker = troubled.parts["worker"]
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    clock.shift(-HOUR)
    troubled.start_again("worker")
    troubled.server.delay = 0.0
    troubled.until_sent(seconds=400)
    assert "drawn_near" in troubled.log(), "no lease was left over by the clock before"
    assert troubled.check(readers, most_copies=8).sent == readers


def test_a_beat_ticks_on_where_its_clock_was_set_back(
    trouble: Trouble, empty_postgres: str, redis_url: str
) -> None:
    troubled = trouble(database_url=empty_postgres, redis_url=redis_url)
    troubled.installation.run("init")
    troubled.start("worker", "worker")
    ticked = tick_of(troubled)
    assert ticked is None
    troubled.start("beat", "beat")
    troubled.until(lambda: tick_of(troubled) is not None, what="the first tick")
    troubled.parts["beat"].terminate()
    troubled.parts["beat"].wait(60)
    # As it stands there when the clock was set back by an hour after the last tick.
    with shelve.open(str(troubled.installation.folder / "var" / "beat-schedule")) as kept:  # noqa: S301 - its own file
        entries = kept["entries"]
        for entry in entries.values():
            entry.last_run_at += HOUR
        kept["entries"] = entries
    before = tick_of(troubled)
    troubled.start_again("beat")
    troubled.until(lambda: tick_of(troubled) != before, what="a tick", seconds=180)
    assert "clock_was_set_back" in troubled.log()


def tick_of(troubled: Troubled) -> datetime | None:
    """Return when the last tick was."""
    with troubled.database.read() as session:
        return session.scalar(select(Beat.at).where(Beat.name == "tick"))
