"""A relay that one process found sick: all others know, and so do ops."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from alerts.delivery.transports.base import LimitReached
from alerts.delivery.transports.pool import Member, PoolTransport
from alerts.delivery.transports.suspicion import NO_POOL, Relays, Suspicion, Suspicions, relays_of
from tests.data.delivery.house import House
from tests.data.delivery.ways import Hand, Way, down, mails, send
from tests.data.operations.alarm_bell import Bell

NAMES = ("first.example.org", "second.example.org")
RELAYS = " ".join(f"smtp://{name}" for name in NAMES)


@pytest.fixture
def suspicions(redis_url: str) -> Iterator[Suspicions]:
    """What is known of two relays in a Redis of its own."""
    found = Suspicions(redis_url, NAMES)
    for name in NAMES:
        found.clear(name)
    yield found
    for name in NAMES:
        found.clear(name)
    found.close()


def sick(suspicions: Suspicions) -> Mapping[str, Suspicion]:
    """Return those that are sick, by what all know."""
    standing = suspicions.standing()
    assert standing is not None
    return standing.sick


def sick_for_long(redis_url: str) -> datetime:
    """Have it noted that the first relay is sick for eleven minutes; return since when."""
    since = datetime.now(UTC) - timedelta(minutes=11)
    with redis.Redis.from_url(redis_url) as client:
        client.hset(f"alerts:relays:{NAMES[0]}", "since", repr(since.timestamp()))
    return since


def forget(redis_url: str) -> None:
    """Empty Redis, of what is known of relays."""
    with redis.Redis.from_url(redis_url) as client:
        for name in NAMES:
            client.delete(f"alerts:relays:{name}")


class Worker:
    """One process with a pool of two relays, which share `first` and `second` with all others."""

    def __init__(self, suspicions: Suspicions) -> None:
        self.clock = Hand()
        self.first, self.second = Way(), Way()
        both = [Member(NAMES[0], self.first), Member(NAMES[1], self.second)]
        self.transport = PoolTransport(both, clock=self.clock, patience=60, suspicions=suspicions)
        self._sent = 0

    def send(self, count: int) -> None:
        """Send some messages, two seconds after the last ones."""
        self.clock.now += 2
        send(self.transport, mails(count, first=self._sent + 1))
        self._sent += count


def test_what_one_process_found_sick_the_others_leave_alone_and_take_back(
    suspicions: Suspicions, redis_url: str
) -> None:
    one, other = Worker(suspicions), Worker(suspicions)
    one.first.mood = down
    one.send(20)
    assert one.first.calls == [10]
    other.send(20)
    assert other.first.calls == [], "it had to find out by itself"
    assert len(other.second.got) == 20
    # It is found well by one, and taken back by all before they would have tried it.
    one.first.mood = lambda _: None
    one.clock.now += 7
    with redis.Redis.from_url(redis_url) as client:
        # The server's clock is moved by nobody's hand.
        client.hset(f"alerts:relays:{NAMES[0]}", "until", "0")
    one.send(20)
    assert one.first.calls[1] == 1, "not on trial"
    assert not sick(suspicions)
    other.send(20)
    assert len(other.first.got) == 10


def test_it_is_known_since_when_and_what_it_said_without_any_readers_address(
    suspicions: Suspicions,
) -> None:
    name = NAMES[0]
    assert suspicions.note(name, rest=30, said="550 <ana@example.org> is not wanted")
    before = sick(suspicions)
    assert suspicions.note(name, rest=60, said=f"{name}:25: no answer")
    found = sick(suspicions)
    assert found[name].since == before[name].since < found[name].tried
    assert abs(found[name].since - datetime.now(UTC)) < timedelta(minutes=1)
    assert 0 < found[name].rest <= 60
    assert "ana" not in before[name].said
    assert before[name].words.startswith(f"{name}: 550 ")
    assert found[name].words == f"{name}:25: no answer"


def test_one_whose_limit_is_used_up_is_not_sick(suspicions: Suspicions) -> None:
    def used_up(_: int) -> None:
        raise LimitReached("the quota of 5/d", 3600)

    worker = Worker(suspicions)
    worker.first.mood = used_up
    worker.send(20)
    assert len(worker.second.got) == 20
    assert not sick(suspicions)


def test_without_redis_each_process_goes_by_what_it_saw() -> None:
    worker = Worker(Suspicions("redis://127.0.0.1:9/0", NAMES))
    worker.first.mood = down
    worker.send(20)
    worker.send(20)
    assert worker.first.calls == [10], "it was forgotten that it is sick"
    assert len(worker.second.got) == 40


@pytest.fixture
def ringing(house: House, tmp_path: Path, redis_url: str) -> Iterator[Bell]:
    bell = Bell(house.database, house.clock, tmp_path, redis_url=redis_url, mail_url=RELAYS)
    yield bell
    bell.close()


def test_ops_hear_of_a_relay_for_which_another_stands_in_and_when_it_is_over(
    suspicions: Suspicions, ringing: Bell, redis_url: str
) -> None:
    name = NAMES[0]
    suspicions.note(name, rest=5, said="Connection refused")
    assert "relay-sick" not in ringing.look(), "what is over in a minute wakes nobody"
    sick_for_long(redis_url)
    ringing.clock.advance(timedelta(minutes=2))
    assert "relay-sick" in ringing.look()
    [alarm] = [one for one in ringing.alarms() if one.kind == "relay-sick"]
    assert alarm.what.startswith(f"mail server {name}: Connection refused (since ")
    assert alarm.what.endswith(f"; mail goes on by {NAMES[1]}")
    suspicions.clear(name)
    for _ in range(6):
        ringing.clock.advance(timedelta(minutes=1))
        ringing.look()
    assert "relay-sick" not in ringing.look()


def test_nothing_is_said_of_pools_that_are_none_or_cannot_be_read(
    ringing: Bell, redis_url: str
) -> None:
    settings = ringing.settings
    assert relays_of(settings, redis_url) == Relays(list(NAMES), {}, frozenset())
    away = Relays(list(NAMES), {}, frozenset(NAMES))
    assert relays_of(settings, "redis://127.0.0.1:9/0") == away
    for urls in (("smtp://one",), ("odd://x", "y")):
        other = settings.model_copy(update={"mail_url": urls})
        assert relays_of(other, redis_url) == NO_POOL


def test_a_relay_that_nobody_tries_is_not_well_by_that(
    suspicions: Suspicions, ringing: Bell, redis_url: str
) -> None:
    name = NAMES[0]
    suspicions.note(name, rest=5, said="Connection refused")
    with redis.Redis.from_url(redis_url) as client:
        assert client.ttl(f"alerts:relays:{name}") == -1, "it will be forgotten"
    sick_for_long(redis_url)
    ringing.clock.advance(timedelta(minutes=2))
    assert "relay-sick" in ringing.look()
    for _ in range(3):
        ringing.clock.advance(timedelta(days=1))
        assert "relay-sick" in ringing.look()


def test_no_alarm_about_a_relay_is_over_because_redis_is_away(
    suspicions: Suspicions, ringing: Bell, redis_url: str, tmp_path: Path
) -> None:
    suspicions.note(NAMES[0], rest=5, said="Connection refused")
    sick_for_long(redis_url)
    ringing.clock.advance(timedelta(minutes=2))
    assert "relay-sick" in ringing.look()
    blind = Bell(
        ringing.database,
        ringing.clock,
        tmp_path,
        redis_url="redis://127.0.0.1:9/0",
        mail_url=RELAYS,
    )
    for _ in range(7):
        ringing.clock.advance(timedelta(minutes=1))
        assert "relay-sick" in blind.look()
    blind.close()
    # Who can see closes it.
    suspicions.clear(NAMES[0])
    ringing.clock.advance(timedelta(minutes=6))
    assert "relay-sick" not in ringing.look()


def test_a_server_whose_clock_was_set_back_leaves_no_relay_alone_for_the_hour(
    suspicions: Suspicions, redis_url: str
) -> None:
    name, key = NAMES[0], f"alerts:relays:{NAMES[0]}"
    suspicions.note(name, rest=300, said="Connection refused")
    with redis.Redis.from_url(redis_url) as client:
        for field in ("since", "tried", "until"):
            ahead = float(client.hget(key, field) or 0) + 3600
            client.hset(key, field, repr(ahead))
    found = sick(suspicions)
    assert found[name].rest == 0
    suspicions.note(name, rest=300, said="Connection refused")
    again = sick(suspicions)
    assert again[name].since <= again[name].tried <= datetime.now(UTC) + timedelta(seconds=5)
    assert 290 < again[name].rest <= 300


def test_no_alarm_about_a_relay_is_over_because_redis_was_emptied(
    suspicions: Suspicions, ringing: Bell, redis_url: str
) -> None:
    worker = Worker(suspicions)
    worker.first.mood = down
    worker.send(20)
    sick_for_long(redis_url)
    ringing.clock.advance(timedelta(minutes=2))
    assert "relay-sick" in ringing.look()
    [alarm] = [one.id for one in ringing.alarms() if one.kind == "relay-sick"]
    forget(redis_url)
    # Nothing is sent meanwhile, and so nobody says it again.
    for _ in range(7):
        ringing.clock.advance(timedelta(minutes=1))
        assert "relay-sick" in ringing.look()
    # One that was started since finds out by itself, and it is sick since a moment ago.
    fresh = Worker(suspicions)
    fresh.first.mood = down
    fresh.send(20)
    assert sick(suspicions)[NAMES[0]].since > datetime.now(UTC) - timedelta(minutes=1)
    for _ in range(7):
        ringing.clock.advance(timedelta(minutes=1))
        assert "relay-sick" in ringing.look()
    assert [one.id for one in ringing.alarms() if one.kind == "relay-sick"] == [alarm]
    assert sum("mail servers is sick" in subject for subject in ringing.told()) == 1


def test_who_knows_that_a_relay_is_sick_says_so_again_where_redis_was_emptied(
    suspicions: Suspicions, redis_url: str
) -> None:
    worker = Worker(suspicions)
    worker.first.mood = down
    worker.send(20)
    since = sick_for_long(redis_url)
    worker.send(20)
    forget(redis_url)
    worker.send(20)
    assert worker.first.calls == [10], "it was taken for well"
    found = sick(suspicions)[NAMES[0]]
    assert abs(found.since - since) < timedelta(seconds=1)
    assert 0 < found.rest <= 10
    assert found.said == "nobody answers"


def test_an_alarm_is_over_when_one_who_knows_nothing_of_it_sends_by_the_relay(
    suspicions: Suspicions, ringing: Bell, redis_url: str
) -> None:
    suspicions.note(NAMES[0], rest=5, said="Connection refused")
    sick_for_long(redis_url)
    ringing.clock.advance(timedelta(minutes=2))
    assert "relay-sick" in ringing.look()
    forget(redis_url)
    fresh = Worker(suspicions)
    fresh.send(20)
    assert len(fresh.first.got) == 10
    for _ in range(6):
        ringing.clock.advance(timedelta(minutes=1))
        ringing.look()
    assert "relay-sick" not in ringing.look()
