"""What is the same for many who ask, kept for a moment: a crowd has each of it made once."""

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

_MOST = 50

_T = TypeVar("_T")


class KeptBriefly(Generic[_T]):
    """Values by what they are of, each for a span of time from when it was made; for none with 0.

    Two threads may make the same at once: each is right.
    """

    def __init__(self, span: timedelta) -> None:
        self._span = span
        self._kept: dict[Hashable, tuple[datetime, _T]] = {}

    def get(self, key: Hashable, make: Callable[[], _T], *, now: datetime) -> _T:
        """Return what was made for a key within the span before `now`, or is made now."""
        found = self.known(key, now=now)
        if found is not None:
            return found
        made = make()
        if len(self._kept) >= _MOST:
            self._kept = {}
        self._kept[key] = (now, made)
        return made

    def known(self, key: Hashable, *, now: datetime) -> _T | None:
        """Return what was made for a key within the span before `now`; None where nothing was."""
        found = self._kept.get(key)
        # A clock that was set back makes nothing stay for longer.
        if found is not None and timedelta(0) <= now - found[0] < self._span:
            return found[1]
        return None
