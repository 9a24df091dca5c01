"""Looking at the shared clock for as long as a process runs, also while it has nothing to do.

A process that is handed a batch has to know whether the clock was set since others wrote down how
long they hold what they hold; one that looks only with a task at hand would not. And one that has a
batch at hand for minutes has to renew its lease by the clock as it is set meanwhile. So a thread
looks, and no task does: but for those who are about to call a lease of somebody else over, who look
once more (`look_at(clock, again=True)`).
"""

import threading

import structlog

from alerts.shared_clock import SharedClock

log = structlog.get_logger(__name__)

_EVERY_SECONDS = 5.0
_END_SECONDS = 3.0


class Looking:
    """Has a clock look every few seconds, from `start` to `stop`; a process has one."""

    def __init__(self, clock: SharedClock, *, every: float = _EVERY_SECONDS) -> None:
        self._clock = clock
        self._every = every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="clock", daemon=True)

    def start(self) -> None:
        """Look now and from now on."""
        self._clock.look()
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join(_END_SECONDS)

    def _look_on(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self._clock.look()
            except Exception:  # the next look may go well
                log.exception("clock_not_looked_at")
