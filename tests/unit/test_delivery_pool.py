"""A pool of transports that live in memory: who sends what, and who takes over."""

import asyncio
from collections import Counter
from collections.abc import Iterable

import pytest
from typing_extensions import override

from alerts.delivery.outcome import Fate
from alerts.delivery.transports.base import (
    LimitReached,
    Observer,
    Outgoing,
    TransportBusy,
    TransportDown,
    Withheld,
)
from alerts.delivery.transports.pool import Member, PoolTransport
from tests.data.delivery.handing import Notes
from tests.data.delivery.ways import ACCEPTED, LOST, Hand, Way, down, mails, pool, send


def test_messages_are_shared_by_weight_over_many_calls() -> None:
    a, b, c = Way(), Way(), Way()
    transport = pool(a=(a, 5), b=(b, 3), c=(c, 2))
    for start in range(1, 1000, 37):
        send(transport, mails(37, first=start))
    total = len(a.got) + len(b.got) + len(c.got)
    assert len({*a.got, *b.got, *c.got}) == total == 999
    for way, share in ((a, 0.5), (b, 0.3), (c, 0.2)):
        assert abs(len(way.got) - share * total) <= 2


def test_single_messages_are_shared_as_well() -> None:
    a, b = Way(), Way()
    transport = pool(a=(a, 3), b=(b, 1))
    for number in range(1, 9):
        send(transport, mails(1, first=number))
    assert (len(a.got), len(b.got)) == (6, 2)


def test_a_transport_alone_is_handed_everything_at_once() -> None:
    a = Way()
    send(pool(a=(a, 1)), mails(250))
    assert a.calls == [250]


def test_the_others_take_over_what_a_sick_one_was_not_told_to_have_begun() -> None:
    def dies_at_third(number: int) -> None:
        if len(a.got) == 2:
            down(number)

    a, b = Way(dies_at_third), Way()
    notes = send(pool(a=(a, 1), b=(b, 1)), mails(100))
    assert len(a.got) == 2
    assert sorted(a.got + b.got) == list(range(1, 101))
    assert len(notes.outcomes) == 100


def test_what_was_begun_is_never_handed_to_another() -> None:
    class Dying(Way):
        @override
        async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
            self.got = [message.delivery_id for message in messages]
            observer.started(self.got[0])
            raise TransportDown("hung up in the middle")

    a, b = Dying(), Way()
    notes = send(pool(a=(a, 1), b=(b, 1)), mails(20))
    assert sorted(notes.begun) == list(range(1, 21))
    assert a.got[0] not in b.got
    assert notes.outcomes.keys() == set(notes.begun) - {a.got[0]}


def test_a_row_of_troubles_ends_a_transports_turn_and_begun_ones_stay_with_it() -> None:
    a, b = Way(lambda _: LOST), Way()
    notes = send(pool(a=(a, 1), b=(b, 1)), mails(100))
    fates = Counter(outcome.fate for outcome in notes.outcomes.values())
    # The scripted transport pulls a portion as a whole; the first portion has ten.
    assert fates == {Fate.UNKNOWN: 10, Fate.ACCEPTED: 90}
    assert not set(a.got) & set(b.got)


def test_a_sick_one_is_left_alone_then_tried_with_one_message_and_taken_back() -> None:
    clock = Hand()
    a, b = Way(down), Way()
    transport = pool(clock, a=(a, 1), b=(b, 1))
    send(transport, mails(20))
    assert a.calls == [10]
    send(transport, mails(20, first=21))
    assert a.calls == [10], "it rests"
    clock.now += 7
    send(transport, mails(20, first=41))
    assert a.calls == [10, 1], "one message on trial"
    clock.now += 7
    send(transport, mails(20, first=61))
    assert a.calls == [10, 1], "a second failure makes the rest longer"
    a.mood = lambda _: None
    clock.now += 7
    send(transport, mails(20, first=81))
    assert a.calls == [10, 1, 1, 9], "it is well again"
    assert sorted(a.got + b.got) == list(range(1, 101))


def test_the_rest_that_a_busy_one_asks_for_is_kept() -> None:
    def busy(_: int) -> None:
        raise TransportBusy("slow down", 600)

    clock = Hand()
    a, b = Way(busy), Way()
    transport = pool(clock, a=(a, 1), b=(b, 1))
    send(transport, mails(2))
    clock.now += 599
    send(transport, mails(2, first=3))
    assert len(a.calls) == 1
    clock.now += 200
    send(transport, mails(2, first=5))
    assert len(a.calls) == 2


def test_a_rest_that_was_asked_for_is_kept_though_there_is_no_other() -> None:
    def busy(_: int) -> None:
        raise TransportBusy("slow down", 600)

    a = Way(busy)
    transport = pool(a=(a, 1))
    for _ in range(3):
        with pytest.raises(TransportBusy, match="a: slow down") as caught:
            send(transport, mails(30))
        assert caught.value.wait >= 600
    assert len(a.calls) == 1


