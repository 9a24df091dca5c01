"""What is mailed because of a mail: help to who asked, and readers' replies to an editor."""

import asyncio
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.outcome import Fate, Outcome
from alerts.inbound.answering import answer_mail
from alerts.inbound.models import Owed
from alerts.inbound.reading.parts import LARGEST
from alerts.task_queue import Task
from tests.data.delivery.house import ScriptedTransport
from tests.data.inbound.room import Room
from tests.factories import RENDERER

EDITOR = "editor@newsroom.example"
REPLY = b"From: Ama <ama@example.org>\r\nSubject: Re: the Nile\r\n\r\nIs there more?\r\n"


@pytest.fixture
def room(database: Database, clock: FixedClock, tmp_path: Path) -> Room:
    return Room(database, clock, tmp_path, replies_to=EDITOR)


def answered(room: Room, mail_id: int, *answers: Outcome) -> tuple[bool, list[EmailMessage]]:
    """Send what is owed; return whether it went, and the messages."""
    transport = ScriptedTransport(room.database)
    for name in ("editor", "ama"):
        transport.answers[name] = list(answers)
    sent = asyncio.run(
        answer_mail(room.desk, mail_id, renderer=RENDERER, transport=transport, signer=None)
    )
    return sent, [message_from_bytes(raw, policy=policy.default) for _, raw in transport.mails]


def test_a_reply_reaches_the_editor_as_it_came(room: Room) -> None:
    mail, [to_do] = room.arrives(REPLY, sender="ama@example.org")
    assert (to_do.task, mail.owed) == (Task.ANSWER_MAIL, Owed.FORWARD)
    sent, [message] = answered(room, mail.id)
    assert sent
    assert (message["To"], message["Reply-To"]) == (EDITOR, "ama@example.org")
    assert (message["Subject"], message["Auto-Submitted"]) == (
        "Reply: Re: the Nile",
        "auto-generated",
    )
    [_, attached] = message.iter_parts()
    assert attached.get_content().as_bytes(policy=policy.SMTP) == REPLY
    # What was sent is owed no more.
    assert (room.mail(mail.id).owed, answered(room, mail.id)) == (None, (False, []))


def test_of_a_reply_that_few_servers_take_the_beginning_is_sent_on(room: Room) -> None:
    raw = REPLY + (b"x" * 70 + b"\r\n") * (20 * 1024 * 1024 // 72)
    mail, _ = room.arrives(raw, sender="ama@example.org")
    sent, [message] = answered(room, mail.id)
    assert sent
    [note, attached] = message.iter_parts()
    assert f"alerts inbound show {mail.id} --raw" in note.get_content()
    assert len(attached.as_bytes()) < LARGEST + 100_000


def test_a_reply_that_the_editors_server_refuses_is_told_at_the_desk(room: Room) -> None:
    mail, _ = room.arrives(REPLY, sender="ama@example.org")
    sent, _ = answered(room, mail.id, Outcome(Fate.PERMANENT, 552, "5.3.4 too large"))
    assert not sent
    stands = room.mail(mail.id)
    assert stands.owed is None
    assert stands.note == f"a reply: forwarded to {EDITOR}; it was refused: 5.3.4"


def test_a_reply_that_is_refused_for_now_is_owed_still(room: Room) -> None:
    mail, _ = room.arrives(REPLY, sender="ama@example.org")
    sent, _ = answered(room, mail.id, Outcome(Fate.TEMPORARY, 451, "4.3.0 later"))
    assert (sent, room.mail(mail.id).owed) == (False, Owed.FORWARD)
    assert answered(room, mail.id)[0]


def test_help_is_one_mail_that_no_machine_answers(room: Room) -> None:
    raw = b"From: ama@example.org\r\nMessage-ID: <q@example.org>\r\nSubject: help\r\n\r\n"
    mail, _ = room.arrives(raw, sender="ama@example.org")
    assert mail.owed is Owed.HELP
    sent, [message] = answered(room, mail.id)
    assert (sent, message["To"]) == (True, "ama@example.org")
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["In-Reply-To"] == "<q@example.org>"
