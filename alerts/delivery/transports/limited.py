"""Any transport under limits: what may go is handed on at once, what may not waits elsewhere.

A message that has to wait blocks nobody: for a recipient's domain it is put aside, for long it
goes back to the ledger. A domain that asks for less is left alone, more and more patiently.
"""

import asyncio
import heapq
from collections import Counter, deque
from collections.abc import Iterable, Iterator

import structlog
from typing_extensions import override

from alerts.delivery.limits.desk import ThrottleDown
from alerts.delivery.limits.limiter import Limiter
from alerts.delivery.limits.rules import Admission, Scope, Turn, tells_of_a_limit
from alerts.delivery.outcome import Fate, Outcome, asks_for_less
from alerts.delivery.transports.base import (
    LimitReached,
    Observer,
    Outgoing,
    Transport,
    TransportBusy,
    TransportDown,
)

log = structlog.get_logger(__name__)

# Messages that may go are handed on together, as long as nobody has to wait for it.
_PORTION = 50
_PORTIONS_UNDER_WAY = 20
_AT_ONCE_SECONDS = 0.002
# A wait that is longer is not sat out: the batch is given back until then.
_PATIENCE_SECONDS = 10.0
# So many refusals in a row that ask for less, and the domain is left alone: for so long at first.
_MOST_REFUSALS = 3
_FIRST_REST_SECONDS, _LONGEST_REST_SECONDS = 60.0, 3_600.0


class LimitedTransport(Transport):
    """Hands messages to another transport when its limiter says that they may go."""

    def __init__(self, inner: Transport, limiter: Limiter) -> None:
        self._inner = inner
        self._limiter = limiter
        self._refusals: Counter[str] = Counter()
        self._rests: Counter[str] = Counter()

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        waiting = deque(messages)
        watch = _Watch(observer, self._refusals, self._rests)
        try:
            if waiting and self._limiter.is_free(waiting[0].newsletter):
                await self._inner.deliver(watch.past_sick_domains(waiting), watch)
            else:
                await self._deliver_in_turn(waiting, watch)
            await self._tell_others(watch)
        except ThrottleDown as down:
            raise TransportDown(str(down)) from down

    @override
    async def close(self) -> None:
        await self._limiter.close()
        await self._inner.close()

    async def _deliver_in_turn(self, waiting: deque[Outgoing], watch: "_Watch") -> None:
        flow = _Flow(self._inner, watch)
        aside: list[tuple[float, int, Outgoing]] = []
        loop = asyncio.get_running_loop()
        try:
            while waiting or aside:
                if aside and (aside[0][0] <= loop.time() or not waiting):
                    due, _, message = heapq.heappop(aside)
                    await flow.pass_time(due - loop.time())
                else:
                    message = waiting.popleft()
                if watch.is_past(message):
                    continue
                asked = loop.time()
                admission = await self._admit(message)
                if admission.turn is Turn.GO:
                    watch.goes(message)
                    await flow.add(message, at_once=loop.time() - asked > _AT_ONCE_SECONDS)
                elif admission.scope is Scope.DOMAIN and admission.turn is Turn.WAIT:
                    due = loop.time() + admission.seconds
                    heapq.heappush(aside, (due, message.delivery_id, message))
                elif _is_for_the_ledger(admission):
                    watch.postpone(message, admission)
                else:
                    waiting.appendleft(message)
                    await flow.pass_time(_sat_out(admission))
        finally:
            await flow.end()
        flow.complain()

    async def _admit(self, message: Outgoing) -> Admission:
        return await self._limiter.admit(message.lane, message.newsletter, _domain(message))

    async def _tell_others(self, watch: "_Watch") -> None:
        for domain, (seconds, reason) in watch.sick.items():
            log.warning("domain_left_alone", domain=domain, seconds=seconds, reason=reason)
            await self._limiter.slow_down(domain, seconds, reason)


