"""One round of the pool: each transport works through its share, at the same time as the others.

A share is handed over in portions of about a second's work. Who is done with its own leaves the
others twice the time that it would have needed for theirs, and then helps: it takes, from the end,
what a slow one has not begun. So weights hold among transports of about the same speed, and a slow
one keeps the others waiting no longer than that.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import structlog
from typing_extensions import override

from alerts.delivery.outcome import Outcome
from alerts.delivery.transports.base import (
    LimitReached,
    Observer,
    Outgoing,
    Transport,
    TransportBusy,
    TransportDown,
    Withheld,
)
from alerts.delivery.transports.breaker import Breaker

log = structlog.get_logger(__name__)

_FIRST_PORTION, _SMALLEST_PORTION, _LARGEST_PORTION = 10, 5, 100
# A portion that took less is doubled next time, one that took four times as long is halved.
_PORTION_SECONDS = 1.0


@dataclass(slots=True)
class Place:
    """A transport in the pool.

    `portion` is how many messages it is handed at once, `down` what it said when it was left
    alone last.
    """

    name: str
    transport: Transport
    breaker: Breaker
    portion: int = _FIRST_PORTION
    down: TransportDown | None = None

    def rest(self, down: TransportDown) -> None:
        """Leave it alone for what it said."""
        if isinstance(down, LimitReached):
            self.breaker.pause(down.wait)
        else:
            self.breaker.down(wait=down.wait if isinstance(down, TransportBusy) else 0.0)

    def resting(self) -> TransportDown | None:
        """Return why it is left alone, and for how long still where that is known."""
        rest = self.breaker.rest
        if rest and isinstance(self.down, LimitReached):
            return LimitReached(str(self.down), self.breaker.limit_left)
        if rest and isinstance(self.down, TransportBusy):
            return TransportBusy(str(self.down), rest)
        return self.down if rest else None

    def took(self, seconds: float) -> None:
        """Fit the portion to what a full one took."""
        if seconds < _PORTION_SECONDS:
            self.portion = min(self.portion * 2, _LARGEST_PORTION)
        elif seconds > 4 * _PORTION_SECONDS:
            self.portion = max(self.portion // 2, _SMALLEST_PORTION)


class Round:
    """One round; `queues` says what each place is to send, `helpers` who may help slow ones.

    After `play`, `downs` says who dropped out and why, `backs` who was on trial and is well again.
    """

    def __init__(
        self,
        places: Mapping[str, Place],
        queues: Mapping[str, deque[Outgoing]],
        observer: Observer,
        *,
        helpers: frozenset[str],
        patience: float,
    ) -> None:
        self.downs: dict[str, TransportDown] = {}
        self.backs: set[str] = set()
        self._places = places
        self._queues = dict(queues)
        self._shares = {name: len(queue) for name, queue in queues.items()}
        self._observer = observer
        self._helpers = helpers
        self._patience = patience
        # Left by who dropped out, free for all to take; and what only the dropped out may carry.
        self._loose: deque[Outgoing] = deque()
        self._stranded: list[Outgoing] = []
        # From when on who is done with its share helps the others.
        self._helps_at: dict[str, float] = {}
        self._busy = 0
        self._stopped = False
        self._began = 0.0
        self._changed = asyncio.Event()

    async def play(self) -> list[Outgoing]:
        """Send everything that can be sent; return what is left by those that dropped out.

        Raises what the messages' own content raised, and what no transport may raise; whoever is
        still at work ends its portion first.
        """
        self._began = asyncio.get_running_loop().time()
        results = await asyncio.gather(
            *(self._work(place) for place in self._places.values()), return_exceptions=True
        )
        for result in results:
            if result is not None:
                raise result
        return [*self._loose, *self._stranded]

    async def _work(self, place: Place) -> None:
        try:
            while portion := await self._next(place):
                if not await self._hand_over(place, portion):
                    return
        except BaseException:
            self._stopped = True
            raise
        finally:
            self._tell()

    async def _hand_over(self, place: Place, portion: list[Outgoing]) -> bool:
        """Hand over a portion; return whether the transport is to get another."""
        watch = _Watch(self._observer, place.breaker)
        was_closed = place.breaker.closed
        if was_closed and not place.breaker.rest:
            place.down = None
        started = asyncio.get_running_loop().time()
        down: TransportDown | None = None
        self._busy += 1
        try:
            await place.transport.deliver(watch.while_well(portion), watch)
        except Withheld:
            raise
        except TransportDown as error:
            down = error
        finally:
            self._busy -= 1
        left = [message for message in portion if message.delivery_id not in watch.told]
        if down is not None:
            place.rest(down)
        elif place.breaker.rest:
            # Another round may have been told why meanwhile; a limit is no trouble.
            down = place.resting() or TransportDown("too many troubles in a row")
        elif left:
            place.breaker.down()
            down = TransportDown("it ended without a word about some messages")
        if down is not None:
            self._drop_out(place, down, left)
            return False
        if len(portion) >= place.portion:
            place.took(asyncio.get_running_loop().time() - started)
        if not was_closed and place.breaker.closed:
            self.backs.add(place.name)
            log.info("transport_back", transport=place.name)
        return True

    def _drop_out(self, place: Place, down: TransportDown, left: list[Outgoing]) -> None:
        self.downs[place.name] = place.down = down
        queue = self._queues.pop(place.name)
        for message in (*left, *queue):
            if message.via_only:
                self._stranded.append(message)
            else:
                self._loose.append(message)
        log.warning(
            "transport_down",
            transport=place.name,
            reason=str(down),
            left=len(left) + len(queue),
            rest=round(place.breaker.rest, 1),
        )

    async def _next(self, place: Place) -> list[Outgoing]:
        """Return the next portion for a transport: its own, a dropped out one's, a slow one's."""
        loop = asyncio.get_running_loop()
        queue = self._queues[place.name]
        while not self._stopped:
            if queue:
                return self._portion(place, queue)
            if self._loose and place.name in self._helpers:
                return self._portion(place, self._loose)
            others_have = any(self._queues.values())
            if not others_have and not self._busy:
                break
            now = loop.time()
            fair = max(now + self._patience, self._began + self._fair_time(place, now))
            helps_at = self._helps_at.setdefault(place.name, fair)
            if now >= helps_at and place.name in self._helpers and self._take_from_slow(place):
                continue
            await self._change(helps_at if now < helps_at else None)
        return []

    def _fair_time(self, place: Place, now: float) -> float:
        """Return how many seconds the largest share may take, by the pace of one that is done."""
        pace = (now - self._began) / self._shares[place.name]
        return 2 * pace * max(self._shares.values())

    def _portion(self, place: Place, queue: deque[Outgoing]) -> list[Outgoing]:
        if not place.breaker.closed:
            size = 1
        elif len(self._places) == 1:
            # Nobody is there to help: a share cut up would only wait for its slowest message.
            size = len(queue)
        else:
            size = place.portion
        return [queue.popleft() for _ in range(min(size, len(queue)))]

    def _take_from_slow(self, place: Place) -> bool:
        """Move the end of the longest waiting share over; what chose its transport stays there."""
        free = {
            name: [m for m in queue if m.via != name]
            for name, queue in self._queues.items()
            if name != place.name
        }
        slowest = max(free, key=lambda name: len(free[name]), default=None)
        if slowest is None or not free[slowest]:
            return False
        taken = free[slowest][-place.portion :]
        numbers = {message.delivery_id for message in taken}
        slow = self._queues[slowest]
        kept = [message for message in slow if message.delivery_id not in numbers]
        slow.clear()
        slow.extend(kept)
        self._queues[place.name].extend(taken)
        return True

    async def _change(self, until: float | None) -> None:
        """Wait until something changed, or a moment of the loop's clock has come."""
        try:
            async with asyncio.timeout_at(until):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _tell(self) -> None:
        # Whoever waits looks again; the next one to wait gets a new event.
        self._changed.set()
        self._changed = asyncio.Event()


class _Watch(Observer):
    """Passes on what it is told of a portion, and remembers it."""

    def __init__(self, observer: Observer, breaker: Breaker) -> None:
        self._observer = observer
        self._breaker = breaker
        self.told: set[int] = set()

    @override
    def started(self, delivery_id: int) -> None:
        self.told.add(delivery_id)
        self._observer.started(delivery_id)

    @override
    def ended(self, delivery_id: int, outcome: Outcome) -> None:
        self.told.add(delivery_id)
        self._breaker.heard(outcome)
        self._observer.ended(delivery_id, outcome)

    def while_well(self, portion: list[Outgoing]) -> Iterator[Outgoing]:
        """Yield the messages as long as the transport is well."""
        for message in portion:
            if self._breaker.rest:
                return
            yield message
