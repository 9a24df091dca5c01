"""Counting requests: over all processes in Redis, in the database while that is away."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis
from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.operations.pruning import prune
from alerts.request_limits import Limit, RateCount, RequestLimits, network_of

HOUR = (Limit("test", 2, timedelta(hours=1)),)
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def limits(database: Database, redis_url: str, clock: FixedClock) -> Iterator[RequestLimits]:
    client = redis.Redis.from_url(redis_url)
    client.flushall()
    client.close()
    limits = RequestLimits(database, redis_url, clock, secret="s")
    yield limits
    limits.close()


def test_in_redis_a_subject_passes_so_often_and_no_more(
    limits: RequestLimits, redis_url: str, clock: FixedClock
) -> None:
    assert [limits.allows("ama@example.org", HOUR) for _ in range(3)] == [True, True, False]
    assert limits.allows("li@example.org", HOUR)
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    keys = [str(key) for key in client.keys("*rate*")]
    assert not any("ama" in key for key in keys)
    assert all(0 < client.ttl(key) <= 3600 for key in keys)
    client.close()
    clock.advance(timedelta(hours=1))
    assert limits.allows("ama@example.org", HOUR)


@pytest.mark.parametrize("url", ["", NOWHERE])
def test_without_redis_the_database_counts(database: Database, clock: FixedClock, url: str) -> None:
    limits = RequestLimits(database, url, clock, secret="s")
    assert [limits.allows("ama@example.org", HOUR) for _ in range(3)] == [True, True, False]
    assert limits.allows("li@example.org", HOUR)
    with database.read() as session:
        rows = session.scalars(select(RateCount)).all()
    assert sorted(row.count for row in rows) == [1, 3]
    assert not any("ama" in row.key for row in rows)
    clock.advance(timedelta(hours=3))
    assert limits.allows("ama@example.org", HOUR)
    assert prune(database, Settings(), clock=clock).counts_of_requests == 2
    with database.read() as session:
        assert [row.count for row in session.scalars(select(RateCount))] == [1]
    limits.close()


def test_nobody_in_particular_is_not_limited(limits: RequestLimits) -> None:
    assert all(limits.allows(None, HOUR) for _ in range(5))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        (None, None),
    ],
)
def test_a_site_counts_as_one_network(address: str | None, network: str | None) -> None:
    assert network_of(address) == network
