"""Which transports of a pool are sick, for all processes on all hosts: kept in Redis.

What one process found out the others need not find out by themselves, and ops see it. It is no
truth to be kept: where Redis is away, or emptied, each process goes by what it saw itself, and says
so again. But it stands until somebody sees the transport well, and notes that: one that nobody
tries, since nothing is sent, has not come round by that, and neither has one of which Redis knows
nothing any more.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import redis
import structlog

from alerts.brief_redis import brief_redis
from alerts.clock import rfc3339
from alerts.config import Settings
from alerts.delivery.status_codes import unnamed
from alerts.delivery.transports.urls import transport_names
from alerts.errors import Invalid

log = structlog.get_logger(__name__)

_PREFIX = "alerts:relays"
# The field of one that is well.
_WELL = "well"
_ANSWER_SECONDS = 1.0
_LONGEST_SAID = 200


class Suspicion(NamedTuple):
    """A transport that is sick since a moment (UTC), as it was still when it was `tried` last.

    `rest` is for how many seconds it is still left alone, `said` what it said.
    """

    name: str
    since: datetime
    tried: datetime
    rest: float
    said: str

    @property
    def words(self) -> str:
        """What it said, under its name."""
        return named(self.name, self.said)


class Standing(NamedTuple):
    """What is known together: those that are sick, by name; those of which nobody noted anything.

    All others are well.
    """

    sick: Mapping[str, Suspicion]
    unknown: frozenset[str]


class Relays(NamedTuple):
    """The transports of a pool and how they stand; no names where there is one way to send."""

    names: Sequence[str]
    sick: Mapping[str, Suspicion]
    unknown: frozenset[str]


NO_POOL = Relays((), {}, frozenset())


class Suspicions:
    """What is known of these transports together; by the Redis server's clock. Thread-safe."""

    def __init__(self, redis_url: str, names: Iterable[str]) -> None:
        self._redis = brief_redis(redis_url, seconds=_ANSWER_SECONDS)
        self._names = list(names)

    def note(self, name: str, *, rest: float, said: str, since: datetime | None = None) -> bool:
        """Note that a transport is sick and left alone for so long; False when Redis is away.

        `since` is since when it is known to be sick, where Redis may have forgotten that.
        """
        line = " ".join(unnamed(said).split())[:_LONGEST_SAID]
        try:
            seconds, micros = self._redis.time()
            now = seconds + micros / 1e6
            noted = self._redis.hget(_key(name), "since")
            with self._redis.pipeline() as pipe:
                if noted is not None and float(noted) > now:
                    # The server's clock was set back.
                    pipe.hdel(_key(name), "since")
                began = min(now, since.timestamp()) if since else now
                pipe.hsetnx(_key(name), "since", repr(began))
                pipe.hdel(_key(name), _WELL)
                for field, value in (("tried", now), ("until", now + rest)):
                    pipe.hset(_key(name), field, repr(value))
                pipe.hset(_key(name), "said", line)
                pipe.execute()
        except redis.RedisError as error:
            log.info("relay_not_noted", transport=name, error=type(error).__name__)
            return False
        return True

    def clear(self, name: str) -> None:
        """Note that a transport is well."""
        try:
            with self._redis.pipeline() as pipe:
                pipe.delete(_key(name))
                pipe.hset(_key(name), _WELL, "1")
                pipe.execute()
        except redis.RedisError as error:
            log.info("relay_not_noted", transport=name, error=type(error).__name__)

    def standing(self) -> Standing | None:
        """Return how they stand; None when Redis is away."""
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.time()
                for name in self._names:
                    pipe.hgetall(_key(name))
                (seconds, micros), *rows = pipe.execute()
        except redis.RedisError:
            return None
        now = seconds + micros / 1e6
        found = dict(zip(self._names, rows, strict=True))
        return Standing(
            {name: _read(name, row, now) for name, row in found.items() if b"until" in row},
            frozenset(name for name, row in found.items() if not row),
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._redis.close()


def named(name: str, said: str) -> str:
    """Return what a transport said under its name; its server's address may name it already."""
    return said if said.startswith(f"{name}:") else f"{name}: {said}"


def relays_of(settings: Settings, redis_url: str) -> Relays:
    """Return how the transports of a pool stand; where Redis is away nothing is known of any.

    None is named where there is one way to send, or `ALERTS_MAIL_URL` is wrong.
    """
    try:
        names = sorted(transport_names(settings))
    except Invalid:
        # Workers refuse it, with the reason.
        return NO_POOL
    if len(names) == 1 or not redis_url:
        return NO_POOL
    suspicions = Suspicions(redis_url, names)
    try:
        found = suspicions.standing() or Standing({}, frozenset(names))
    finally:
        suspicions.close()
    return Relays(names, *found)


def sick_of(relays: Relays) -> Sequence[tuple[Suspicion, str]]:
    """Return the sick ones, each with who stands in for it, in words."""
    well = ", ".join(name for name in relays.names if name not in relays.sick)
    stands_in = f"mail goes on by {well}" if well else "no other takes mail either"
    return [(found, stands_in) for found in relays.sick.values()]


def relay_json(one: Suspicion, stands_in: str) -> dict[str, Any]:
    """Return a sick transport in the form that scripts read."""
    return {
        "name": one.name,
        "sick_since": rfc3339(one.since),
        "tried_at": rfc3339(one.tried),
        "said": one.words,
        "meanwhile": stands_in,
    }


def _key(name: str) -> str:
    return f"{_PREFIX}:{name}"


def _read(name: str, row: Mapping[bytes, bytes], now: float) -> Suspicion:
    def moment(field: bytes) -> float:
        return float(row.get(field, now))

    tried, until = moment(b"tried"), moment(b"until")
    return Suspicion(
        name,
        datetime.fromtimestamp(moment(b"since"), UTC),
        datetime.fromtimestamp(tried, UTC),
        # Where the server's clock was set back since, nobody knows for how long still.
        max(0.0, until - now) if tried <= now else 0.0,
        row.get(b"said", b"").decode(errors="replace"),
    )
