"""Limits that all workers share, in a real Redis server; the time is the tests' own."""

import asyncio
import itertools
from collections.abc import Coroutine, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.delivery.limits.desk import ThrottleDown
from alerts.delivery.limits.limiter import Limiter
from alerts.delivery.limits.options import read_limits
from alerts.delivery.limits.rules import GO, Admission, Limits, Scope, Turn
from alerts.delivery.transports.base import Lane
from alerts.embedded_redis import EmbeddedRedis
from alerts.rates import Rate
from tests.limits_world import MORNING, Worker, World

_names = itertools.count()
DAY = 86400


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    server.open()
    yield server.url
    server.close()


@pytest.fixture
def world(redis_url: str) -> World:
    return World(redis_url, f"relay-{next(_names)}")


def run(work: Coroutine[object, object, None]) -> None:
    asyncio.run(work)


def ask(limiter: Limiter, domain: str = "example.org", newsletter: str = "weekly") -> Admission:
    return asyncio.run(limiter.admit(Lane.DIGEST, newsletter, domain))


def went(world: World, limiter: Limiter, times: int, domain: str = "example.org") -> int:
    """Return how many of so many messages may go at this moment."""

    async def admit() -> int:
        answers = [await limiter.admit(Lane.DIGEST, "weekly", domain) for _ in range(times)]
        return answers.count(GO)

    return asyncio.run(admit())


@pytest.mark.parametrize("rate", ["1/s", "14/s", "200/s", "1000/s", "500/m"])
def test_all_workers_together_keep_a_rate_evenly_and_use_it(world: World, rate: str) -> None:
    limits = read_limits({"rate": rate})
    stated = limits.rate
    assert stated is not None
    workers = [Worker(limiter) for limiter in [world.limiter(limits)] * 2 for _ in range(4)]
    workers += [Worker(world.limiter(limits)) for _ in range(2)]
    run(world.run(workers, 6))
    moments = [sent.at for sent in world.sent]
    assert min(b - a for a, b in itertools.pairwise(moments)) > stated.interval * 0.99
    assert len(moments) >= 0.95 * 6 / stated.interval


def questions(redis_url: str) -> int:
    """Return how often the server was asked since its start."""
    with redis.Redis.from_url(redis_url) as client:
        return int(client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))


def test_tasks_that_wait_for_the_same_ask_once(world: World, redis_url: str) -> None:
    limiter = world.limiter(read_limits({"rate": "1/s"}))
    before = questions(redis_url)

    async def work() -> None:
        asking = (limiter.admit(Lane.DIGEST, "weekly", "example.org") for _ in range(20))
        answers = await asyncio.gather(*asking)
        assert [answer.turn for answer in answers].count(Turn.GO) == 1
        assert [answer.turn for answer in answers].count(Turn.WAIT) == 19

    run(work())
    # One place, one refusal; a script that the server does not know yet is asked for twice.
    assert questions(redis_url) - before <= 3


def test_a_high_rate_costs_few_questions(world: World, redis_url: str) -> None:
    before = questions(redis_url)
    limiter = world.limiter(read_limits({"rate": "400/s", "quota": "90000/h"}))
    run(world.run([Worker(limiter) for _ in range(8)], 5))
    assert len(world.sent) >= 1900
    assert questions(redis_url) - before <= len(world.sent) / 5


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    steps=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 2)), min_size=10, max_size=60),
    quota=st.integers(1, 12),
)
def test_no_hour_holds_more_than_its_quota(
    redis_url: str, steps: list[tuple[int, int]], quota: int
) -> None:
    world = World(redis_url, f"relay-{next(_names)}")
    limiters = [world.limiter(read_limits({"quota": f"{quota}/h"})) for _ in range(3)]
    gone: list[float] = []

    async def work() -> None:
        for wait, number in steps:
            world.now += wait
            answer = await limiters[number].admit(Lane.DIGEST, "weekly", "example.org")
            if answer is GO:
                gone.append(world.now)
            else:
                # Refused only where the hour, or the minute it began in, is full.
                recent = [at for at in gone if at > world.now - 3661]
                assert len(recent) >= quota
                assert answer.seconds > 0

    run(work())
    for first, last in zip(gone, gone[quota:], strict=False):
        assert last - first >= 3600


def test_a_used_up_quota_postpones_until_places_are_free_again(world: World) -> None:
    limiter = world.limiter(read_limits({"quota": "100/h,150/d"}))
    assert went(world, limiter, 120) == 100
    answer = ask(limiter)
    assert (answer.turn, answer.scope) == (Turn.POSTPONED, Scope.TRANSPORT)
    assert answer.reason == f"the quota 100/h of transport {world.name} is used up"
    assert 3600 <= answer.seconds <= 3600 + 60 + 3600
    world.now += 3660
    assert went(world, limiter, 100) == 50
    assert "150/d" in ask(limiter).reason
    world.now += DAY
    assert went(world, limiter, 40) == 40


