"""Handing messages to a scripted server, and what must be true of it whatever the server does."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import uvloop
from typing_extensions import override

from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.base import Observer, Outgoing, TransportDown
from alerts.delivery.transports.smtp import SmtpServer, SmtpTransport
from tests.data.delivery.smtp_server import ScriptedServer

CONTENT = b"Subject: x\r\n\r\n" + b"line\r\n" * 500 + b".dot\r\n..dots\r\n"


class Notes(Observer):
    """Remembers what it was told, and that a message is begun once and ended once.

    `reached` is set as soon as the message numbered `until` has begun.
    """

    def __init__(self, until: int = 1) -> None:
        self._until = until
        self.reached = asyncio.Event()
        self.begun: Counter[int] = Counter()
        self.outcomes: dict[int, Outcome] = {}
        self.most_in_doubt = 0

    @override
    def started(self, delivery_id: int) -> None:
        assert delivery_id not in self.outcomes
        self.begun[delivery_id] += 1
        if delivery_id == self._until:
            self.reached.set()
        self.most_in_doubt = max(self.most_in_doubt, len(self.begun.keys() - self.outcomes.keys()))

    @override
    def ended(self, delivery_id: int, outcome: Outcome) -> None:
        assert delivery_id not in self.outcomes
        self.outcomes[delivery_id] = outcome

    @property
    def fates(self) -> Counter[Fate]:
        return Counter(outcome.fate for outcome in self.outcomes.values())


def messages(count: int, content: bytes = CONTENT) -> list[Outgoing]:
    return [
        Outgoing(n, "a@example.org", f"r{n}@x.org", lambda _: content) for n in range(1, count + 1)
    ]


def attempt(
    server: ScriptedServer,
    outgoing: Sequence[Outgoing],
    way: SmtpServer | None = None,
    *,
    fast_loop: bool = False,
) -> tuple[Notes, TransportDown | None]:
    """Deliver to a scripted server; return what was told, and why it gave up if it did."""
    way = way or SmtpServer("", 0, tls="off", connections=3)
    notes = Notes()

    async def work() -> TransportDown | None:
        async with server.running() as port:
            transport = SmtpTransport(replace(way, host=way.host or "127.0.0.1", port=port))
            try:
                # Only a call that never ends takes so long.
                async with asyncio.timeout(30):
                    await transport.deliver(outgoing, notes)
            except TransportDown as error:
                return error
            finally:
                await transport.close()
        return None

    error = uvloop.run(work()) if fast_loop else asyncio.run(work())
    assert max(notes.begun.values(), default=1) == 1
    assert notes.begun.keys() <= notes.outcomes.keys()
    assert notes.most_in_doubt <= way.connections
    if error is None:
        assert notes.outcomes.keys() == {message.delivery_id for message in outgoing}
    return notes, error


def hand_over(
    server: ScriptedServer,
    outgoing: Sequence[Outgoing],
    way: SmtpServer | None = None,
    *,
    down: str | None = None,
    fast_loop: bool = False,
) -> Notes:
    """Deliver to a server that counts right; `down` is the reason it is expected to give up."""
    notes, error = attempt(server, outgoing, way, fast_loop=fast_loop)
    assert (error is None) == (down is None), error
    assert down is None or re.search(down, str(error))
    check_against(server, notes)
    return notes


def check_against(server: ScriptedServer, notes: Notes) -> None:
    """Check that the server and the observer tell the same story."""
    assert server.faults == []
    known = {n for n, o in notes.outcomes.items() if o.fate is Fate.ACCEPTED}
    unknown = {n for n, o in notes.outcomes.items() if o.fate is Fate.UNKNOWN}
    taken = Counter(int(to.partition("@")[0][1:]) for to, _ in server.accepted)
    assert max(taken.values(), default=1) == 1
    assert known <= taken.keys() <= known | unknown
