"""One clock for all hosts: that of the database server; with SQLite, that of the machine.

The clocks of hosts differ, by a minute where nobody looks after them. A lease that one host wrote
down must not seem over to another, or two would work on one batch. And any clock may be set, back
or ahead: what somebody holds must not seem over because of that either.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import override

from alerts.clock import Clock, SystemClock
from alerts.database import Database

log = structlog.get_logger(__name__)

_EVERY_SECONDS = 3.0
# An answer that took longer says little about the moment.
_LONGEST_ANSWER = 2.0
# A machine's clock that is further off is told of in the log.
_TELLING = timedelta(seconds=5)
# Within this time every process has looked, and has renewed what it holds by what it saw.
CAREFUL = timedelta(seconds=90)
# Who has not looked for so long knows no more than one that begins: the clock may have been set
# back and ahead again.
_BLIND_SECONDS = 30.0


def _steady() -> float:
    """Return seconds of a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SharedClock(Clock):
    """The database server's clock, carried on by the machine's steady one between two looks.

    With SQLite there is one machine, and its own clock serves; so it does until the first `look`.
    `now` asks nobody. Whoever goes by `settled` has it look every few seconds. May be used by
    several threads.
    """

    def __init__(
        self,
        database: Database,
        *,
        machine: Clock | None = None,
        steady: Callable[[], float] = _steady,
    ) -> None:
        self._database = database
        self._is_local = database.engine.dialect.name == "sqlite"
        self._machine = machine or SystemClock()
        self._steady = steady
        # Since when it looks every few seconds, by the steady clock.
        self._began: float | None = None
        # What the clock showed, and when that was by the steady one.
        self._seen: tuple[datetime, float] | None = None
        # By how much it was set ahead of late, and until when that counts, by the steady one.
        self._set_ahead: tuple[timedelta, float] | None = None
        # Since when nobody has set it, as far as was seen, by the steady one.
        self._even_since: float | None = None
        self._told = False
        self._noting = Lock()

    @override
    def now(self) -> datetime:
        seen = self._seen
        # On one machine all see at once what its clock is set to.
        if seen is None or self._is_local:
            return self._machine.now()
        shown, at = seen
        return shown + timedelta(seconds=self._steady() - at)

    def settled(self) -> datetime:
        """Return the moment by which others' time is over: `now`, but for a clock set ahead.

        Who holds something renews it by what they saw last. Were the clock set ahead by an hour,
        all would be over at once; so for a minute and a half nothing is that would not be so
        without it. Who has only begun to look cannot know: see `looked_for`.
        """
        if self._is_local:
            self._look_here()
        now, set_ahead = self.now(), self._set_ahead
        if set_ahead is None or self._steady() > set_ahead[1]:
            return now
        return now - set_ahead[0]

    def looked_for(self) -> timedelta:
        """Return for how long it has looked every few seconds: what was set before it never saw."""
        began = self._began
        return timedelta() if began is None else timedelta(seconds=self._steady() - began)

    def even_for(self) -> timedelta:
        """Return for how long nobody has set it, as far as was seen; nothing where that is old."""
        seen, since = self._seen, self._even_since
        if seen is None or since is None or self._steady() - seen[1] > _BLIND_SECONDS:
            return timedelta()
        return timedelta(seconds=self._steady() - since)

    def steady(self) -> float:
        """Return seconds that pass whatever the clock is set to."""
        return self._steady()

    def look(self, *, again: bool = False) -> None:
        """Look at the clock, where the last look is some seconds old; or `again` anyhow.

        While the database server is away it goes on by what was seen last.
        """
        recent = self._seen is not None and self._steady() - self._seen[1] < _EVERY_SECONDS
        if recent and not again:
            return
        if self._is_local:
            self._look_here()
            return
        try:
            self._look_there()
        except SQLAlchemyError as error:
            log.info("clock_not_seen", error=type(error).__name__)

    def _look_here(self) -> None:
        self._note(self._machine.now(), self._steady())

    def _look_there(self) -> None:
        with self._database.read() as session:
            # The way there may include a log-in, which is not to count.
            session.execute(text("SELECT 1"))
            asked = self._steady()
            shown: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
            answered = self._steady()
        if answered - asked > _LONGEST_ANSWER:
            return
        self._note(shown, (asked + answered) / 2)
        apart = self._machine.now() - self.now()
        if abs(apart) > _TELLING and not self._told:
            self._told = True
            log.warning("clocks_differ", seconds=round(apart.total_seconds()))

    def _note(self, shown: datetime, at: float) -> None:
        with self._noting:
            seen = self._seen
            if seen is not None and at < seen[1]:
                # Another thread has looked since.
                return
            if seen is None or at - seen[1] > _BLIND_SECONDS:
                self._began = self._even_since = at
            if seen is not None:
                self._notice_set(*seen, shown, at)
            self._seen = shown, at

    def _notice_set(
        self, shown_before: datetime, at_before: float, shown: datetime, at: float
    ) -> None:
        expected = shown_before + timedelta(seconds=at - at_before)
        ahead = shown - expected
        if abs(ahead) <= _TELLING:
            return
        self._even_since = at
        if ahead < timedelta():
            log.warning("clock_set_back", seconds=round(-ahead.total_seconds()))
            return
        log.warning("clock_set_ahead", seconds=round(ahead.total_seconds()))
        counts = self._set_ahead
        before = counts[0] if counts and at <= counts[1] else timedelta()
        self._set_ahead = ahead + before, at + CAREFUL.total_seconds()


def settled(clock: Clock) -> datetime:
    """Return the moment by which a lease of somebody else is over; see `SharedClock.settled`."""
    return clock.settled() if isinstance(clock, SharedClock) else clock.now()


def looked_for(clock: Clock) -> timedelta:
    """Return for how long a clock was looked after; see `SharedClock.looked_for`.

    Of a clock that nobody looks after it is said that it always was.
    """
    return clock.looked_for() if isinstance(clock, SharedClock) else timedelta.max


def even_for(clock: Clock) -> timedelta:
    """Return for how long nobody has set a clock, as far as is known; see `SharedClock.even_for`.

    Of a clock that nobody looks after it is said that nobody ever did.
    """
    return clock.even_for() if isinstance(clock, SharedClock) else timedelta.max


def steady(clock: Clock) -> float:
    """Return seconds to measure spans by, which pass whatever a shared clock is set to."""
    return clock.steady() if isinstance(clock, SharedClock) else clock.now().timestamp()


def awake_seconds(clock: Clock) -> float:
    """Return seconds like those of `steady`, that stand still while the machine sleeps."""
    return time.monotonic() if isinstance(clock, SharedClock) else clock.now().timestamp()


def look_at(clock: Clock, *, again: bool = False) -> None:
    """Have a clock that is shared look, where its last look is old; or `again` anyhow."""
    if isinstance(clock, SharedClock):
        clock.look(again=again)