class _Flow:
    """Portions under way; what goes wrong with one ends the call."""

    def __init__(self, inner: Transport, watch: "_Watch") -> None:
        self._inner = inner
        self._watch = watch
        self._portion: list[Outgoing] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None

    async def add(self, message: Outgoing, *, at_once: bool) -> None:
        """Hand a message on, together with those that may go at the same time."""
        self._portion.append(message)
        if at_once or len(self._portion) >= _PORTION:
            self._flush()
        while len(self._under_way) >= _PORTIONS_UNDER_WAY:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            self._clear()
        self.complain()

    async def pass_time(self, seconds: float) -> None:
        """Wait, with everything handed on that may go."""
        self._flush()
        await asyncio.sleep(max(0.0, seconds))
        self._clear()
        self.complain()

    async def end(self) -> None:
        """Wait for all that is under way."""
        self._flush()
        if self._under_way:
            await asyncio.wait(self._under_way)
        self._clear()

    def complain(self) -> None:
        """Raise what went wrong."""
        if self._error is not None:
            raise self._error

    def _flush(self) -> None:
        if self._portion and self._error is None:
            portion, self._portion = self._portion, []
            self._under_way.add(asyncio.create_task(self._inner.deliver(portion, self._watch)))

    def _clear(self) -> None:
        for task in [task for task in self._under_way if task.done()]:
            self._under_way.discard(task)
            if not task.cancelled() and self._error is None:
                self._error = task.exception()


class _Watch(Observer):
    """Passes on what it is told, and counts by domain who asks for less."""

    def __init__(self, observer: Observer, refusals: Counter[str], rests: Counter[str]) -> None:
        self._observer = observer
        self._refusals = refusals
        self._rests = rests
        self._recipients: dict[int, str] = {}
        self.sick: dict[str, tuple[float, str]] = {}

    def past_sick_domains(self, messages: Iterable[Outgoing]) -> Iterator[Outgoing]:
        """Yield the messages; those to a domain that fell sick meanwhile are postponed."""
        for message in messages:
            if not self.is_past(message):
                self.goes(message)
                yield message

    def is_past(self, message: Outgoing) -> bool:
        """Postpone a message to a domain that fell sick meanwhile; tell whether it was one."""
        rest = self.sick.get(_domain(message)) if self.sick else None
        if rest is None:
            return False
        seconds, reason = rest
        self.postpone(message, Admission(Turn.POSTPONED, seconds, reason))
        return True

    def goes(self, message: Outgoing) -> None:
        """Remember to whom a message goes that is handed on."""
        self._recipients[message.delivery_id] = message.recipient

    def postpone(self, message: Outgoing, admission: Admission) -> None:
        """Send a message back to the ledger until it may go."""
        outcome = Outcome(Fate.POSTPONED, 0, admission.reason, wait=admission.seconds)
        self._observer.ended(message.delivery_id, outcome)

    @override
    def started(self, delivery_id: int) -> None:
        self._observer.started(delivery_id)

    @override
    def ended(self, delivery_id: int, outcome: Outcome) -> None:
        recipient = self._recipients.pop(delivery_id, "")
        if outcome.fate is Fate.ACCEPTED:
            if self._refusals:
                domain = _domain_of(recipient)
                self._refusals.pop(domain, None)
                self._rests.pop(domain, None)
        elif asks_for_less(outcome):
            domain = _domain_of(recipient)
            self._refusals[domain] += 1
            if self._refusals[domain] >= _MOST_REFUSALS and domain not in self.sick:
                rest = _FIRST_REST_SECONDS * 2 ** self._rests[domain]
                self.sick[domain] = (min(rest, _LONGEST_REST_SECONDS), outcome.answer)
                self._rests[domain] += 1
        self._observer.ended(delivery_id, outcome)


def _is_for_the_ledger(admission: Admission) -> bool:
    return admission.turn is Turn.POSTPONED and admission.scope is not Scope.TRANSPORT


def _sat_out(admission: Admission) -> float:
    """Return how long to wait here; raise TransportBusy when that is too long."""
    if admission.turn is Turn.POSTPONED or admission.seconds > _PATIENCE_SECONDS:
        why = LimitReached if tells_of_a_limit(admission.reason) else TransportBusy
        raise why(admission.reason, admission.seconds)
    return admission.seconds


def _domain(message: Outgoing) -> str:
    return _domain_of(message.recipient)


def _domain_of(recipient: str) -> str:
    return recipient.rpartition("@")[2].lower()
