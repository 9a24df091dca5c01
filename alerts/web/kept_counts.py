"""Counts of subscribers, kept for a minute: a reload counts nobody anew."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from alerts.clock import Clock

_KEPT = timedelta(minutes=1)
_MOST = 200

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted, and when (UTC)."""

    value: object
    at: datetime


@dataclass
class KeptCounts:
    """Counts by what they are of. One counts at a time: no crowd of pages scans at once."""

    _kept: dict[str, Counted] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(
        self, name: str, count: Callable[[], _Value], *, clock: Clock
    ) -> tuple[_Value, datetime]:
        """Return a count and when it was made: now, or within the last minute."""
        with self._lock:
            return self._get(name, count, clock)

    def get_at_once(
        self, name: str, count: Callable[[], _Value], *, clock: Clock
    ) -> tuple[_Value, datetime] | None:
        """Return the same, but None while something else is being counted: nobody waits for it.

        What `count` raises passes, and nothing is kept.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._get(name, count, clock)
        finally:
            self._lock.release()

    def _get(self, name: str, count: Callable[[], _Value], clock: Clock) -> tuple[_Value, datetime]:
        now = clock.now()
        known = self._kept.get(name)
        if known is None or not timedelta() <= now - known.at < _KEPT:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            known = self._kept[name] = Counted(count(), now)
        # Whoever asks by a name has put in what comes out under it.
        return known.value, known.at  # type: ignore[return-value]

    def forget(self) -> None:
        """Count anew from now on: somebody changed who there is."""
        with self._lock:
            self._kept.clear()
