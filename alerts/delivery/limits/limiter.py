"""Asks, for each message, whether it may go now under all its limits."""

import asyncio
import contextlib
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache

from alerts.delivery.limits.answers import Pauses, Question, Stamp, Taken
from alerts.delivery.limits.desk import Desk, ThrottleDown
from alerts.delivery.limits.pockets import Place, Pocket
from alerts.delivery.limits.rules import (
    GO,
    Admission,
    Claim,
    Limits,
    Scope,
    Turn,
    in_order,
    most_at_once,
    rate_claim,
)
from alerts.delivery.transports.base import Lane
from alerts.mailbox_providers import provider_of
from alerts.rates import Rate

# Waiting longer than this for a domain would keep the messages behind it.
_PATIENCE_SECONDS = 2.0
_LONGEST_PAUSE = 86400.0
_LONGEST_REASON = 200
_TIDY_SECONDS = 1.0
_PROVIDERS_KEPT = 4096


def no_rate(_newsletter: str) -> Rate | None:
    """Return None: no newsletter has a rate of its own."""
    return None


class Limiter:
    """The limits of one transport in one process; all that share its name and Redis share them.

    `newsletter_rate` tells a newsletter's own rate. May be used in one event loop after another,
    by many tasks at once, and by one thread at a time. Without any limit it asks nobody. `clock`
    and `sleep` replace the server's clock and the waiting, in tests.
    """

    def __init__(
        self,
        redis_url: str,
        limits: Limits,
        *,
        name: str,
        newsletter_rate: Callable[[str], Rate | None] = no_rate,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._newsletter_rate = newsletter_rate
        self._is_limited = limits != Limits()
        self._claims_on = lru_cache(_PROVIDERS_KEPT)(limits.claims_on)
        self._common = limits.claims_of_transport(name)
        self._desk = Desk(redis_url, name, clock)
        self._now = clock or time.monotonic
        self._sleep = sleep
        self._pockets: dict[_Key, Pocket] = {}
        # Questions that are under way: whoever has the same one waits for its answer.
        self._asking: dict[_Key, asyncio.Event] = {}
        self._pauses: dict[str, _Pause] = {}
        self._back: Counter[Stamp] = Counter()
        self._tidied = -math.inf

    async def admit(self, lane: Lane, newsletter: str, domain: str) -> Admission:
        """Return whether a message to a domain may go; raise ThrottleDown when Redis is away.

        Takes a place under every limit or under none. Its moment may be a tenth of a second
        away: then this returns at that moment.
        """
        provider = provider_of(domain)
        asker = self._asker(lane, newsletter, provider)
        while True:
            now = self._now()
            paused = self._paused(provider, now)
            if paused or not (asker.claims or self._is_limited):
                return paused or GO
            pocket = self._pocket(asker.key, now)
            place = pocket.take(now)
            if place:
                await self._until_due(place, pocket)
                return GO
            refused = pocket.refused(now)
            if refused:
                return refused
            await self._ask(asker, pocket)

    def is_free(self, newsletter: str) -> bool:
        """Tell whether no limit holds and nobody asked to wait: `admit` would always say GO."""
        return not (self._is_limited or self._pauses or self._newsletter_rate(newsletter))

    async def slow_down(self, domain: str, seconds: float, reason: str) -> None:
        """Leave a domain, or all with an empty name, alone for so many seconds, a day at most.

        Every worker does that uses this transport with limits; without any limit stated, this
        process alone does. Raises ThrottleDown when the others cannot be told, ValueError for
        seconds that are no number from 0 up.
        """
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"{seconds} seconds is no span to wait")
        seconds = min(seconds, _LONGEST_PAUSE)
        provider = provider_of(domain) if domain else ""
        line = " ".join("".join(c if c.isprintable() else " " for c in reason).split())
        line = line[:_LONGEST_REASON]
        until = self._now() + seconds
        known = self._pauses.get(provider)
        if known is None or known.until < until:
            self._pauses[provider] = _Pause(until, line)
        if self._is_limited or self._desk.was_asked:
            await self._desk.pause(provider, seconds, line)

    async def close(self) -> None:
        """Give back the places that nobody used, and let go of the connection."""
        for pocket in self._pockets.values():
            self._back.update(pocket.emptied())
        self._pockets.clear()
        if self._back:
            nobody = Question(Lane.TRANSACTIONAL, "", (), 1)
            with contextlib.suppress(ThrottleDown):
                await self._desk.ask(nobody, self._back)
            self._back.clear()
        await self._desk.close()

    def _asker(self, lane: Lane, newsletter: str, provider: str) -> "_Asker":
        claims = list(self._claims_on(provider))
        key_provider = provider if claims else ""
        rate = self._newsletter_rate(newsletter)
        if rate:
            claims.append(rate_claim(Scope.NEWSLETTER, newsletter, rate))
        key = (lane, newsletter, key_provider, rate)
        return _Asker(key, in_order([*claims, *self._common]))

    def _pocket(self, key: "_Key", now: float) -> Pocket:
        """Return the pocket; from time to time, clear up all of them."""
        if now - self._tidied >= _TIDY_SECONDS:
            self._tidied = now
            for other, pocket in list(self._pockets.items()):
                self._back.update(pocket.expired(now))
                if pocket.is_idle(now) and other not in self._asking:
                    del self._pockets[other]
        found = self._pockets.setdefault(key, Pocket())
        self._back.update(found.expired(now))
        return found

    async def _until_due(self, place: Place, pocket: Pocket) -> None:
        early = place.due - self._now()
        if early <= 0:
            return
        try:
            await self._sleep(early)
        except asyncio.CancelledError:
            pocket.put_back(place)
            raise

    async def _ask(self, asker: "_Asker", pocket: Pocket) -> None:
        """Ask once for all who wait for the same pocket."""
        asking = self._asking.get(asker.key)
        if asking:
            await asking.wait()
            return
        asking = self._asking[asker.key] = asyncio.Event()
        try:
            await self._ask_desk(asker, pocket)
        finally:
            del self._asking[asker.key]
            asking.set()

    async def _ask_desk(self, asker: "_Asker", pocket: Pocket) -> None:
        lane, newsletter = asker.key[:2]
        most = most_at_once(asker.claims)
        back, self._back = self._back, Counter()
        question = Question(lane, newsletter, asker.claims, min(pocket.wanted, most))
        try:
            answer = await self._desk.ask(question, back)
        except BaseException:
            self._back.update(back)
            raise
        now = self._now()
        if isinstance(answer, Pauses):
            self._pauses = {domain: _Pause(now + left, why) for domain, left, why in answer.pauses}
        elif isinstance(answer, Taken):
            pocket.fill(answer, now, most=most)
        else:
            pocket.refuse(answer, now)

    def _paused(self, provider: str, now: float) -> Admission | None:
        for name, scope in (("", Scope.TRANSPORT), (provider, Scope.DOMAIN)):
            pause = self._pauses.get(name)
            if pause and pause.until <= now:
                del self._pauses[name]
            elif pause:
                seconds = pause.until - now
                turn = Turn.WAIT if seconds <= _PATIENCE_SECONDS else Turn.POSTPONED
                whose = name or "the other side"
                return Admission(turn, seconds, f"{whose} asked to wait: {pause.reason}", scope)
        return None


# Whose places are alike: lane, newsletter, provider (where it has limits) and newsletter's rate.
_Key = tuple[Lane, str, str, Rate | None]


@dataclass(frozen=True, slots=True)
class _Asker:
    key: _Key
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class _Pause:
    until: float
    reason: str
