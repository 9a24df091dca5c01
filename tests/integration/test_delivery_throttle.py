"""One rate for all workers, on a real Redis server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.delivery.limits.desk import ThrottleDown
from alerts.delivery.throttle import Throttle
from alerts.embedded_redis import EmbeddedRedis
from alerts.rates import Rate


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    server.open()
    yield server.url
    server.close()


def reserved(*throttles: Throttle, times: int) -> list[float]:
    async def reserve() -> list[float]:
        return [await throttle.reserve() for _ in range(times) for throttle in throttles]

    return asyncio.run(reserve())


def test_workers_share_one_limit(redis_url: str) -> None:
    hourly = [Throttle(redis_url, "shared", Rate(1, 3600)) for _ in range(2)]
    waits = reserved(*hourly, times=3)
    assert waits[0] == 0
    # Each moment is an hour after the one before, less what the questions took.
    assert [round(wait / 3600, 2) for wait in waits] == [0, 1, 2, 3, 4, 5]


def test_limits_of_two_servers_are_two(redis_url: str) -> None:
    one, two = (Throttle(redis_url, name, Rate(1, 3600)) for name in ("one", "two"))
    assert reserved(one, two, times=1) == [0, 0]


def test_without_redis_nothing_is_sent_faster_than_allowed(tmp_path: Path) -> None:
    throttle = Throttle(f"unix://{tmp_path / 'nobody.sock'}", "x", Rate(1, 1))
    with pytest.raises(ThrottleDown, match="Redis is away"):
        asyncio.run(throttle.wait())
