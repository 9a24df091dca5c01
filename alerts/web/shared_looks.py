"""One look at the database for all who ask for the same thing within a second.

Many people watch one issue; what they see is read once.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool

_FRESH_SECONDS = 1.0
_KEPT_SECONDS = 60.0


class _Look:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.at = float("-inf")
        self.seen: Any = None


class SharedLooks:
    """Keeps what was seen last, by its key, for a second; for one event loop."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._looks: dict[object, _Look] = {}
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether the server ends, and whoever looks again and again should let go."""
        return self._is_closed

    def close(self) -> None:
        """Say that the server ends."""
        self._is_closed = True

    async def get(self, key: object, look: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the look sees
        """Return what is seen under a key; `look` reads it, on a thread, where that is stale."""
        found = self._looks.get(key)
        if found is None:
            self._forget_old()
            found = self._looks[key] = _Look()
        async with found.lock:
            if self._seconds() - found.at >= _FRESH_SECONDS:
                found.seen = await run_in_threadpool(look)
                found.at = self._seconds()
            return found.seen

    def _forget_old(self) -> None:
        since = self._seconds() - _KEPT_SECONDS
        for key, look in list(self._looks.items()):
            if look.at < since and not look.lock.locked():
                del self._looks[key]
