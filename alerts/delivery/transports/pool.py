"""Several ways to send: shared by weight, and the well ones take over what a sick one left.

A message of which a transport has told nothing may go another way; one that was started never
does, since it may have arrived. The work goes in rounds (`rounds.py`): whenever a transport
drops out, what it left is dealt out anew among the others. Who is sick is shared with all other
processes (`suspicion.py`).
"""

import asyncio
import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from typing_extensions import override

from alerts.delivery.transports.base import (
    LimitReached,
    Observer,
    Outgoing,
    Transport,
    TransportBusy,
    TransportDown,
)
from alerts.delivery.transports.breaker import Breaker
from alerts.delivery.transports.rounds import Place, Round
from alerts.delivery.transports.shares import Shares
from alerts.delivery.transports.suspicion import Suspicions, named

# Whoever is done with its share leaves the others at least so many seconds more for theirs.
_PATIENCE_SECONDS = 1.0
# What other processes found out is asked for no more often.
_ASKED_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Member:
    """A transport of the pool under the name that newsletters choose it by.

    `weight` is its share of the messages; with 0 it sends only what no other can.
    """

    name: str
    transport: Transport
    weight: int = 1


class PoolTransport(Transport):
    """Shares messages among its members; each has a breaker of its own."""

    def __init__(
        self,
        members: Sequence[Member],
        *,
        clock: Callable[[], float] = time.monotonic,
        patience: float = _PATIENCE_SECONDS,
        suspicions: Suspicions | None = None,
    ) -> None:
        self._places = {m.name: Place(m.name, m.transport, Breaker(clock)) for m in members}
        self._shares = Shares({member.name: member.weight for member in members})
        self._weighted = frozenset(member.name for member in members if member.weight)
        self._patience = patience
        self._suspicions = suspicions
        self._clock = clock
        self._asked_at = -math.inf
        # Those that all processes know to be sick, as far as we know, and since when.
        self._known: dict[str, datetime | None] = {}
        # Those of which nobody noted how they are.
        self._unknown: frozenset[str] = frozenset()

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        left = list(messages)
        downs: dict[str, TransportDown] = {}
        await self._hear_of_others()
        while left:
            dealt, stranded = self._deal(left, downs)
            if not dealt:
                raise self._down(stranded, downs)
            places = {name: self._places[name] for name in dealt}
            # Stand-ins help only where there is nobody else.
            helpers = self._weighted & dealt.keys() or frozenset(dealt)
            game = Round(places, dealt, observer, helpers=helpers, patience=self._patience)
            # What no member may carry now, or what one that dropped out left, is dealt again.
            try:
                left = await game.play() + stranded
            finally:
                await self._tell_others(game, dealt)
            downs |= game.downs

    @override
    async def close(self) -> None:
        await asyncio.gather(*(place.transport.close() for place in self._places.values()))
        if self._suspicions is not None:
            self._suspicions.close()

    async def _hear_of_others(self) -> None:
        """Go by what any process found out: leave alone who is sick, take back who is well."""
        now = self._clock()
        if self._suspicions is None or now - self._asked_at < _ASKED_EVERY_SECONDS:
            return
        self._asked_at = now
        standing = await asyncio.to_thread(self._suspicions.standing)
        if standing is None:
            return
        for name, found in standing.sick.items():
            place = self._places[name]
            if place.breaker.closed:
                place.down = TransportDown(found.said)
            place.breaker.suspect(found.rest)
        before, self._known = self._known, {n: one.since for n, one in standing.sick.items()}
        self._unknown = standing.unknown
        for name in before.keys() - standing.sick.keys():
            if name in standing.unknown:
                # Redis was emptied.
                await self._note_sick(name, self._places[name].down, since=before[name])
            else:
                self._places[name].breaker.well()

    async def _tell_others(self, game: Round, dealt: Iterable[str]) -> None:
        """Tell all processes who fell sick in a round, and who of those dealt to is well again."""
        if self._suspicions is None:
            return
        fine = (name for name in dealt if self._places[name].breaker.closed)
        for name in game.backs | (self._unknown.intersection(fine) - game.downs.keys()):
            await asyncio.to_thread(self._suspicions.clear, name)
            self._known.pop(name, None)
            self._unknown -= {name}
        for name, down in game.downs.items():
            # Whose limit is used up is well.
            if not isinstance(down, LimitReached):
                await self._note_sick(name, down, since=self._known.get(name))

    async def _note_sick(
        self, name: str, down: TransportDown | None, *, since: datetime | None
    ) -> None:
        assert self._suspicions is not None  # noqa: S101 - whoever asks has looked
        rest = self._places[name].breaker.rest
        note = partial(
            self._suspicions.note, name, rest=rest, said=str(down or "sick"), since=since
        )
        if await asyncio.to_thread(note):
            self._known[name] = since
            self._unknown -= {name}

    def _deal(
        self, messages: Iterable[Outgoing], downs: dict[str, TransportDown]
    ) -> tuple[dict[str, deque[Outgoing]], list[Outgoing]]:
        """Return what each transport is to send, and what none can."""
        dealt: defaultdict[str, deque[Outgoing]] = defaultdict(deque)
        stranded: list[Outgoing] = []
        ready: list[str] | None = None
        for message in messages:
            if message.via_only:
                named = [message.via] if message.via in self._places else []
                name = next(iter(self._ready(named, downs)), None)
            else:
                # Looked at once: nothing is handed over before all are dealt out.
                ready = self._ready(self._places, downs) if ready is None else ready
                name = message.via if message.via in ready else self._shares.choose(ready)
            if name is None:
                stranded.append(message)
            else:
                dealt[name].append(message)
        return dealt, stranded

    def _ready(self, allowed: Iterable[str], downs: dict[str, TransportDown]) -> list[str]:
        """Return those of the transports that may be tried now.

        Where all are resting, the one that is due first is tried all the same, unless it asked
        for its rest: whoever wants to send has waited already, and a trial costs one message.
        """
        untried = [name for name in allowed if name not in downs]
        rests = {name: self._places[name].breaker.rest for name in untried}
        ready = [name for name, rest in rests.items() if not rest]
        if untried and not ready:
            soonest = self._places[min(untried, key=lambda name: rests[name])]
            soonest.breaker.try_now()
            ready = [] if soonest.breaker.rest else [soonest.name]
        return ready

    def _down(self, stranded: Sequence[Outgoing], downs: dict[str, TransportDown]) -> TransportDown:
        """Return why none can go on; for how long, where each of them says so."""
        missing = {m.via for m in stranded if m.via_only} - self._places.keys()
        if missing:
            return TransportDown(f"ALERTS_MAIL_URL has no transport named {min(missing)!r}")
        found = downs | self._resting(stranded, downs)
        why = "; ".join(_named(name, down) for name, down in found.items())
        busy = [down for down in found.values() if isinstance(down, TransportBusy)]
        if not busy or len(busy) < len(found):
            return TransportDown(why)
        limits = all(isinstance(down, LimitReached) for down in busy)
        return (LimitReached if limits else TransportBusy)(why, min(down.wait for down in busy))

    def _resting(
        self, stranded: Sequence[Outgoing], downs: dict[str, TransportDown]
    ) -> dict[str, TransportDown]:
        """Return those that were not asked, as they are left alone, and why."""
        only = {message.via if message.via_only else "" for message in stranded}
        allowed = self._places.keys() if "" in only else only
        resting = {name: self._places[name].resting() for name in allowed if name not in downs}
        return {name: down for name, down in resting.items() if down is not None}


def _named(name: str, down: TransportDown) -> str:
    # What is said of a stated limit names its transport.
    return str(down) if isinstance(down, LimitReached) else named(name, str(down))
