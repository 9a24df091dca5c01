"""How soon the same host is asked again, in one process or in all of them together."""

import time
from collections.abc import Callable
from typing import Protocol

import redis
import structlog

from alerts.brief_redis import brief_redis

log = structlog.get_logger(__name__)

# A polite reader's pace where robots.txt says nothing of it.
USUAL_SECONDS = 1.0
# What robots.txt may ask for; more would hold up a worker for one host.
LONGEST_SECONDS = 10.0
# How long one request waits for its turn at the most: others of the same host may queue before it.
_PATIENCE_SECONDS = 60.0
_REDIS_SECONDS = 2.0


class Pace(Protocol):
    """Lets requests to a host go out one after the other."""

    def wait(self, host: str, seconds: float) -> None:
        """Return when it is this request's turn; the next has to wait so many seconds."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


class OwnPace:
    """The pace of one process."""

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._free_at: dict[str, float] = {}

    def close(self) -> None:
        """Have nothing open."""

    def wait(self, host: str, seconds: float) -> None:
        """Return when the host may be asked."""
        now = self._monotonic()
        self._free_at = {name: at for name, at in self._free_at.items() if at > now}
        turn = max(now, self._free_at.get(host, now))
        self._free_at[host] = turn + seconds
        if turn > now:
            self._sleep(turn - now)


class SharedPace:
    """The pace of all workers: a key in Redis stands while a host is to be left alone.

    Where Redis is away each process keeps its own pace: pages are worth more than an exact rate.
    """

    def __init__(
        self,
        redis_url: str,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # The way without it is the process's own pace.
        self._client = brief_redis(redis_url, seconds=_REDIS_SECONDS)
        self._monotonic = monotonic
        self._sleep = sleep
        self._own = OwnPace(monotonic, sleep)

    def close(self) -> None:
        """Close the connections to Redis."""
        self._client.close()

    def wait(self, host: str, seconds: float) -> None:
        """Return when the host may be asked."""
        try:
            self._wait(f"gp-alerts:fetching:{host}", seconds)
        except redis.RedisError as error:
            log.warning("pace_not_shared", host=host, error=str(error))
            self._own.wait(host, seconds)

    def _wait(self, key: str, seconds: float) -> None:
        until = self._monotonic() + _PATIENCE_SECONDS
        while not self._client.set(key, "1", nx=True, px=max(1, round(seconds * 1000))):
            left = self._client.pttl(key)
            if self._monotonic() > until:
                return
            self._sleep(max(0.01, int(left) / 1000))
