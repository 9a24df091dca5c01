"""A mail server hands mail over: kept before it is answered, once, and never lost through us."""

import asyncio
import smtplib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import Refused
from alerts.inbound import serving
from alerts.inbound.gathering import Gathering
from alerts.inbound.models import InboundMail, MailState
from alerts.inbound.service import Intake
from alerts.inbound.serving import inbound_server
from alerts.inbound.storing import Arrival, Stored
from alerts.task_queue import Queue, RecordingTaskQueue, Task
from tests.functional.installation import free_port

MAIL = b"From: ama@there.example\r\nSubject: unsubscribe\r\n\r\nPlease.\r\n"
TO = ["leave@alerts.example"]


class Door:
    """An intake, and clients of both kinds before it."""

    def __init__(self, database: Database, clock: FixedClock, stack: ExitStack) -> None:
        self.queue = RecordingTaskQueue()
        self.database = database
        intake = Intake(database, self.queue, clock, keep=None)
        self.port, lmtp_port = free_port(), free_port()
        stack.enter_context(inbound_server(intake, host="127.0.0.1", port=self.port, lmtp=False))
        stack.enter_context(inbound_server(intake, host="127.0.0.1", port=lmtp_port, lmtp=True))
        self.smtp = stack.enter_context(smtplib.SMTP("127.0.0.1", self.port, timeout=60))
        self.lmtp = stack.enter_context(smtplib.LMTP("127.0.0.1", lmtp_port))

    def mails(self) -> list[InboundMail]:
        with self.database.read() as session:
            return list(session.scalars(select(InboundMail).order_by(InboundMail.id)))


@pytest.fixture
def door(database: Database, clock: FixedClock) -> Iterator[Door]:
    """Return an intake that takes mail in over SMTP and LMTP."""
    with ExitStack() as stack:
        yield Door(database, clock, stack)


def test_mail_is_kept_as_it_came_and_handed_on(door: Door) -> None:
    assert door.smtp.sendmail("ama@there.example", TO, MAIL) == {}
    [mail] = door.mails()
    assert (mail.raw, mail.way, mail.state) == (MAIL, "smtp", MailState.NEW)
    assert (mail.envelope_from, mail.envelope_to) == ("ama@there.example", TO[0])
    assert door.queue.enqueued == [(Task.READ_MAIL, (mail.id,), Queue.INBOUND)]


def test_the_same_mail_by_both_ways_is_one(door: Door) -> None:
    door.lmtp.sendmail("", TO, MAIL)
    door.smtp.sendmail("", TO, MAIL)
    [mail] = door.mails()
    assert (mail.way, mail.envelope_from) == ("lmtp", "")
    assert len(door.queue.enqueued) == 1


def test_lmtp_takes_one_recipient_at_a_time(door: Door) -> None:
    refused = door.lmtp.sendmail("", [*TO, "other@alerts.example"], MAIL)
    assert refused == {"other@alerts.example": (452, b"4.5.3 one recipient at a time")}
    assert [mail.envelope_to for mail in door.mails()] == TO


def test_mail_that_is_too_large_is_refused_for_good(
    database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "LARGEST_MAIL", 10_000)
    with ExitStack() as stack:
        door = Door(database, clock, stack)
        with pytest.raises(smtplib.SMTPSenderRefused) as announced:
            door.smtp.sendmail("", TO, MAIL + b"x" * 10_000)
        assert announced.value.smtp_code == 552
        door.smtp.rset()
        door.smtp.mail("")
        door.smtp.rcpt(TO[0])
        assert door.smtp.data(MAIL + b"x\r\n" * 5_000)[0] == 552
        assert door.mails() == []


def test_while_nothing_can_be_stored_the_sender_keeps_the_mail(
    tmp_path: Path, clock: FixedClock
) -> None:
    without_tables = Database(f"sqlite:///{tmp_path / 'none.db'}")
    with ExitStack() as stack:
        stack.callback(without_tables.dispose)
        door = Door(without_tables, clock, stack)
        with pytest.raises(smtplib.SMTPDataError) as error:
            door.smtp.sendmail("", TO, MAIL)
        assert error.value.smtp_code == 451
        assert door.queue.enqueued == []


def test_a_port_that_is_taken_is_said_in_one_line(door: Door, clock: FixedClock) -> None:
    again = Intake(door.database, door.queue, clock, keep=None)
    with (
        pytest.raises(Refused, match=rf"at 127.0.0.1:{door.port} \(SMTP\): .*; set ALERTS_INB"),
        inbound_server(again, host="127.0.0.1", port=door.port, lmtp=False),
    ):
        pass


def test_mails_that_come_at_once_are_stored_together_and_each_is_answered(door: Door) -> None:
    def bring(number: int) -> str:
        with smtplib.SMTP("127.0.0.1", door.port, timeout=60) as client:
            client.ehlo()
            client.mail("")
            client.rcpt(TO[0])
            return client.data(MAIL + b"%d\r\n" % (number % 30))[1].decode()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(bring, range(40)))
    mails = door.mails()
    assert len(mails) == 30
    # Those that came twice are told the number of the first.
    assert {f"2.0.0 stored as {mail.id}" for mail in mails} == set(answers)
    told = [number for _, ids, _ in door.queue.enqueued for number in ids]
    assert sorted(told) == [mail.id for mail in mails]


def test_one_that_cannot_be_stored_spoils_it_for_no_other(database: Database) -> None:
    calls: list[int] = []

    def take_in(arrivals: list[Arrival]) -> list[Stored]:
        calls.append(len(arrivals))
        if any(one.raw == b"bad" for one in arrivals):
            raise ValueError(len(arrivals))
        return [Stored(int(one.raw), is_new=True) for one in arrivals]

    async def bring() -> list[Stored | BaseException]:
        gathering = Gathering(take_in)
        raws = [b"1", b"2", b"bad", b"4"]
        return await asyncio.gather(
            *(gathering.store(Arrival(raw, "test")) for raw in raws), return_exceptions=True
        )

    first, second, bad, last = asyncio.run(bring())
    assert [first, second, last] == [Stored(n, is_new=True) for n in (1, 2, 4)]
    assert isinstance(bad, ValueError)
    assert calls == [4, 1, 1, 1, 1]


def test_a_header_of_a_megabyte_and_eight_bits_in_it_are_taken(door: Door) -> None:
    raw = b"Subject: \xff\xfe\r\nX-Long: " + b"a" * 1_000_000 + b"\r\n\r\n" + b"b" * 3_000_000
    assert door.smtp.sendmail("", TO, raw) == {}
    assert door.mails()[0].size == len(raw) + 2
