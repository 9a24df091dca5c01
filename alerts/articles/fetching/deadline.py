"""A time by which a page has to be here, whatever the server does.

A time-out for each read is not enough: a server that sends a letter every few seconds keeps to it
for days.
"""

import ssl
import time
from collections.abc import Callable
from typing import Any

import httpcore
from typing_extensions import override


class Deadline:
    """Seconds that are left; one thread at a time fetches under it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._ends = float("inf")

    def start(self, seconds: float) -> None:
        """Begin anew, with so many seconds."""
        self._ends = self._monotonic() + seconds

    def left(self, at_most: float | None = None) -> float:
        """Return the seconds left, `at_most` so many; raises httpcore.ReadTimeout when none are."""
        left = self._ends - self._monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the page took too long in all")
        return left if at_most is None else min(left, at_most)


class TimedStream(httpcore.NetworkStream):
    """A connection on which nothing waits beyond the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    @override
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    @override
    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    @override
    def close(self) -> None:
        self._stream.close()

    @override
    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout)
        return TimedStream(
            self._stream.start_tls(ssl_context, server_hostname, left), self._deadline
        )

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