def test_a_limit_that_is_used_up_is_kept_to_the_second_and_told_to_all_who_come() -> None:
    def used_up(_: int) -> None:
        raise LimitReached("the quota 20/h of transport a is used up", 3_660)

    clock = Hand()
    a = Way(used_up)
    transport = pool(clock, a=(a, 1))
    for passed in (0, 1, 58):
        clock.now += passed
        with pytest.raises(LimitReached, match=r"\Athe quota 20/h of transport a") as caught:
            send(transport, mails(30))
        assert caught.value.wait == 3_660 - clock.now
    assert len(a.calls) == 1
    # Each minute it is asked again: others may have given places back.
    clock.now += 1
    a.mood = lambda _: None
    send(transport, mails(30))
    # It was never sick: there is no message on trial.
    assert a.calls == [30, 30]


def test_a_limit_of_one_leaves_the_mail_to_the_others_until_it_is_over() -> None:
    def used_up(_: int) -> None:
        raise LimitReached("the quota 20/h of transport a is used up", 3_660)

    clock = Hand()
    a, b = Way(used_up), Way()
    transport = pool(clock, a=(a, 1), b=(b, 1))
    send(transport, mails(20))
    b.mood = down
    # The other one may be back at any moment: that is looked after, not waited for.
    with pytest.raises(TransportDown, match="b: nobody answers; the quota 20/h") as caught:
        send(transport, mails(20, first=21))
    assert not isinstance(caught.value, TransportBusy)
    assert sorted(b.got) == list(range(1, 21))
    clock.now += 3_660
    a.mood = lambda _: None
    send(transport, mails(20, first=41))
    assert a.got


def test_when_all_are_down_nothing_is_told_and_the_reasons_are_named() -> None:
    a, b = Way(down), Way(down)
    notes = Notes()
    with pytest.raises(TransportDown, match=r"a: nobody answers; b: nobody answers"):
        asyncio.run(pool(a=(a, 1), b=(b, 1)).deliver(mails(30), notes))
    assert (notes.begun, notes.outcomes) == ([], {})


def test_when_all_rest_each_is_tried_all_the_same_with_one_message() -> None:
    a, b = Way(down), Way(down)
    transport = pool(a=(a, 1), b=(b, 1))
    for _ in range(2):
        with pytest.raises(TransportDown):
            send(transport, mails(30))
    assert (a.calls[1:], b.calls[1:]) == ([1], [1])
    b.mood = lambda _: None
    send(transport, mails(30))
    assert len(b.got) == 30, "whoever is well again sends everything"


def test_a_stand_in_sends_only_when_the_others_are_sick() -> None:
    clock = Hand()
    a, spare = Way(), Way()
    transport = pool(clock, a=(a, 1), spare=(spare, 0))
    send(transport, mails(10))
    assert spare.got == []
    a.mood = down
    send(transport, mails(10, first=11))
    assert spare.got == list(range(11, 21))
    a.mood = lambda _: None
    clock.now += 7
    send(transport, mails(10, first=21))
    assert a.got == [*range(1, 11), *range(21, 31)]


def test_a_slow_one_holds_nobody_back() -> None:
    """The slow one goes on only when the other has sent all that could be taken from it."""
    slow, quick = Way(), Way()
    transport = pool(slow=(slow, 1), quick=(quick, 1), patience=0.05)

    async def run() -> Notes:
        slow.gate, notes = asyncio.Event(), Notes()
        sending = asyncio.create_task(transport.deliver(mails(100), notes))
        await quick.has(90)
        slow.gate.set()
        await sending
        return notes

    notes = asyncio.run(run())
    assert len(notes.outcomes) == 100
    assert len(slow.got) == 10, "the one portion it had in hand"
    assert not set(slow.got) & set(quick.got)


def test_a_share_is_not_taken_from_one_that_keeps_up() -> None:
    a, b = Way(), Way()
    send(pool(a=(a, 1), b=(b, 9)), mails(100))
    assert (len(a.got), len(b.got)) == (10, 90)


def test_the_chosen_one_goes_first_and_the_others_stand_in_for_it() -> None:
    a, b = Way(), Way()
    transport = pool(a=(a, 9), b=(b, 1))
    send(transport, mails(20, via="b"))
    assert (len(a.got), len(b.got)) == (0, 20)
    b.mood = down
    send(transport, mails(20, via="b", first=21))
    assert a.got == list(range(21, 41))


def test_a_choice_is_kept_though_the_chosen_one_is_slow() -> None:
    slow, quick = Way(), Way()
    transport = pool(slow=(slow, 1), quick=(quick, 1), patience=0.0)

    async def run() -> None:
        slow.gate = asyncio.Event()
        messages = [*mails(40, via="slow"), *mails(10, via="quick", first=41)]
        sending = asyncio.create_task(transport.deliver(messages, Notes()))
        await quick.has(10)
        slow.gate.set()
        await sending

    asyncio.run(run())
    assert sorted(slow.got) == list(range(1, 41))


