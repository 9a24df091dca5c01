"""The pipelined dialogue with servers of every mood: each message ends once, none is lost."""

import asyncio
from collections import Counter

import pytest
from typing_extensions import override

from alerts.delivery.outcome import Fate
from alerts.delivery.transports.base import Outgoing, TransportBusy
from alerts.delivery.transports.smtp import SmtpServer, SmtpTransport
from tests.data.delivery.smtp_notes import CONTENT, Notes, attempt, hand_over, messages
from tests.data.delivery.smtp_server import ScriptedServer

OFFERS = [
    (),
    ("PIPELINING",),
    ("PIPELINING", "CHUNKING"),
    ("CHUNKING",),
    ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 100000", "DSN"),
]


@pytest.mark.parametrize("offers", OFFERS)
@pytest.mark.parametrize("bytewise", [False, True])
def test_a_kind_server_gets_all_of_them_as_they_are(
    offers: tuple[str, ...], bytewise: bool
) -> None:
    server = ScriptedServer(offers, bytewise=bytewise)
    notes = hand_over(server, messages(40), fast_loop=bytewise)
    assert notes.fates == {Fate.ACCEPTED: 40}
    assert {content for _, content in server.accepted} == {CONTENT}


def test_the_next_envelope_goes_out_with_the_end_of_the_last_message() -> None:
    server = ScriptedServer()
    hand_over(server, messages(10), SmtpServer("", 0, connections=1))
    ahead = SmtpServer("", 0, connections=1, in_step=True)
    in_step = ScriptedServer(offers=())
    hand_over(in_step, messages(10), ahead)
    assert Counter(line.partition(" ")[0] for line in server.commands) == Counter(
        line.partition(" ")[0] for line in in_step.commands
    )


@pytest.mark.parametrize("offers", OFFERS)
def test_each_refusal_ends_its_own_message(offers: tuple[str, ...]) -> None:
    def moody(stage: str, recipient: str, _count: int) -> str | None:
        number = int(recipient.partition("@")[0][1:]) if recipient else 0
        if stage == "rcpt" and number % 5 == 1:
            return "550 5.1.1 nobody"
        if stage == "rcpt" and number % 5 == 2:
            return "450 4.2.0 grey"
        if stage == "end" and number % 5 == 3:
            return "552 5.3.4 too large"
        if stage == "end" and number % 5 == 4:
            return "452 4.3.1 full"
        return ""

    notes = hand_over(ScriptedServer(offers, moody), messages(40))
    assert notes.fates == {Fate.ACCEPTED: 8, Fate.PERMANENT: 16, Fate.TEMPORARY: 16}
    assert {notes.outcomes[n].reason for n in (1, 2, 3, 4)} == {"5.1.1", "4.2.0", "5.3.4", "4.3.1"}
    # What was refused at RCPT was never begun.
    assert all(number % 5 not in {1, 2} for number in notes.begun)


def test_data_that_is_let_in_for_nobody_gets_a_lone_dot() -> None:
    def eager(stage: str, _recipient: str, _count: int) -> str | None:
        return {"rcpt": "550 5.1.1 nobody", "nobody": "354 go on"}.get(stage, "")

    notes = hand_over(ScriptedServer(answers=eager), messages(6))
    assert notes.fates == {Fate.PERMANENT: 6}


@pytest.mark.parametrize("offers", [("PIPELINING",), ("PIPELINING", "CHUNKING"), ()])
@pytest.mark.parametrize("stage", ["rcpt", "data", "mail", "end"])
def test_a_connection_that_is_closed_loses_nothing(offers: tuple[str, ...], stage: str) -> None:
    def fragile(at: str, _recipient: str, count: int) -> str | None:
        return "!" if at == stage and count % 7 == 3 else ""

    server = ScriptedServer(offers, fragile)
    notes = hand_over(server, messages(30))
    assert len(notes.outcomes) == 30
    if stage in {"mail", "rcpt"}:
        assert notes.fates[Fate.UNKNOWN] == 0
    assert notes.fates[Fate.ACCEPTED] >= 20


