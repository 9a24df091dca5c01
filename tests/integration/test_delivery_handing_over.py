"""A process that is to end: it waits for what is on the wire, and for nobody who says nothing."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest
from typing_extensions import override

from alerts.delivery.handing_over import Trouble, hand_over
from alerts.delivery.journal import Journal
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.base import Lane, Observer, Outgoing, Transport

TAKEN = Outcome(Fate.ACCEPTED, 250, "2.0.0 taken")
NUMBERS = (1, 2, 3)


class Silent(Transport):
    """A server that lets nobody in; or takes one message, and answers for it after some seconds."""

    def __init__(self, *, answers_after: float | None = None) -> None:
        self.answers_after = answers_after

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        if self.answers_after is not None:
            observer.started(1)
            await asyncio.sleep(self.answers_after)
            observer.ended(1, TAKEN)
        await asyncio.Event().wait()

    @override
    async def close(self) -> None:
        """Nothing is open."""


async def handed_over(transport: Transport, journal: Journal) -> Trouble | None:
    messages = [
        Outgoing(number, "a@example.org", "b@example.org", lambda _: b"", Lane.DIGEST, "weekly")
        for number in NUMBERS
    ]
    work = hand_over(transport, messages, journal, NUMBERS, stopping=lambda: True)
    return await asyncio.wait_for(work, 30)


@pytest.mark.parametrize("answers_after", [None, 2.5])
def test_only_what_is_on_the_wire_is_waited_for(
    tmp_path: Path, answers_after: float | None
) -> None:
    journal = Journal(tmp_path / "journal", boot="this", about="x.1")
    try:
        # Kept back as when a batch is given back: nothing is said of the server.
        trouble = asyncio.run(handed_over(Silent(answers_after=answers_after), journal))
        assert trouble == Trouble()
        expected = {} if answers_after is None else {1: TAKEN}
        assert journal.take(NUMBERS) == expected
    finally:
        journal.close()
