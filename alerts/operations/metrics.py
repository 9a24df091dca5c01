"""What Prometheus is shown: one look at the system, kept for some seconds however many ask."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

import redis
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from alerts import __version__
from alerts.brief_redis import brief_redis
from alerts.clock import Clock
from alerts.database import Database
from alerts.operations.situation import IssueUnderWay, Situation, look
from alerts.task_queue import Queue

log = structlog.get_logger(__name__)

KEPT_SECONDS = 5.0
_REDIS_SECONDS = 0.5


class Metrics:
    """The metrics of one system, in a registry of their own; any thread may ask."""

    def __init__(
        self,
        database: Database,
        redis_url: str,
        clock: Clock,
        *,
        kept: float = KEPT_SECONDS,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._kept = kept
        self._seconds = seconds
        self._lock = threading.Lock()
        self._text = b""
        self._until: float | None = None
        self._client = brief_redis(redis_url, seconds=_REDIS_SECONDS) if redis_url else None

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format, as they were some seconds ago at most."""
        with self._lock:
            if self._until is None or self._seconds() >= self._until:
                with self._database.read() as session:
                    situation = look(session, now=self._clock.now())
                registry = CollectorRegistry()
                registry.register(_Collected(situation, self.queue_lengths()))
                self._text = generate_latest(registry)
                self._until = self._seconds() + self._kept
            return self._text

    def close(self) -> None:
        """Close the connections to Redis."""
        if self._client is not None:
            self._client.close()

    def queue_lengths(self) -> dict[str, int]:
        """Return how many tasks lie in each queue; empty where Redis cannot be asked."""
        if self._client is None:
            return {}
        try:
            return {queue.value: int(self._client.llen(queue.value)) for queue in Queue}
        except redis.RedisError as error:
            log.info("queues_not_counted", error=type(error).__name__)
            return {}


class _Collected(Collector):
    def __init__(self, situation: Situation, queues: Mapping[str, int]) -> None:
        self._situation = situation
        self._queues = queues

    @override
    def collect(self) -> Iterable[Metric]:
        return metrics_of(self._situation, self._queues)


def metrics_of(situation: Situation, queues: Mapping[str, int]) -> Iterator[Metric]:
    """Return the metrics that say how a system stands. Pure."""
    now = situation.now
    yield _labelled("build_info", "The program's version.", ["version"], {(__version__,): 1})
    yield _plain("held", "1 while a restored system waits for its release.", situation.held_since)
    yield _last_tick(situation)
    due = situation.due
    yield _labelled(
        "due", "Work that is due, by kind.", ["kind"], {(k,): w.count for k, w in due.items()}
    )
    yield _labelled(
        "oldest_due_seconds",
        "For how long the oldest work of a kind has been due.",
        ["kind"],
        {(kind,): work.age(now) for kind, work in due.items()},
    )
    outcomes = CounterMetricFamily(
        "alerts_deliveries",
        "What handing messages over came to, by the reader's mailbox provider.",
        labels=["provider", "outcome"],
    )
    for (provider, outcome), count in sorted(situation.outcomes.items()):
        outcomes.add_metric([provider, outcome], count)
    yield outcomes
    yield _plain(
        "bounce_ratio", "Part of the last day's messages that bounced.", situation.bounce_rate
    )
    yield _plain("sources_failing", "Active sources that cannot be had.", len(situation.failing))
    yield _labelled(
        "alarms_open",
        "Alarms that are open, by kind.",
        ["kind"],
        {(kind,): count for kind, count in situation.alarms.items()},
    )
    yield _labelled(
        "queue_length",
        "Tasks in the broker's queues.",
        ["queue"],
        {(q,): n for q, n in queues.items()},
    )
    yield from _issues(situation.issues, now)


def _issues(issues: Iterable[IssueUnderWay], now: datetime) -> Iterator[Metric]:
    batches: dict[tuple[str, ...], float] = {}
    deliveries: dict[tuple[str, ...], float] = {}
    still: dict[tuple[str, ...], float] = {}
    for one in issues:
        name = (str(one.id), one.newsletter, one.state.value)
        batches |= {
            (*name, "done"): one.done,
            (*name, "ready"): one.open - one.waiting,
            (*name, "waiting"): one.waiting,
        }
        deliveries |= {(*name, outcome): count for outcome, count in one.outcomes.items()}
        still[name] = max(0.0, (now - one.since).total_seconds())
    labels = ["issue", "newsletter", "state"]
    yield _labelled(
        "issue_batches", "Batches of issues under way.", [*labels, "batch_state"], batches
    )
    yield _labelled(
        "issue_deliveries",
        "What the messages of issues under way came to so far.",
        [*labels, "outcome"],
        deliveries,
    )
    yield _labelled(
        "issue_still_seconds",
        "For how long nothing has come of an issue under way.",
        labels,
        still,
    )


def _last_tick(situation: Situation) -> Metric:
    tick = situation.last_tick
    return _plain(
        "last_tick_timestamp_seconds",
        "When the tick last ran (Unix time); 0 for never.",
        tick.timestamp() if tick else 0,
    )


def _plain(name: str, told: str, value: float | datetime | None) -> Metric:
    number = float(value is not None) if value is None or isinstance(value, datetime) else value
    return GaugeMetricFamily(f"alerts_{name}", told, value=number)


def _labelled(
    name: str, told: str, labels: list[str], values: Mapping[tuple[str, ...], float]
) -> Metric:
    family = GaugeMetricFamily(f"alerts_{name}", told, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(list(key), value)
    return family