def test_the_warm_up_counts_days_in_utc(world: World) -> None:
    # The world begins at 06:00 on the 23rd.
    limiter = world.limiter(read_limits({"warmup": "2026-11-23:2,3"}))
    assert went(world, limiter, 5) == 2
    refused = ask(limiter)
    assert refused.turn is Turn.POSTPONED
    assert "warm-up since 2026-11-23" in refused.reason
    assert refused.seconds >= 18 * 3600 - 1
    world.now = MORNING + 18 * 3600
    assert went(world, limiter, 5) == 3
    world.now += DAY
    # After the last step there is no limit.
    assert went(world, limiter, 500) == 500


def test_before_a_warm_up_its_first_day_holds(world: World) -> None:
    limiter = world.limiter(read_limits({"warmup": "2026-12-24:2,3"}))
    assert went(world, limiter, 5) == 2


def test_all_limits_give_a_place_or_none_is_used_up(world: World) -> None:
    """A newsletter that waits for its own rate leaves the transport's quota alone."""
    limits = read_limits({"quota": "3/d"})
    slow = f"slow-{world.name}"
    limiter = world.limiter(limits, lambda slug: Rate(1, 3600) if slug == slow else None)
    assert ask(limiter, newsletter=slow) is GO
    for _ in range(5):
        answer = ask(limiter, newsletter=slow)
        assert (answer.turn, answer.scope) == (Turn.WAIT, Scope.NEWSLETTER)
        assert 0 < answer.seconds <= 5
        world.now += 2
    assert went(world, limiter, 5) == 2


def test_a_newsletters_rate_holds_over_all_transports(redis_url: str, world: World) -> None:
    other = World(redis_url, f"relay-{next(_names)}")
    slug = f"slow-{world.name}"
    limiters = [w.limiter(Limits(), lambda _: Rate(1, 60)) for w in (world, other)]
    assert [ask(limiter, newsletter=slug).turn for limiter in limiters] == [Turn.GO, Turn.WAIT]
    assert ask(limiters[1], newsletter=f"else-{slug}") is GO


def test_the_domains_of_a_provider_share_a_limit_and_others_do_not(world: World) -> None:
    rival = "outlook.com=1/s *=3/h gmail.com=2/h"
    limiter = world.limiter(read_limits({}, rival.split()))
    assert [went(world, limiter, 1, d) for d in ("gmail.com", "googlemail.com")] == [1, 1]
    assert ask(limiter, "GMail.com.").turn is Turn.POSTPONED
    assert went(world, limiter, 9, f"one.{world.name}") == 3
    assert went(world, limiter, 9, f"two.{world.name}") == 3
    # What waits a moment only says so; others pass meanwhile.
    assert ask(limiter, "hotmail.com") is GO
    answer = ask(limiter, "live.co.uk")
    assert (answer.turn, answer.scope) == (Turn.WAIT, Scope.DOMAIN)
    assert answer.seconds <= 1
    assert went(world, limiter, 1, f"three.{world.name}") == 1


def test_a_slow_domain_blocks_nobody_behind_it(world: World) -> None:
    slow = f"slow.{world.name}"
    limiter = world.limiter(read_limits({"rate": "100/s"}, [f"{slow}=10/m"]))
    assert ask(limiter, slow) is GO
    answers = [ask(limiter, slow) for _ in range(3)]
    assert [answer.turn for answer in answers] == [Turn.POSTPONED] * 3
    # They come back one after the other.
    assert [round(answer.seconds) for answer in answers] == [6, 12, 18]
    run(world.run([Worker(limiter)], 1))
    assert len(world.sent) >= 95


def test_all_workers_leave_a_domain_alone_that_asked_for_it(world: World) -> None:
    limits = read_limits({"rate": "1000/s"})
    one, two = world.limiter(limits), world.limiter(limits)
    assert went(world, two, 1, "yahoo.com") == 1
    asyncio.run(one.slow_down("ymail.com", 60, "421 4.7.0\r\nslow\x00 down " + "x" * 300))
    world.now += 0.2
    answer = ask(two, "yahoo.com")
    assert (answer.turn, answer.scope) == (Turn.POSTPONED, Scope.DOMAIN)
    assert 59 <= answer.seconds <= 60
    assert answer.reason.startswith("yahoo.com asked to wait: 421 4.7.0 slow down xxx")
    assert len(answer.reason) < 250
    assert ask(two, "example.org") is GO
    # A shorter pause told later does not end the longer one.
    asyncio.run(two.slow_down("yahoo.com", 1, "again"))
    world.now += 30
    assert ask(one, "yahoo.com").turn is Turn.POSTPONED
    assert ask(world.limiter(limits), "yahoo.com").turn is Turn.POSTPONED
    world.now += 31
    assert [ask(limiter, "yahoo.com") for limiter in (one, two)] == [GO, GO]


