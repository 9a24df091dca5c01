"""Who goes first, and how newsletters share a rate: in the tests' own time, on a real Redis."""

import asyncio
import itertools
from collections.abc import Iterator

import pytest

from alerts.delivery.limits.options import read_limits
from alerts.delivery.transports.base import Lane
from alerts.embedded_redis import EmbeddedRedis
from tests.limits_world import Worker, World

_names = itertools.count()
RATES = ["10/s", "200/s"]


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    server.open()
    yield server.url
    server.close()


@pytest.fixture
def world(redis_url: str) -> World:
    return World(redis_url, f"shared-{next(_names)}")


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("few", [1, 3])
def test_newsletters_share_evenly_whatever_their_workers(world: World, rate: str, few: int) -> None:
    limits = read_limits({"rate": rate})
    processes = [world.limiter(limits) for _ in range(3)]
    workers = [Worker(processes[0], newsletter="small") for _ in range(few)]
    workers += [Worker(p, newsletter="large") for p in processes for _ in range(6)]
    asyncio.run(world.run(workers, 8))
    counts = world.counts()
    small, large = counts[Lane.DIGEST, "small"], counts[Lane.DIGEST, "large"]
    assert 0.9 <= small / large <= 1.1
    assert small + large >= 0.95 * 8 * int(rate.split("/", maxsplit=1)[0])


def test_three_newsletters_share_and_what_one_cannot_use_goes_to_the_others(world: World) -> None:
    limits = read_limits({"rate": "20/s"})
    one, two, three = (world.limiter(limits) for _ in range(3))
    # One message in half a second is all it can.
    workers = [Worker(one, newsletter="idle", busy=0.5), Worker(two, newsletter="small")]
    workers += [Worker(three, newsletter="large") for _ in range(10)]
    asyncio.run(world.run(workers, 20))
    counts = world.counts()
    assert 30 <= counts[Lane.DIGEST, "idle"] <= 42
    assert 0.9 <= counts[Lane.DIGEST, "small"] / counts[Lane.DIGEST, "large"] <= 1.1
    assert sum(counts.values()) >= 380


def test_who_was_away_has_nothing_saved_up(world: World) -> None:
    limits = read_limits({"rate": "20/s"})
    one, two = world.limiter(limits), world.limiter(limits)
    workers = [
        Worker(one, newsletter="steady"),
        Worker(two, newsletter="late", end=0.5),
        Worker(two, newsletter="late", start=10),
    ]
    asyncio.run(world.run(workers, 20))
    counts = world.counts(since=10)
    assert 0.9 <= counts[Lane.DIGEST, "late"] / counts[Lane.DIGEST, "steady"] <= 1.1


@pytest.mark.parametrize("rate", RATES)
def test_alerts_overtake_digests_which_keep_a_tenth(world: World, rate: str) -> None:
    limits = read_limits({"rate": rate})
    processes = [world.limiter(limits) for _ in range(3)]
    workers = [Worker(processes[0], lane=Lane.ALERT, newsletter="alert")]
    workers += [Worker(p, newsletter="digest") for p in processes for _ in range(6)]
    asyncio.run(world.run(workers, 10))
    counts = world.counts()
    share = counts[Lane.DIGEST, "digest"] / counts.total()
    assert 0.05 <= share <= 0.15
    assert counts.total() >= 0.95 * 10 * int(rate.split("/", maxsplit=1)[0])


def test_digests_take_over_when_the_alerts_are_through(world: World) -> None:
    limits = read_limits({"rate": "20/s"})
    workers = [Worker(world.limiter(limits), lane=Lane.ALERT, newsletter="alert", messages=100)]
    workers += [Worker(world.limiter(limits), newsletter="digest") for _ in range(3)]
    asyncio.run(world.run(workers, 10))
    alerts = [sent.at for sent in world.sent if sent.worker.lane is Lane.ALERT]
    assert len(alerts) == 100
    # A hundred alerts take five seconds alone, and a tenth more with the digests' share.
    assert max(alerts) <= 6
    assert world.counts(since=6)[Lane.DIGEST, "digest"] >= 78


@pytest.mark.parametrize("rate", RATES)
def test_confirmations_overtake_all(world: World, rate: str) -> None:
    limits = read_limits({"rate": rate})
    processes = [world.limiter(limits) for _ in range(3)]
    workers = [Worker(p, lane=Lane.ALERT, newsletter="alert") for p in processes]
    workers += [Worker(p, newsletter="digest") for p in processes for _ in range(6)]
    moments = [2 + n * 0.777 for n in range(10)]
    workers += [
        Worker(processes[n % 3], lane=Lane.TRANSACTIONAL, newsletter="", start=at, messages=1)
        for n, at in enumerate(moments)
    ]
    asyncio.run(world.run(workers, 12))
    sent = [sent.at for sent in world.sent if sent.worker.lane is Lane.TRANSACTIONAL]
    waits = [at - asked for at, asked in zip(sent, moments, strict=True)]
    # The place that is being used, the one that a lower lane may be owed, and its own.
    assert max(waits) <= 3 * max(0.1, 1 / int(rate.split("/", maxsplit=1)[0]))


def test_who_died_while_it_waited_holds_nobody_back(world: World) -> None:
    limits = read_limits({"rate": "20/s"})
    dead, alive = world.limiter(limits), world.limiter(limits)
    # Its second question is refused, and it never comes back.
    workers = [Worker(dead, lane=Lane.ALERT, newsletter="alert", end=0.02)]
    workers += [Worker(alive, newsletter="digest", start=0.03)]
    asyncio.run(world.run(workers, 5))
    digests = [sent.at for sent in world.sent if sent.worker.lane is Lane.DIGEST]
    assert digests[0] <= 0.5
    assert len(digests) >= 88


def test_who_waited_when_the_clock_was_set_back_holds_nobody_back_for_the_hour(
    world: World,
) -> None:
    limits = read_limits({"rate": "20/s"})
    dead, alive = world.limiter(limits), world.limiter(limits)
    workers = [Worker(dead, lane=Lane.ALERT, newsletter="alert", end=0.02)]
    asyncio.run(world.run(workers, 0.03))
    world.now -= 3600
    asyncio.run(world.run([Worker(alive, newsletter="digest")], 5))
    assert world.counts()[Lane.DIGEST, "digest"] >= 88


def test_who_waits_for_its_domain_holds_nobody_back_at_the_transport(world: World) -> None:
    slow = f"slow.{world.name}"
    limits = read_limits({"rate": "20/s"}, [f"{slow}=1/s"])
    one, two = world.limiter(limits), world.limiter(limits)
    workers = [
        Worker(one, lane=Lane.ALERT, newsletter="alert", domain=slow),
        Worker(two, newsletter="digest"),
    ]
    asyncio.run(world.run(workers, 10))
    counts = world.counts()
    assert counts[Lane.ALERT, "alert"] >= 9
    assert counts.total() >= 190
