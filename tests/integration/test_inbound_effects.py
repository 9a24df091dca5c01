"""Bounces and complaints: whose they are, what they change, and what they do not."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.messages import IssueMessages
from alerts.delivery.models import DeliveryState
from alerts.delivery.reporting import report
from alerts.delivery.returned import Returned
from alerts.inbound.erasing import erase_person
from alerts.inbound.models import InboundMail, MailState
from alerts.inbound.storing import Arrival, again, store_mail
from alerts.inbound.working import work_off
from alerts.newsletters.issues import get_issue
from alerts.subscribers.exclusion import changes_of, lift
from alerts.subscribers.models import ConsentAction, ConsentRecord, Subscriber, SubscriberState
from tests.data.inbound.room import BOUNCES, KEYS, Room, complaint, dsn
from tests.factories import SETTINGS

POLICY = "550 5.7.1 message refused: spam"
FULL = "452 4.2.2 mailbox full"


@pytest.fixture
def room(database: Database, clock: FixedClock, tmp_path: Path) -> Room:
    return Room(database, clock, tmp_path)


def message_id(room: Room, name: str) -> str:
    with room.database.read() as session:
        messages = IssueMessages.load(session, room.house.issue_id, sender=SETTINGS.sender)
    return messages.message_id(room.delivery(name).id)


def figures(room: Room) -> tuple[int, int]:
    with room.database.read() as session:
        found = report(session, get_issue(session, room.house.issue_id), now=room.clock.now())
    return found["bounced"], found["complained"]


def test_every_message_has_an_envelope_sender_of_its_own(room: Room) -> None:
    room.send_to("ama", "kofi")
    assert room.house.transport.senders == {
        "ama": room.path_of("ama"),
        "kofi": room.path_of("kofi"),
    }
    assert room.path_of("ama") != room.path_of("kofi")


def test_a_hard_bounce_suppresses_the_reader_of_its_return_path(room: Room) -> None:
    room.send_to("ama", "kofi")
    # It was forwarded: the address that failed is not the one that we know.
    mail, to_do = room.arrives(dsn("ama@elsewhere.example"), to=[room.path_of("ama")])
    assert (mail.state, mail.kind, to_do) == (MailState.DONE, "bounce", [])
    assert "hard bounce 5.1.1: suppressed (by its return path)" in mail.note
    assert room.reader("ama").state is SubscriberState.SUPPRESSED
    assert room.reader("kofi").state is SubscriberState.CONFIRMED
    [event] = room.events()
    assert (event.kind, event.code, event.domain) == (Returned.HARD, "5.1.1", "elsewhere.example")
    assert event.delivery_id == room.delivery("ama").id
    assert event.newsletter == "gp-alert"
    assert "@" not in event.diagnostic
    assert "no such user here" in event.diagnostic
    assert room.delivery("ama").state is DeliveryState.SENT
    assert figures(room) == (1, 0)
    with room.database.read() as session:
        [change] = changes_of(session, "ama@example.org", keys=KEYS)
    assert (change.reason, change.way) == ("hard bounce 5.1.1", "inbound mail")


def test_the_return_path_is_found_in_the_header_where_there_is_no_envelope(room: Room) -> None:
    room.send_to("ama")
    mail, _ = room.arrives(dsn("ama@example.org", to=room.path_of("ama")), sender=None)
    assert "by its return path" in mail.note
    assert room.reader("ama").state is SubscriberState.SUPPRESSED


def test_without_a_return_path_the_message_id_says_whose_it_is(room: Room) -> None:
    room.send_to("ama")
    mail, _ = room.arrives(dsn("x@elsewhere.example", message_id=message_id(room, "ama")))
    assert "by its Message-ID" in mail.note
    assert room.reader("ama").state is SubscriberState.SUPPRESSED


def test_at_last_the_address_says_it_if_something_went_there_lately(room: Room) -> None:
    room.send_to("ama", "kofi")
    mail, _ = room.arrives(dsn("Ama@Example.org"))
    assert "by its address" in mail.note
    assert room.reader("ama").state is SubscriberState.SUPPRESSED
    room.clock.advance(timedelta(days=31))
    mail, _ = room.arrives(dsn("kofi@example.org"))
    assert "nothing of ours went lately; nothing was changed" in mail.note
    assert room.reader("kofi").state is SubscriberState.CONFIRMED


def test_what_is_forged_or_unknown_changes_nothing(room: Room) -> None:
    room.send_to("ama", "kofi")
    number, forged = room.delivery("ama").id, message_id(room, "ama")
    stamp, rest = forged.split(".", 1)
    wrong = [
        # Another's check, under a number that exists; the address in it is a reader's.
        (dsn("ama@example.org"), [room.path_of("kofi").replace("+", "+1")]),
        (dsn("ama@example.org", serial=1), [f"bounces+{number}.aaaaaaaaaaaa@bounce.example.org"]),
        (dsn("nobody@example.org"), [BOUNCES]),
        (dsn("x@y.example", message_id=f"0{stamp}.{rest}"), []),
        (dsn("x@y.example", message_id=forged.replace("news.", "olds.")), []),
        (complaint(message_id="1.2.3@news.example.org"), []),
    ]
    for raw, to in wrong:
        mail, to_do = room.arrives(raw, to=to)
        assert mail.state is MailState.DONE
        assert mail.note.endswith("nothing was changed")
        assert to_do == []
    assert room.events() == []
    for name in ("ama", "kofi"):
        assert room.reader(name).state is SubscriberState.CONFIRMED


def test_a_delivery_that_was_never_tried_cannot_come_back(room: Room) -> None:
    room.house.send_to("ama")
    mail, _ = room.arrives(dsn("ama@example.org"), to=[room.path_of("ama")])
    assert "was sent; nothing was changed" in mail.note
    assert room.reader("ama").state is SubscriberState.CONFIRMED


def test_the_same_mail_twice_is_one_and_again_does_nothing_twice(room: Room) -> None:
    room.send_to("ama")
    raw, to = dsn("ama@example.org"), [room.path_of("ama")]
    first, _ = room.arrives(raw, to=to)
    second, to_do = room.arrives(raw, to=to)
    assert (first.id, to_do) == (second.id, [])
    with room.database.transaction() as session:
        again(session, first.id, clock=room.clock)
    work_off(room.desk, first.id)
    assert "suppressed already" in room.mail(first.id).note
    assert len(room.events()) == 1
    # Another report on the same message counts once in the books.
    room.arrives(dsn("ama@example.org", serial=2), to=to)
    assert len(room.events()) == 2
    assert figures(room) == (1, 0)


def test_policy_is_about_us(room: Room) -> None:
    room.send_to("ama", "kofi")
    for name in ("ama", "kofi"):
        raw = dsn(f"{name}@example.org", status="5.7.1", said=POLICY)
        room.arrives(raw, to=[room.path_of(name)])
        assert room.reader(name).state is SubscriberState.CONFIRMED
    with room.database.read() as session:
        attention = get_issue(session, room.house.issue_id).attention
    assert attention
    assert attention.startswith("refused by policy after it was accepted: 2 (example.org 2);")
    assert figures(room) == (2, 0)


def test_a_delay_changes_nothing(room: Room) -> None:
    room.send_to("ama")
    raw = dsn("ama@example.org", status="4.4.1", said="timed out", action="delayed")
    mail, _ = room.arrives(raw, to=[room.path_of("ama")])
    assert (mail.kind, room.events()) == ("delay", [])
    assert room.reader("ama").state is SubscriberState.CONFIRMED


def _next_issue(room: Room) -> None:
    room.clock.advance(timedelta(days=1))
    room.send_next()


def _bounces_softly(room: Room, serial: int) -> str:
    raw = dsn("ama@example.org", status="4.2.2", said=FULL, serial=serial)
    mail, _ = room.arrives(raw, to=[room.path_of("ama")])
    return mail.note


def test_soft_bounces_suppress_when_they_go_on_for_days(room: Room) -> None:
    room.send_to("ama", "kofi")
    for day in range(4):
        assert _bounces_softly(room, day).startswith("soft bounce 4.2.2: counted")
        assert room.reader("ama").state is SubscriberState.CONFIRMED
        _next_issue(room)
    # The fifth is about the fifth mail; another report on the fourth would be none.
    assert _bounces_softly(room, 5).startswith("soft bounce 4.2.2, for many days: suppressed")
    assert room.reader("ama").state is SubscriberState.SUPPRESSED
    assert room.reader("kofi").state is SubscriberState.CONFIRMED


def test_one_mail_that_arrived_among_them_begins_the_run_anew(room: Room) -> None:
    room.send_to("ama")
    for day in range(7):
        if day != 3:
            assert "counted" in _bounces_softly(room, day)
        _next_issue(room)
    assert room.reader("ama").state is SubscriberState.CONFIRMED


def test_many_reports_on_one_mail_are_one_bounce(room: Room) -> None:
    room.send_to("ama")
    for serial in range(7):
        assert "counted" in _bounces_softly(room, serial)
        room.clock.advance(timedelta(days=1))
    assert room.reader("ama").state is SubscriberState.CONFIRMED


def test_a_complaint_ends_everything_and_the_withdrawal_is_on_record(room: Room) -> None:
    room.send_to("ama", "kofi")
    mail, _ = room.arrives(complaint(message_id=message_id(room, "ama")))
    assert "complaint: suppressed" in mail.note
    ama = room.reader("ama")
    assert ama.state is SubscriberState.SUPPRESSED
    assert all(one.ended_at for one in ama.subscriptions)
    with room.database.read() as session:
        [record] = session.scalars(
            select(ConsentRecord).where(ConsentRecord.subscriber_id == ama.id)
        ).all()
    assert (record.action, record.way) == (ConsentAction.WITHDRAWN, "complaint")
    assert record.issue_id == room.house.issue_id
    assert figures(room) == (0, 1)
    assert room.reader("kofi").state is SubscriberState.CONFIRMED
    with room.database.transaction() as session:
        lift(
            session, "ama@example.org", reason="she asked", keys=KEYS, way="test", clock=room.clock
        )
    # Lifted, she is no reader again before she says so herself.
    assert room.reader("ama").state is SubscriberState.UNSUBSCRIBED


def test_with_the_person_the_mails_about_them_go_and_the_counts_stay(room: Room) -> None:
    room.send_to("ama", "kofi")
    room.arrives(dsn("ama@example.org"), to=[room.path_of("ama")])
    with room.database.transaction() as session:
        subscriber = session.get_one(Subscriber, room.reader("ama").id)
        erase_person(session, subscriber, keys=KEYS, way="test", clock=room.clock)
    with room.database.read() as session:
        assert session.scalars(select(InboundMail.id)).all() == []
    [event] = room.events()
    assert event.subscriber_id is None
    assert figures(room) == (1, 0)


def test_a_mail_over_which_it_fails_is_left_to_a_person(room: Room) -> None:
    room.send_to("ama")
    with room.database.transaction() as session:
        session.add(
            InboundMail(
                digest="0" * 64,
                raw=dsn("ama@example.org"),
                size=1,
                received_at=room.clock.now(),
                way="test",
                state=MailState.NEW,
                attempts=5,
                note="attempt 5: a defect",
                expires_at=room.clock.now(),
            )
        )
    assert work_off(room.desk, 1) == []
    mail = room.mail(1)
    assert (mail.state, mail.note) == (
        MailState.FAILED,
        "given up after 5 attempts; attempt 5: a defect",
    )
    with room.database.transaction() as session:
        again(session, 1, clock=room.clock)
    work_off(room.desk, 1)
    assert room.mail(1).state is MailState.DONE
    assert room.reader("ama").state is SubscriberState.SUPPRESSED


def test_mails_of_one_task_are_worked_off_together_and_one_spoils_it_for_no_other(
    room: Room,
) -> None:
    room.send_to("ama", "kofi", "esi")
    with room.database.transaction() as session:
        stored = [
            store_mail(
                session,
                Arrival(dsn(f"{name}@example.org", serial=n), "test", "", (room.path_of(name),)),
                keep=None,
                clock=room.clock,
            )
            for n, name in enumerate(("ama", "kofi", "esi"))
        ]
    numbers = [one.mail_id for one in stored]
    with room.database.transaction() as session:
        # What the reader makes of it fits no column: a defect, for this one alone.
        session.get_one(InboundMail, numbers[1]).way = "postmark"
        session.get_one(InboundMail, numbers[1]).raw = b"no JSON at all"
    assert work_off(room.desk, *numbers, 999) == []
    mails = [room.mail(number) for number in numbers]
    assert [mail.state for mail in mails] == [MailState.DONE, MailState.NEW, MailState.DONE]
    assert "attempt 1" in mails[1].note
    assert {room.reader(name).state for name in ("ama", "esi")} == {SubscriberState.SUPPRESSED}
    assert len(room.events()) == 2
    for _ in range(5):
        work_off(room.desk, *numbers)
    assert room.mail(numbers[1]).state is MailState.FAILED


def test_a_worker_holds_few_large_mails_at_a_time(room: Room) -> None:
    room.send_to("ama")
    with room.database.transaction() as session:
        numbers = [
            store_mail(
                session,
                Arrival(b"From: a@b.example\r\nSubject: %d\r\n\r\n" % n + b"x" * 9_000_000, "test"),
                keep=None,
                clock=room.clock,
            ).mail_id
            for n in range(3)
        ]
    assert len(work_off(room.desk, *numbers)) == 0
    assert {room.mail(number).state for number in numbers} == {MailState.DONE}