def test_a_pause_of_the_whole_transport_stops_every_domain(world: World) -> None:
    limits = read_limits({"rate": "1000/s"})
    one, two = world.limiter(limits), world.limiter(limits)
    asyncio.run(one.slow_down("", 1.5, "421 4.3.2 shutting down"))
    answer = ask(two)
    assert (answer.turn, answer.scope) == (Turn.WAIT, Scope.TRANSPORT)
    asyncio.run(one.slow_down("", 90, "421 4.3.2 shutting down"))
    world.now += 1.5
    assert ask(two, "gmail.com").turn is Turn.POSTPONED
    world.now += 90
    assert ask(two, "gmail.com") is GO


def test_a_pause_is_seen_where_no_limit_holds_for_the_message(world: World) -> None:
    limits = read_limits({}, ["gmail.com=20/s"])
    one, two = world.limiter(limits), world.limiter(limits)
    assert ask(two, "example.org") is GO
    asyncio.run(one.slow_down("example.org", 60, "4.7.1"))
    world.now += 1.1
    assert ask(two, "example.org").turn is Turn.POSTPONED


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_a_pause_needs_a_number_of_seconds(world: World, seconds: float) -> None:
    limiter = world.limiter(read_limits({"rate": "1/s"}))
    with pytest.raises(ValueError, match="no span"):
        asyncio.run(limiter.slow_down("example.org", seconds, "4.7.1"))


def test_without_limits_nobody_is_asked(tmp_path: Path) -> None:
    world = World(f"unix://{tmp_path / 'nobody.sock'}", "relay")
    limiter = world.limiter(Limits())
    assert went(world, limiter, 100) == 100
    # What this process was told it heeds all the same.
    asyncio.run(limiter.slow_down("example.org", 60, "4.7.1"))
    assert ask(limiter).turn is Turn.POSTPONED
    assert ask(limiter, "example.net") is GO
    asyncio.run(limiter.close())


def test_without_redis_nothing_goes_that_cannot_be_counted(tmp_path: Path) -> None:
    world = World(f"unix://{tmp_path / 'nobody.sock'}", "relay")
    limiter = world.limiter(read_limits({"rate": "1/s"}))
    with pytest.raises(ThrottleDown, match="Redis is away"):
        ask(limiter)
    with pytest.raises(ThrottleDown, match="Redis is away"):
        asyncio.run(limiter.slow_down("example.org", 60, "4.7.1"))
    asyncio.run(limiter.close())


def test_an_emptied_redis_begins_to_count_anew(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    server.open()
    try:
        world = World(server.url, "relay")
        limiter = world.limiter(read_limits({"quota": "2/h", "rate": "100/s"}))
        assert went(world, limiter, 3) == 2
        asyncio.run(limiter.slow_down("example.org", 60, "4.7.1"))
        with redis.Redis.from_url(server.url) as client:
            client.flushall()
            client.script_flush()
        world.now += 2
        assert went(world, limiter, 5, "example.net") == 2
        # A new worker knows of no pause.
        assert ask(world.limiter(Limits(rate=Rate(1, 1)))) is GO
    finally:
        server.close()


def test_unused_places_are_given_back_to_a_quota(world: World) -> None:
    limits = read_limits({"quota": "400/h"})
    one, two = world.limiter(limits), world.limiter(limits)
    # It takes one, one, two and four, and in the end uses but one of the last four.
    assert went(world, one, 5) == 5
    asyncio.run(one.close())
    assert went(world, two, 400) == 395
    assert went(world, one, 1) == 0


def test_places_that_nobody_came_for_are_given_back_with_the_next_question(world: World) -> None:
    limits = read_limits({"quota": "400/h"})
    one, two = world.limiter(limits), world.limiter(limits)
    assert went(world, one, 5) == 5
    world.now += 5
    assert went(world, one, 1) == 1
    assert went(world, two, 400) == 394


def test_a_message_that_does_not_wait_for_its_place_leaves_it(world: World) -> None:
    async def cancelled(_seconds: float) -> None:
        raise asyncio.CancelledError

    async def work() -> None:
        limiter = Limiter(
            world.redis_url,
            read_limits({"rate": "100/s"}),
            name=world.name,
            clock=lambda: world.now,
            sleep=cancelled,
        )
        assert await limiter.admit(Lane.DIGEST, "weekly", "example.org") is GO
        with pytest.raises(asyncio.CancelledError):
            await limiter.admit(Lane.DIGEST, "weekly", "example.org")
        world.now += 0.01
        # The place is due now, and needs no question.
        assert await limiter.admit(Lane.DIGEST, "weekly", "example.org") is GO
        await limiter.close()

    run(work())


def test_a_rate_that_was_raised_holds_after_one_interval(world: World) -> None:
    assert ask(world.limiter(read_limits({"rate": "1/h"}))) is GO
    faster = world.limiter(read_limits({"rate": "100/h"}))
    assert ask(faster).turn is Turn.WAIT
    world.now += 36.1
    assert ask(faster) is GO
