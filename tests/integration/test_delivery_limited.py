"""A transport under limits, on a real Redis: what goes on, what waits, who holds up whom."""

import asyncio
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest
from redis import Redis
from typing_extensions import override

from alerts.delivery.limits.limiter import Limiter
from alerts.delivery.limits.options import read_limits
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.transports.base import (
    Lane,
    LimitReached,
    Observer,
    Outgoing,
    Transport,
    TransportBusy,
    TransportDown,
)
from alerts.delivery.transports.limited import LimitedTransport

_names = itertools.count()
TAKEN = Outcome(Fate.ACCEPTED, 250, "2.0.0 taken")


@dataclass
class Way(Transport):
    """Takes what it is handed, and answers as it is told; `got` are the recipients in order."""

    answer: Callable[[str], Outcome] = lambda _: TAKEN
    got: list[str] = field(default_factory=list)

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        for message in messages:
            await asyncio.sleep(0)
            observer.started(message.delivery_id)
            self.got.append(message.recipient)
            observer.ended(message.delivery_id, self.answer(message.recipient))

    @override
    async def close(self) -> None:
        """Nothing is open."""


class Notes(Observer):
    def __init__(self) -> None:
        self.outcomes: dict[int, Outcome] = {}

    @override
    def started(self, delivery_id: int) -> None:
        assert delivery_id not in self.outcomes

    @override
    def ended(self, delivery_id: int, outcome: Outcome) -> None:
        assert delivery_id not in self.outcomes, "nobody is told twice"
        self.outcomes[delivery_id] = outcome

    def fates(self, numbers: Iterable[int]) -> set[Fate]:
        return {self.outcomes[number].fate for number in numbers}


def mails(recipients: Iterable[str], *, first: int = 1) -> list[Outgoing]:
    return [
        Outgoing(number, "desk@example.org", recipient, lambda _: b"", Lane.DIGEST, "weekly")
        for number, recipient in enumerate(recipients, first)
    ]


def limited(
    redis_url: str, way: Way, *domains: str, name: str = "", **options: str
) -> LimitedTransport:
    name = name or f"limited-{next(_names)}"
    return LimitedTransport(way, Limiter(redis_url, read_limits(options, domains), name=name))


def send(transport: LimitedTransport, *rounds: list[Outgoing]) -> Notes:
    async def work() -> Notes:
        notes = Notes()
        try:
            for messages in rounds:
                await transport.deliver(messages, notes)
        finally:
            await transport.close()
        return notes

    return asyncio.run(work())


def test_without_limits_everything_goes_on_at_once() -> None:
    way = Way()
    # Nobody is asked: there is no Redis at this address.
    notes = send(limited("redis://127.0.0.1:1", way), mails(f"r{n}@x.org" for n in range(50)))
    assert notes.fates(range(1, 51)) == {Fate.ACCEPTED}
    assert way.got == [f"r{n}@x.org" for n in range(50)]


def test_a_domain_that_is_full_for_long_goes_back_to_the_ledger(redis_url: str) -> None:
    way = Way()
    transport = limited(redis_url, way, "slow.example=2/h")
    slow = [f"r{n}@slow.example" for n in range(5)]
    quick = [f"r{n}@quick.example" for n in range(30)]
    notes = send(transport, mails(slow + quick))
    assert set(way.got) == {*quick, *slow[:2]}, "the queue is not held up by one domain"
    assert notes.fates(range(6, 36)) == {Fate.ACCEPTED}
    waits = [notes.outcomes[number] for number in (3, 4, 5)]
    assert {outcome.fate for outcome in waits} == {Fate.POSTPONED}
    assert all(outcome.wait > 1_000 and "slow.example" in outcome.answer for outcome in waits)


def test_who_waits_for_a_domain_for_a_moment_lets_the_others_pass(redis_url: str) -> None:
    way = Way()
    transport = limited(redis_url, way, "slow.example=5/s")
    slow = [f"r{n}@slow.example" for n in range(4)]
    quick = [f"r{n}@quick.example" for n in range(30)]
    notes = send(transport, mails(slow + quick))
    assert notes.fates(range(1, 35)) == {Fate.ACCEPTED}
    assert len(way.got) == 34
    # The first of them went at once; the last two had to wait, and nobody waited for them.
    assert set(way.got[-2:]) <= set(slow)


