"""A server that is far away: a relay in which every answer is late by a fixed time.

`python -m benchmarks.delay PORT TARGET SECONDS PEAK` passes connections to its port on to the port
TARGET. What the client sends goes on at once; what the server says waits. It is a delay line: any
number of answers may be on their way at the same time, so it takes time and no bandwidth. The
largest number of connections open at once is written to the file PEAK.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from benchmarks.processes import background, free_port, listens, wait_for


@dataclass(frozen=True, slots=True)
class FarServer:
    """A sink as seen from far away."""

    port: int
    _peak: Path

    def peak(self) -> int:
        """Return the largest number of connections that were open at once, and start anew."""
        text = self._peak.read_text()
        self._peak.write_text("")
        return max((int(line) for line in text.split()), default=0)


@contextmanager
def far_away(port: int, *, seconds: float, folder: Path) -> Iterator[FarServer]:
    """Run a relay to a port in a process of its own."""
    own = free_port()
    peak = folder / f"peak-{own}"
    peak.touch()
    words = [str(own), str(port), str(seconds), str(peak)]
    with background([sys.executable, "-m", "benchmarks.delay", *words], folder / "delay.log"):
        wait_for(lambda: listens(own), "the start of the delay line")
        yield FarServer(own, peak)


class Relay:
    """What all connections of a relay share."""

    def __init__(self, target: int, *, seconds: float, peak: Path) -> None:
        self.target = target
        self.seconds = seconds
        self._peak = peak
        self._open = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def opened(self) -> None:
        """Count a connection; the largest number is what the file's last look reads."""
        self._open += 1
        with self._peak.open("a") as file:
            file.write(f"{self._open}\n")

    def closed(self) -> None:
        """Count a connection that ended."""
        self._open -= 1

    def connect(self, near: "Near") -> None:
        """Open the way to the server for a client that came."""
        task = asyncio.ensure_future(self._connect(near))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, near: "Near") -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: Far(near), "127.0.0.1", self.target)
        except OSError:
            near.close()


class Near(asyncio.Protocol):
    """The client's end: forwards at once."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._transport: asyncio.Transport | None = None
        self._far: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP alone
        self._transport = transport
        self._relay.opened()
        # A client that speaks before the way is open waits in its socket.
        transport.pause_reading()
        self._relay.connect(self)

    @override
    def data_received(self, data: bytes) -> None:
        if self._far:
            self._far.write(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.closed()
        if self._far:
            self._far.close()

    @property
    def seconds(self) -> float:
        """How late every answer is."""
        return self._relay.seconds

    def open(self, far: asyncio.Transport) -> None:
        """Begin to forward."""
        self._far = far
        self.flow(going=True)

    def flow(self, *, going: bool) -> None:
        """Go on reading from the client, or stop while the server has enough."""
        if self._transport is None or self._transport.is_closing():
            return
        if going:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def answer(self, data: bytes) -> None:
        """Give the client an answer whose time has come."""
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """End the client's connection."""
        if self._transport:
            self._transport.close()


class Far(asyncio.Protocol):
    """The server's end: its answers wait in a line."""

    def __init__(self, near: Near) -> None:
        self._near = near
        self._line: deque[bytes | None] = deque()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP alone
        self._near.open(transport)

    @override
    def pause_writing(self) -> None:
        self._near.flow(going=False)

    @override
    def resume_writing(self) -> None:
        self._near.flow(going=True)

    @override
    def data_received(self, data: bytes) -> None:
        self._put(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._put(None)

    def _put(self, answer: bytes | None) -> None:
        self._line.append(answer)
        # Each timer takes the oldest answer: two that fire in the same instant keep their order.
        asyncio.get_running_loop().call_later(self._near.seconds, self._take)

    def _take(self) -> None:
        answer = self._line.popleft()
        if answer is None:
            self._near.close()
        else:
            self._near.answer(answer)


async def serve(port: int, relay: Relay) -> None:
    """Relay until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Near(relay), "127.0.0.1", port, backlog=512)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Read the command line and relay."""
    port, target, seconds, peak = sys.argv[1:]
    asyncio.run(serve(int(port), Relay(int(target), seconds=float(seconds), peak=Path(peak))))


if __name__ == "__main__":
    main()
