"""Transports that live in memory, and a pool of them whose clock is moved by hand."""

import asyncio
from collections.abc import Callable, Iterable

from typing_extensions import override

from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.base import (
    Observer,
    Outgoing,
    Transport,
    TransportDown,
)
from alerts.delivery.transports.pool import Member, PoolTransport
from tests.data.delivery.handing import Notes

ACCEPTED = Outcome(Fate.ACCEPTED, 250)
LOST = Outcome(Fate.UNKNOWN, 0, "connection lost")


class Way(Transport):
    """Takes messages; `mood` decides before each, and may wait or raise."""

    def __init__(self, mood: Callable[[int], Outcome | None] = lambda _: None) -> None:
        self.got: list[int] = []
        self.calls: list[int] = []
        self.mood = mood
        self.gate: asyncio.Event | None = None
        self.closed = False
        self.one_more = asyncio.Event()

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        waiting = list(messages)
        self.calls.append(len(waiting))
        for message in waiting:
            if self.gate is not None:
                await self.gate.wait()
            await asyncio.sleep(0)
            message.content(False)
            outcome = self.mood(message.delivery_id) or ACCEPTED
            observer.started(message.delivery_id)
            self.got.append(message.delivery_id)
            self.one_more.set()
            observer.ended(message.delivery_id, outcome)

    @override
    async def close(self) -> None:
        self.closed = True

    async def has(self, count: int) -> None:
        """Return when it has sent so many messages."""
        while len(self.got) < count:
            self.one_more.clear()
            await self.one_more.wait()


def down(_: int) -> None:
    raise TransportDown("nobody answers")


class Hand:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def mails(count: int, *, via: str = "", via_only: bool = False, first: int = 1) -> list[Outgoing]:
    return [
        Outgoing(n, "a@x.org", f"r{n}@x.org", lambda _: b"", via=via, via_only=via_only)
        for n in range(first, first + count)
    ]


def pool(
    clock: Callable[[], float] | None = None, patience: float = 60.0, **members: tuple[Way, int]
) -> PoolTransport:
    clock = clock or Hand()
    found = [Member(name, way, weight) for name, (way, weight) in members.items()]
    return PoolTransport(found, clock=clock, patience=patience)


def send(transport: Transport, messages: Iterable[Outgoing]) -> Notes:
    notes = Notes()
    asyncio.run(transport.deliver(messages, notes))
    return notes