def test_what_may_go_by_one_alone_waits_for_it_and_the_rest_goes() -> None:
    a, b = Way(), Way(down)
    notes = Notes()
    messages = [*mails(5, via="b", via_only=True), *mails(5, first=6)]
    with pytest.raises(TransportDown, match="b: nobody answers"):
        asyncio.run(pool(a=(a, 1), b=(b, 1)).deliver(messages, notes))
    assert sorted(a.got) == [6, 7, 8, 9, 10]
    assert set(notes.begun) == set(a.got)


def test_a_server_is_named_once_where_its_transport_is_called_as_it_is() -> None:
    def refused(_: int) -> None:
        raise TransportDown("mx:587: refuses our login")

    with pytest.raises(TransportDown) as told:
        send(pool(mx=(Way(refused), 1)), mails(1))
    assert str(told.value) == "mx:587: refuses our login"
    with pytest.raises(TransportDown) as told:
        send(pool(one=(Way(refused), 1)), mails(1))
    assert str(told.value) == "one: mx:587: refuses our login"


@pytest.mark.parametrize("only", [False, True])
def test_a_chosen_one_that_there_is_not(*, only: bool) -> None:
    a = Way()
    transport = pool(a=(a, 1))
    if not only:
        send(transport, mails(3, via="pigeon"))
        assert len(a.got) == 3
        return
    with pytest.raises(TransportDown, match="no transport named 'pigeon'"):
        send(transport, mails(3, via="pigeon", via_only=True))
    assert a.calls == []


def test_a_message_that_may_not_be_made_says_nothing_of_the_transport() -> None:
    def lost(_: bool) -> bytes:
        raise Withheld("another worker has it")

    a, b = Way(), Way()
    transport = pool(a=(a, 1), b=(b, 1))
    with pytest.raises(Withheld):
        send(transport, [Outgoing(n, "a@x.org", "r@x.org", lost) for n in range(1, 40)])
    assert (a.got, b.got) == ([], [])
    send(transport, mails(40))
    assert (len(a.got), len(b.got)) == (20, 20), "nobody was taken for sick"


def test_a_defect_in_one_transport_is_told_and_the_others_end_what_they_have() -> None:
    def breaks(_: int) -> None:
        raise ZeroDivisionError

    a, b = Way(breaks), Way()
    notes = Notes()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(pool(a=(a, 1), b=(b, 1)).deliver(mails(100), notes))
    assert set(notes.begun) == notes.outcomes.keys() == set(b.got)


def test_a_transport_that_says_nothing_of_its_messages_counts_as_down() -> None:
    class Mute(Way):
        @override
        async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
            self.calls.append(len(list(messages)))

    a, b = Mute(), Way()
    notes = send(pool(a=(a, 1), b=(b, 1)), mails(40))
    assert len(notes.outcomes) == len(b.got) == 40


def test_closing_closes_all() -> None:
    a, b = Way(), Way()
    asyncio.run(pool(a=(a, 1), b=(b, 0)).close())
    assert (a.closed, b.closed) == (True, True)


def test_a_transport_whose_words_begin_with_its_own_name_is_named_once() -> None:
    def refuses(_: int) -> None:
        raise TransportDown("127.0.0.1:2525: refuses our mail without a login")

    moods = {"127.0.0.1": refuses, "second": down, "third": refuses}
    transport = PoolTransport([Member(name, Way(mood)) for name, mood in moods.items()])
    with pytest.raises(TransportDown) as raised:
        send(transport, mails(5))
    words = "127.0.0.1:2525: refuses our mail without a login"
    assert sorted(str(raised.value).split("; ")) == [
        words,
        "second: nobody answers",
        f"third: {words}",
    ]


def test_a_limit_that_is_used_up_in_one_call_is_no_trouble_of_another_under_way() -> None:
    """As in a worker, which hands over two groups at a time."""
    reached = asyncio.Event()

    class Limited(Way):
        @override
        async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
            for message in messages:
                if message.delivery_id > 5:
                    reached.set()
                    raise LimitReached("the quota 5/d is used up", 600)
                await reached.wait()
                observer.started(message.delivery_id)
                observer.ended(message.delivery_id, ACCEPTED)

    async def both() -> tuple[BaseException | None, BaseException | None]:
        transport = pool(a=(Limited(), 1))
        return await asyncio.gather(
            transport.deliver(mails(5), Notes()),
            transport.deliver(mails(5, first=6), Notes()),
            return_exceptions=True,
        )

    for error in asyncio.run(both()):
        assert isinstance(error, LimitReached), error
        assert (str(error), error.wait) == ("the quota 5/d is used up", 600)
