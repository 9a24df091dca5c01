"""Counts of subscribers, kept for a minute: no page waits for a million rows to be counted.

A page waits for a count as long as nobody notices. Where it takes longer the page shows what was
counted before, with its time, or says that it is being counted; the count goes on beside it, and
the next look has it.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from alerts.clock import Clock

_KEPT = timedelta(minutes=1)
_MOST = 200

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Counted(Generic[_Value]):
    """What was counted, and when (UTC)."""

    value: _Value
    at: datetime


@dataclass
class KeptCounts:
    """Counts by what they are of. One counts at a time: no crowd of pages scans at once.

    `patience` is how long a page waits, in seconds.
    """

    patience: float = 0.04
    _kept: dict[str, Counted[object]] = field(default_factory=dict)
    _under_way: dict[str, "Future[Counted[object]]"] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _at_once: threading.Lock = field(default_factory=threading.Lock)
    _counting: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="counting")
    )

    def get(
        self,
        name: str,
        count: Callable[[], _Value],
        *,
        clock: Clock,
        patience: float | None = None,
    ) -> Counted[_Value] | None:
        """Return a count with its time; None while it is being made for the first time.

        It is at most a minute old, unless counting takes longer than a page waits; what is no page
        brings a patience of its own. `count` runs on another thread: it opens what it needs itself.
        """
        with self._lock:
            begun, known = False, self._kept.get(name)
            if _is_fresh(known, clock):
                return known  # type: ignore[return-value]  # who asks by a name put it there
            future = self._under_way.get(name)
            if future is None:
                future = self._counting.submit(lambda: Counted(count(), clock.now()))
                self._under_way[name] = future
                begun = True
        if begun:
            # Outside of the lock, which a count that has ended at once takes here.
            future.add_done_callback(lambda ended: self._keep(name, ended))
        ended, _ = wait_for((future,), timeout=self.patience if patience is None else patience)
        # Whoever asks by a name has put in what comes out under it.
        return future.result() if ended else known  # type: ignore[return-value]

    def get_at_once(
        self, name: str, count: Callable[[], _Value], *, clock: Clock
    ) -> Counted[_Value] | None:
        """Return the same, counted here; None while something is being counted: nobody waits.

        What `count` raises passes, and nothing is kept.
        """
        with self._lock:
            known = self._kept.get(name)
            if _is_fresh(known, clock):
                return known  # type: ignore[return-value]  # who asks by a name put it there
            is_busy = bool(self._under_way)
        if is_busy or not self._at_once.acquire(blocking=False):
            return None
        try:
            counted = Counted(count(), clock.now())
        finally:
            self._at_once.release()
        with self._lock:
            self._put(name, counted)  # type: ignore[arg-type]  # whatever was counted
        return counted

    def forget(self) -> None:
        """Count anew from now on: somebody changed who there is."""
        with self._lock:
            self._kept.clear()
            # What is being counted now may not know of it.
            self._under_way.clear()

    def close(self) -> None:
        """Begin no more counts."""
        self._counting.shutdown(wait=False, cancel_futures=True)

    def _keep(self, name: str, ended: "Future[Counted[object]]") -> None:
        with self._lock:
            if self._under_way.get(name) is not ended:
                return
            del self._under_way[name]
            if ended.cancelled() or ended.exception() is not None:
                return
            self._put(name, ended.result())

    def _put(self, name: str, counted: Counted[object]) -> None:
        """Keep a count; the lock is held."""
        if len(self._kept) >= _MOST:
            self._kept.clear()
        self._kept[name] = counted


def _is_fresh(known: Counted[object] | None, clock: Clock) -> bool:
    return known is not None and timedelta() <= clock.now() - known.at < _KEPT
