"""One clock for all hosts: that of the database server.

The clocks of hosts differ, by a minute where nobody looks after them. A lease that one host wrote
down must not seem over to another, or two would work on one batch.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import override

from alerts.clock import Clock, SystemClock
from alerts.database import Database

log = structlog.get_logger(__name__)

_EVERY_SECONDS = 30.0
# An answer that took longer says little about the moment.
_LONGEST_ANSWER = 2.0
# A machine's clock that is further off is told of in the log.
_TELLING = timedelta(seconds=5)


def _steady() -> float:
    """Return seconds of a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SharedClock(Clock):
    """The database server's clock, carried on by the machine's steady one between two looks.

    With SQLite there is one machine, and its own clock serves; so it does until the first `look`.
    `now` asks nobody. May be used by several threads.
    """

    def __init__(
        self,
        database: Database,
        *,
        machine: Clock | None = None,
        steady: Callable[[], float] = _steady,
    ) -> None:
        self._database = database
        self._machine = machine or SystemClock()
        self._steady = steady
        # What the server's clock showed, and when that was by the steady one.
        self._seen: tuple[datetime, float] | None = None
        self._told = False

    @override
    def now(self) -> datetime:
        seen = self._seen
        if seen is None:
            return self._machine.now()
        shown, at = seen
        return shown + timedelta(seconds=self._steady() - at)

    def look(self) -> None:
        """Look at the server's clock, where the last look is older than half a minute.

        While the server is away it goes on by what was seen last.
        """
        if self._database.engine.dialect.name == "sqlite":
            return
        if self._seen is not None and self._steady() - self._seen[1] < _EVERY_SECONDS:
            return
        try:
            self._look()
        except SQLAlchemyError as error:
            log.info("clock_not_seen", error=type(error).__name__)

    def _look(self) -> None:
        with self._database.read() as session:
            # The way there may include a log-in, which is not to count.
            session.execute(text("SELECT 1"))
            asked = self._steady()
            shown: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
            answered = self._steady()
        if answered - asked > _LONGEST_ANSWER:
            return
        self._seen = shown, (asked + answered) / 2
        apart = self._machine.now() - self.now()
        if abs(apart) > _TELLING and not self._told:
            self._told = True
            log.warning("clocks_differ", seconds=round(apart.total_seconds()))
