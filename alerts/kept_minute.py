"""What is the same for many who ask, kept for a minute: a crowd has each of it made once."""

from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Generic, TypeVar

_MOST = 50

_T = TypeVar("_T")


class KeptMinute(Generic[_T]):
    """Values by what they are of. Two threads may make the same at once: each is right."""

    def __init__(self) -> None:
        self._minute: datetime | None = None
        self._kept: dict[Hashable, _T] = {}

    def get(self, key: Hashable, make: Callable[[], _T], *, now: datetime) -> _T:
        """Return what was made for a key within this minute, or is made now."""
        minute = now.replace(second=0, microsecond=0)
        if self._minute != minute or len(self._kept) >= _MOST:
            self._minute, self._kept = minute, {}
        kept = self._kept
        found = kept.get(key)
        if found is None:
            found = kept[key] = make()
        return found
