"""Servers that break rules and connections: nobody is lost, nobody gets a message twice."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.delivery.outcome import Fate
from alerts.delivery.transports.base import TransportDown
from alerts.delivery.transports.smtp import SmtpServer, SmtpTransport
from tests.data.delivery.smtp_notes import Notes, attempt, check_against, hand_over, messages
from tests.data.delivery.smtp_server import Answers, ScriptedServer

ONE = SmtpServer("", 0, tls="off", connections=1)
ALL_OFFERS = [(), ("PIPELINING",), ("PIPELINING", "CHUNKING"), ("CHUNKING",)]
STAGES = ("greeting", "ehlo", "mail", "rcpt", "data", "end", "rset", "nobody", "quit")
ANSWERS = (
    "!",
    "421 4.7.0 not now!",
    "421-4.7.0 too many\r\n421 messages in this session!",
    "451 4.7.1 later",
    "550 5.7.1 no",
    "503 5.5.1 bad sequence",
    "554 5.5.0 improper command pipelining",
    "354 go on",
    "250 2.0.0 fine",
    "~250-2.0.0 quite\r\n250 fine",
    "250 2.0.0 fine!",
    "hello",
    "hello!",
    "250 fine\r\n421 4.4.2 that was all!",
)


@st.composite
def scripts(draw: st.DrawFn) -> Answers:
    """Some stages answer strangely, some times; afterwards the server is kind."""
    strange = st.dictionaries(st.integers(1, 12), st.sampled_from(ANSWERS), max_size=5)
    plan = draw(st.dictionaries(st.sampled_from(STAGES), strange, max_size=4))
    silent = draw(st.none() | st.tuples(st.sampled_from(STAGES), st.integers(1, 8)))

    def answer(stage: str, _recipient: str, count: int) -> str | None:
        return None if (stage, count) == silent else plan.get(stage, {}).get(count, "")

    return answer


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    answers=scripts(),
    offers=st.sampled_from(ALL_OFFERS),
    connections=st.integers(1, 3),
    in_step=st.booleans(),
    bytewise=st.booleans(),
    most=st.sampled_from([1, 2, 100]),
)
def test_whatever_a_server_does_the_books_add_up(
    answers: Answers,
    offers: tuple[str, ...],
    connections: int,
    *,
    in_step: bool,
    bytewise: bool,
    most: int,
) -> None:
    server = ScriptedServer(offers, answers, bytewise=bytewise, most_connections=most)
    way = SmtpServer(
        "",
        0,
        tls="off",
        connections=connections,
        in_step=in_step,
        command_seconds=0.25,
        end_seconds=0.25,
    )
    notes, _ = attempt(server, messages(9, b"Subject: x\r\n\r\n.x\r\n"), way)
    check_against(server, notes)


@pytest.mark.parametrize("offers", ALL_OFFERS)
@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "end", "rset"])
@pytest.mark.parametrize("extra", ["250 2.0.0 and more", "354 go on", "hello"])
def test_replies_nobody_asked_for_bring_nobody_a_second_copy(
    offers: tuple[str, ...], stage: str, extra: str
) -> None:
    usual = {"data": "354 go on"}.get(stage, "250 fine")

    def talkative(at: str, recipient: str, count: int) -> str | None:
        if at == "rcpt" and recipient == "r4@x.org":
            return "550 5.1.1 nobody"
        return f"{usual}\r\n{extra}" if at == stage and count == 2 else ""

    server = ScriptedServer(offers, talkative)
    notes, error = attempt(server, messages(12), ONE)
    assert error is None
    taken = Counter(to for to, _ in server.accepted)
    assert max(taken.values()) == 1
    assert notes.fates[Fate.ACCEPTED] + notes.fates[Fate.UNKNOWN] >= 9
    assert notes.outcomes[4].fate is not Fate.ACCEPTED


@pytest.mark.parametrize("offers", ALL_OFFERS)
def test_an_answer_that_comes_before_its_question_is_none(offers: tuple[str, ...]) -> None:
    # "354" or the recipient's "250", with the answer to a content that has not come yet.
    stage = "rcpt" if "CHUNKING" in offers else "data"
    usual = "250 fine" if stage == "rcpt" else "354 go on"

    def hasty(at: str, recipient: str, _count: int) -> str | None:
        if at == "end" and recipient == "r2@x.org":
            return "554 5.7.1 spam"
        return f"{usual}\r\n250 queued" if at == stage and recipient == "r2@x.org" else ""

    notes, error = attempt(ScriptedServer(offers, hasty), messages(5), ONE)
    assert error is None
    assert notes.outcomes[2].fate is Fate.UNKNOWN
    assert notes.fates == {Fate.ACCEPTED: 4, Fate.UNKNOWN: 1}


@pytest.mark.parametrize("offers", ALL_OFFERS)
@pytest.mark.parametrize("way", [ONE, SmtpServer("", 0, tls="off", connections=3)])
def test_a_message_that_breaks_every_connection_stops_nobody_else(
    offers: tuple[str, ...], way: SmtpServer
) -> None:
    def allergic(stage: str, recipient: str, _count: int) -> str | None:
        return "!" if stage == "rcpt" and recipient == "r3@x.org" else ""

    notes = hand_over(ScriptedServer(offers, allergic), messages(12), way)
    assert notes.outcomes[3].fate is Fate.TEMPORARY
    assert notes.fates == {Fate.ACCEPTED: 11, Fate.TEMPORARY: 1}


@pytest.mark.parametrize("offers", ALL_OFFERS)
def test_one_message_a_connection_is_enough(offers: tuple[str, ...]) -> None:
    def curt(stage: str, _recipient: str, _count: int) -> str | None:
        return "250 2.0.0 queued!" if stage == "end" else ""

    server = ScriptedServer(offers, curt)
    notes = hand_over(server, messages(30), SmtpServer("", 0, tls="off", connections=5))
    assert notes.fates == {Fate.ACCEPTED: 30}
    assert server.connections >= 30


def test_second_connections_that_are_cut_off_are_not_opened_for_ever() -> None:
    def slow(stage: str, _recipient: str, _count: int) -> str | None:
        return "~~250 2.0.0 queued" if stage == "end" else ""

    server = ScriptedServer(answers=slow, loyal=True)
    notes = hand_over(server, messages(12), SmtpServer("", 0, tls="off", connections=10))
    assert notes.fates == {Fate.ACCEPTED: 12}
    assert server.connections <= 4


def test_a_single_message_opens_a_single_connection() -> None:
    server = ScriptedServer()
    hand_over(server, messages(1), SmtpServer("", 0, tls="off", connections=20))
    assert server.connections == 1
    assert server.commands[-1] == "QUIT"


def test_an_envelope_sent_meanwhile_does_not_shorten_the_wait_for_the_end() -> None:
    def slow(stage: str, recipient: str, _count: int) -> str | None:
        return "~" * 40 + "250 queued" if stage == "end" and recipient == "r1@x.org" else ""

    server = ScriptedServer(answers=slow)
    notes = Notes()

    async def work() -> None:
        async with server.running() as port:
            way = SmtpServer("127.0.0.1", port, tls="off", connections=1, command_seconds=0.3)
            transport = SmtpTransport(way)
            first, second = messages(2)
            begun = asyncio.create_task(transport.deliver([first], notes))
            await notes.reached.wait()
            await transport.deliver([second], notes)
            await begun
            await transport.close()

    asyncio.run(work())
    assert notes.fates == {Fate.ACCEPTED: 2}
    assert server.connections == 1


def test_what_was_called_off_is_not_sent_behind_the_callers_back() -> None:
    notes = Notes()

    def slow(stage: str, recipient: str, _count: int) -> str | None:
        return "~~~~~250 queued" if stage == "end" and recipient == "r1@x.org" else ""

    server = ScriptedServer(answers=slow)

    async def work() -> None:
        async with server.running() as port:
            transport = SmtpTransport(SmtpServer("127.0.0.1", port, tls="off", connections=1))
            task = asyncio.create_task(transport.deliver(messages(5), notes))
            await notes.reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            after = Notes()
            await transport.deliver(messages(7)[5:], after)
            assert after.fates == {Fate.ACCEPTED: 2}
            await transport.close()

    asyncio.run(work())
    assert notes.begun == {1: 1}
    assert notes.outcomes[1].fate is Fate.ACCEPTED
    assert sorted(to for to, _ in server.accepted) == ["r1@x.org", "r6@x.org", "r7@x.org"]


def test_closing_ends_every_call() -> None:
    notes = Notes(until=3)

    def silent(stage: str, _recipient: str, count: int) -> str | None:
        return None if stage == "end" and count == 3 else ""

    async def work() -> None:
        async with ScriptedServer(answers=silent).running() as port:
            transport = SmtpTransport(SmtpServer("127.0.0.1", port, tls="off", connections=1))
            task = asyncio.create_task(transport.deliver(messages(9), notes))
            await notes.reached.wait()
            await transport.close()
            with pytest.raises(TransportDown, match="closed"):
                await task

    asyncio.run(work())
    assert notes.fates == {Fate.ACCEPTED: 2, Fate.UNKNOWN: 1}


def test_a_login_that_stalls_ends_the_call() -> None:
    def silent(stage: str, _recipient: str, _count: int) -> str | None:
        return None if stage == "ehlo" else ""

    way = replace(ONE, command_seconds=0.2)
    hand_over(ScriptedServer(answers=silent), messages(3), way, down="(?i)timed out")
