"""Pages that are the same for everybody, kept for a minute: a crowd makes each of them once."""

from collections.abc import Callable, Hashable
from datetime import datetime

_MOST = 50


class KeptPages:
    """HTML by what it is of. Two threads may make the same page at once: each is right."""

    def __init__(self) -> None:
        self._minute: datetime | None = None
        self._kept: dict[Hashable, str] = {}

    def get(self, key: Hashable, make: Callable[[], str], *, now: datetime) -> str:
        """Return the page of a key as it was made within this minute, or is made now."""
        minute = now.replace(second=0, microsecond=0)
        if self._minute != minute or len(self._kept) >= _MOST:
            self._minute, self._kept = minute, {}
        kept = self._kept
        page = kept.get(key)
        if page is None:
            page = kept[key] = make()
        return page
