"""Workers in a time of the tests' own, which ask real limits in a real Redis server."""

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from alerts.delivery.limits.limiter import Limiter, no_rate
from alerts.delivery.limits.rules import Admission, Limits, Turn
from alerts.delivery.transports.base import Lane
from alerts.rates import Rate

# A Monday, 06:00 in UTC.
MORNING = 1795413600.0


@dataclass
class Worker:
    """Sends messages one after the other; each takes `busy` seconds.

    It asks from `start` to `end` (seconds since the beginning), for as many as `messages`.
    """

    limiter: Limiter
    lane: Lane = Lane.DIGEST
    newsletter: str = "weekly"
    domain: str = "example.org"
    busy: float = 0.001
    start: float = 0.0
    end: float = float("inf")
    messages: int = 1_000_000


@dataclass(frozen=True)
class Sent:
    """A message that went, at so many seconds since the beginning."""

    at: float
    worker: Worker


@dataclass
class World:
    """The time, and what was sent in it."""

    redis_url: str
    name: str
    now: float = MORNING
    sent: list[Sent] = field(default_factory=list)
    postponed: list[Admission] = field(default_factory=list)
    asked: int = 0
    _slept: float = 0.0

    def limiter(
        self, limits: Limits, newsletter_rate: Callable[[str], Rate | None] = no_rate
    ) -> Limiter:
        """Return what a worker process would make of limits."""
        return Limiter(
            self.redis_url,
            limits,
            name=self.name,
            newsletter_rate=newsletter_rate,
            clock=lambda: self.now,
            sleep=self._sleep,
        )

    async def run(self, workers: Sequence[Worker], seconds: float) -> None:
        """Let the workers ask, each when its time has come; none waits in our own time."""
        begin = self.now
        queue = [(begin + worker.start, number) for number, worker in enumerate(workers)]
        heapq.heapify(queue)
        left = [worker.messages for worker in workers]
        while queue and queue[0][0] < begin + seconds:
            at, number = heapq.heappop(queue)
            worker = workers[number]
            if at >= begin + worker.end or left[number] == 0:
                continue
            self.now, self._slept = at, 0.0
            admission = await worker.limiter.admit(worker.lane, worker.newsletter, worker.domain)
            self.asked += 1
            free = at + self._slept + worker.busy
            if admission.turn is Turn.WAIT:
                free = at + admission.seconds
            elif admission.turn is Turn.GO:
                left[number] -= 1
                self.sent.append(Sent(at + self._slept - begin, worker))
            else:
                left[number] -= 1
                self.postponed.append(admission)
            heapq.heappush(queue, (free, number))
        self.now = begin + seconds
        self.sent.sort(key=lambda sent: sent.at)

    async def _sleep(self, seconds: float) -> None:
        self._slept += seconds

    def counts(self, *, since: float = 0.0) -> Counter[tuple[Lane, str]]:
        """Return how many messages of each newsletter in each lane went."""
        return Counter(
            (sent.worker.lane, sent.worker.newsletter) for sent in self.sent if sent.at >= since
        )