def test_accepting_and_closing_at_once_is_accepted() -> None:
    def curt(stage: str, _recipient: str, _count: int) -> str | None:
        return "250 2.0.0 queued!" if stage == "end" else ""

    notes = hand_over(ScriptedServer(answers=curt), messages(12))
    assert notes.fates == {Fate.ACCEPTED: 12}


def test_a_server_that_closes_after_some_messages_is_come_back_to() -> None:
    def tired(stage: str, _recipient: str, count: int) -> str | None:
        return "421 4.7.0 enough for now!" if stage == "mail" and count % 4 == 0 else ""

    notes = hand_over(ScriptedServer(answers=tired), messages(30))
    assert notes.fates == {Fate.ACCEPTED: 30}


def test_no_more_connections_are_kept_than_are_let_in() -> None:
    server = ScriptedServer(most_connections=2)
    notes = hand_over(server, messages(200), SmtpServer("", 0, connections=20))
    assert notes.fates == {Fate.ACCEPTED: 200}


@pytest.mark.parametrize("said", ["503 5.5.0 improper command pipelining", "554 synchronization"])
def test_a_server_that_refuses_pipelining_is_spoken_to_step_by_step(said: str) -> None:
    def strict(stage: str, _recipient: str, count: int) -> str | None:
        return said if stage == "data" and count == 1 else ""

    notes = hand_over(ScriptedServer(answers=strict), messages(20))
    assert notes.fates == {Fate.ACCEPTED: 20}


def test_a_server_that_drops_what_came_early_is_spoken_to_step_by_step() -> None:
    way = SmtpServer("", 0, connections=2, command_seconds=0.4)
    notes = hand_over(ScriptedServer(drops_ahead=True), messages(10), way)
    assert notes.fates[Fate.ACCEPTED] >= 8
    assert len(notes.outcomes) == 10


def test_silence_ends_a_message_and_not_the_others() -> None:
    def silent(stage: str, recipient: str, _count: int) -> str | None:
        return None if stage == "end" and recipient.startswith("r5@") else ""

    way = SmtpServer("", 0, connections=2, command_seconds=5, end_seconds=0.4)
    notes = hand_over(ScriptedServer(answers=silent), messages(12), way)
    assert notes.outcomes[5].fate is Fate.UNKNOWN
    assert notes.fates[Fate.ACCEPTED] == 11


def test_a_server_that_never_takes_anything_is_given_up() -> None:
    def closed(stage: str, _recipient: str, _count: int) -> str | None:
        return "!" if stage == "mail" else ""

    notes = hand_over(ScriptedServer(answers=closed), messages(10), down="closed the connection")
    assert notes.begun == Counter()


def test_who_refuses_the_sender_refuses_us() -> None:
    def refusing(stage: str, _recipient: str, _count: int) -> str | None:
        return "550 5.7.1 not you" if stage == "mail" else ""

    notes = hand_over(ScriptedServer(answers=refusing), messages(5), down="refuses our sender")
    assert notes.outcomes == {}


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("rcpt", "450 4.7.1 too many recipients from you"),
        ("rcpt", "454 Throttling failure: Maximum sending rate exceeded."),
        ("end", "452 4.3.1 Insufficient system storage"),
    ],
)
def test_who_has_enough_of_us_is_left_alone_before_all_readers_are_refused(
    stage: str, said: str
) -> None:
    def enough(at: str, recipient: str, _count: int) -> str | None:
        number = int(recipient.partition("@")[0].removeprefix("r") or 0)
        return said if at == stage and number > 10 else ""

    several = [
        m._replace(recipient=f"r{m.delivery_id}@d{m.delivery_id % 4}.org") for m in messages(100)
    ]
    notes, down = attempt(ScriptedServer(answers=enough), several)
    assert isinstance(down, TransportBusy)
    assert down.wait == 60
    assert "has enough of us: " + said in str(down)
    # Eight in a row are needed, and each connection has one under way.
    assert notes.fates[Fate.ACCEPTED] == 10
    assert 8 <= notes.fates[Fate.TEMPORARY] <= 8 + 3