def test_a_quota_that_is_used_up_gives_the_batch_back(redis_url: str) -> None:
    way = Way()
    transport = limited(redis_url, way, quota="20/h")
    notes = Notes()

    async def work() -> TransportBusy:
        with pytest.raises(TransportBusy) as caught:
            await transport.deliver(mails(f"r{n}@x.org" for n in range(50)), notes)
        await transport.close()
        return caught.value

    busy = asyncio.run(work())
    assert busy.wait > 1_000
    assert "20" in str(busy)
    assert len(way.got) == 20
    assert notes.outcomes.keys() == set(range(1, 21)), "of the others nothing was told"


def test_two_processes_share_a_quota(redis_url: str) -> None:
    ways = Way(), Way()

    async def work() -> None:
        transports = [limited(redis_url, way, name="both", quota="60/h") for way in ways]
        results = await asyncio.gather(
            *(t.deliver(mails(f"r{n}@x.org" for n in range(50)), Notes()) for t in transports),
            return_exceptions=True,
        )
        assert {type(result) for result in results} <= {LimitReached, type(None)}
        for transport in transports:
            await transport.close()

    asyncio.run(work())
    assert len(ways[0].got) + len(ways[1].got) <= 60
    assert min(len(way.got) for way in ways) > 0


@pytest.mark.parametrize("limits", [{}, {"rate": "1000/s"}])
def test_a_domain_that_asks_for_less_is_left_alone(redis_url: str, limits: dict[str, str]) -> None:
    def moody(recipient: str) -> Outcome:
        sick = recipient.endswith("@sick.example")
        return refusal(421, "4.7.0 too much from you") if sick else TAKEN

    way = Way(moody)
    transport = limited(redis_url, way, **limits)
    sick = [f"r{n}@sick.example" for n in range(40)]
    well = [f"r{n}@well.example" for n in range(40)]
    both = [each for pair in zip(sick, well, strict=True) for each in pair]
    notes = send(transport, mails(both), mails(both, first=101))
    assert way.got.count(well[0]) == 2
    assert set(well) <= set(way.got)
    later = {notes.outcomes[100 + number].fate for number in range(1, 81, 2)}
    assert later == {Fate.POSTPONED}, "the second time nobody there is asked"
    assert notes.fates(range(102, 181, 2)) == {Fate.ACCEPTED}


def test_a_rate_does_not_keep_on_asking_a_domain_that_is_left_alone(redis_url: str) -> None:
    def answer(recipient: str) -> Outcome:
        sick = recipient.endswith("@sick.example")
        return refusal(421, "4.7.0 too much from you") if sick else TAKEN

    way = Way(answer)
    transport = limited(redis_url, way, rate="50/s")
    readers = [f"r{n}@{'sick' if n % 2 else 'well'}.example" for n in range(40)]
    notes = send(transport, mails(readers))
    tried = [each for each in way.got if each.endswith("@sick.example")]
    # Three say it; one or two more may be on their way.
    assert 3 <= len(tried) <= 5
    assert len(way.got) - len(tried) == 20
    assert len(notes.outcomes) == 40


def test_without_redis_a_limited_transport_sends_nothing() -> None:
    way, notes = Way(), Notes()
    transport = limited("redis://127.0.0.1:1", way, rate="10/s")

    async def work() -> None:
        with pytest.raises(TransportDown):
            await transport.deliver(mails(["a@x.org", "b@x.org"]), notes)
        await transport.close()

    asyncio.run(work())
    assert way.got == []
    assert notes.outcomes == {}


def test_a_redis_that_was_emptied_counts_from_nothing(redis_url: str) -> None:
    way = Way()
    transport = limited(redis_url, way, rate="500/s")

    async def work() -> Notes:
        notes = Notes()
        await transport.deliver(mails(f"r{n}@x.org" for n in range(20)), notes)
        server = Redis.from_url(redis_url)
        server.flushall()
        server.script_flush()
        server.close()
        more = mails((f"r{n}@x.org" for n in range(20)), first=21)
        await transport.deliver(more, notes)
        await transport.close()
        return notes

    assert asyncio.run(work()).fates(range(1, 41)) == {Fate.ACCEPTED}
    assert len(way.got) == 40