def test_one_domain_that_has_enough_of_us_stops_nobody_else() -> None:
    def enough(at: str, recipient: str, _count: int) -> str | None:
        return (
            "450 4.7.1 too many messages"
            if at == "rcpt" and recipient.endswith("sick.example")
            else ""
        )

    first, others = messages(80)[:40], messages(80)[40:]
    sick = [m._replace(recipient=f"r{m.delivery_id}@sick.example") for m in first]
    mixed = [*sick, *others]
    notes = hand_over(ScriptedServer(answers=enough), mixed)
    assert notes.fates == {Fate.TEMPORARY: 40, Fate.ACCEPTED: 40}


def test_garbage_is_no_answer() -> None:
    def noisy(stage: str, _recipient: str, count: int) -> str | None:
        return "hello!" if stage == "end" and count == 2 else ""

    notes = hand_over(ScriptedServer(answers=noisy), messages(10))
    assert notes.fates == {Fate.ACCEPTED: 9, Fate.UNKNOWN: 1}


def test_a_failed_chunk_is_followed_by_rset() -> None:
    def full(stage: str, recipient: str, _count: int) -> str | None:
        return "452 4.3.1 full" if stage == "end" and recipient in {"r2@x.org", "r3@x.org"} else ""

    server = ScriptedServer(("PIPELINING", "CHUNKING"), full)
    notes = hand_over(server, messages(8), SmtpServer("", 0, connections=1))
    assert notes.fates == {Fate.ACCEPTED: 6, Fate.TEMPORARY: 2}
    assert "RSET" in server.commands
    assert "DATA" not in server.commands


def test_what_a_server_cannot_take_is_not_offered_to_it() -> None:
    eight = "Subject: x\r\n\r\nकेन्या\r\n".encode()
    server = ScriptedServer(("PIPELINING", "SIZE 2000"))
    outgoing = [
        Outgoing(1, "a@example.org", "अमित@x.org", lambda _: CONTENT),
        Outgoing(2, "a@example.org", "r2@x.org", lambda _: CONTENT),
        Outgoing(3, "a@example.org", "r3@x.org\r\nRCPT TO:<x@y.org>", lambda _: b"x\r\n"),
        Outgoing(4, "a@example.org", "r4@x.org", lambda _: b"Subject: x\r\n\r\nx\r\n"),
    ]
    notes = hand_over(server, outgoing)
    assert {n: o.reason for n, o in notes.outcomes.items()} == {
        1: "5.6.7",
        2: "5.3.4",
        3: "5.1.3",
        4: "2.0.0",
    }
    able = ScriptedServer(("PIPELINING", "8BITMIME", "SMTPUTF8"))
    hand_over(able, [Outgoing(1, "a@example.org", "r1@x.org", lambda may: eight if may else b"")])
    assert able.accepted == [("r1@x.org", eight)]
    assert any("BODY=8BITMIME" in command for command in able.commands)


def test_a_message_kept_back_at_the_last_moment_is_not_sent() -> None:
    class Careful(Notes):
        @override
        def started(self, delivery_id: int) -> None:
            if delivery_id == 3:
                raise OSError(28, "No space left on device")
            super().started(delivery_id)

    server = ScriptedServer()
    notes = Careful()

    async def work() -> None:
        async with server.running() as port:
            transport = SmtpTransport(SmtpServer("127.0.0.1", port, tls="off", connections=1))
            with pytest.raises(OSError, match="No space"):
                await transport.deliver(messages(6), notes)
            await transport.close()

    asyncio.run(work())
    assert [to for to, _ in server.accepted] == ["r1@x.org", "r2@x.org"]
    assert set(notes.outcomes) == {1, 2}
