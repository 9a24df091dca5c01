"""What a person wrote to us is in what they take away; what somebody else wrote is not."""

from pathlib import Path
from typing import Any

import pytest

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.person import personal_csv
from alerts.inbound.erasing import erase_person
from alerts.inbound.person import personal_data
from tests.data.inbound.room import KEYS, Room, complaint, dsn

AMA = "ama@example.org"


@pytest.fixture
def early(database: Database, clock: FixedClock, tmp_path: Path) -> Room:
    """Return the house before it has any reader."""
    return Room(database, clock, tmp_path)


@pytest.fixture
def room(early: Room) -> Room:
    early.send_to("ama", "kofi")
    return early


def written(sender: str, subject: str, text: str, **headers: str) -> bytes:
    """Return a mail as a person's program writes it."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return (
        f"From: {sender}\r\nTo: alerts@news.example.org\r\nSubject: {subject}\r\n"
        f"Date: Mon, 30 Nov 2026 08:00:00 +0000\r\n{more}\r\n{text}\r\n"
    ).encode()


def mails_of(room: Room, name: str) -> list[dict[str, Any]]:
    reader = room.reader(name)
    with room.database.read() as session:
        document = personal_data(session, session.merge(reader))
    # It is all that is kept, not the mails alone.
    assert document["email"] == reader.email
    assert document["deliveries"]
    found: list[dict[str, Any]] = document["mails"]
    return found


def test_replies_and_commands_are_in_it_with_their_text(room: Room) -> None:
    reply = written(
        f"Ama Boateng <{AMA.upper()}>", "=?utf-8?q?Re=3A_K=C3=B6ln?=", "Thank you.\r\n> quoted"
    )
    room.arrives(reply, to=["alerts@news.example.org"], sender=AMA)
    room.arrives(written(AMA, "help", "help"), to=["alerts@news.example.org"], sender=AMA)
    away = written(AMA, "Away", "Back on Monday.", Auto_Submitted="auto-replied")
    room.arrives(away, to=["alerts@news.example.org"])
    first, second, third = mails_of(room, "ama")
    assert (first["kind"], first["way"], first["is_whole"]) == ("reply", "test", True)
    assert (first["subject"], first["text"]) == ("Re: Köln", "Thank you.\n> quoted")
    assert first["from"].startswith("Ama Boateng <")
    assert first["date"] == "Mon, 30 Nov 2026 08:00:00 +0000"
    assert first["octets"] == len(reply)
    assert (second["kind"], second["text"]) == ("command", "help")
    assert (third["kind"], third["text"]) == ("auto-reply", "Back on Monday.")
    assert mails_of(room, "kofi") == []


def test_of_a_mail_from_another_address_only_the_facts_are_told(room: Room) -> None:
    """A message that was forwarded, and whose new reader answers it: their words are not hers."""
    answer = written("boss@elsewhere.example", "Re: Alert", "My secret thoughts.")
    room.arrives(answer, to=[room.path_of("ama")], sender="boss@elsewhere.example")
    [one] = mails_of(room, "ama")
    assert one["kind"] == "reply"
    assert set(one) == {"at", "way", "kind", "note", "octets"}
    assert "secret" not in str(one)
    assert "boss" not in str(one)


def test_what_machines_told_of_several_people_is_not_in_it(room: Room) -> None:
    room.arrives(dsn(AMA), to=[room.path_of("ama")])
    room.arrives(complaint(original_to=AMA), to=[room.path_of("ama")])
    assert mails_of(room, "ama") == []


def test_what_was_written_before_somebody_was_a_reader_is_theirs(early: Room) -> None:
    for who in (AMA, "li.ama@example.org"):
        early.arrives(written(who, "Hello", f"From {who}"), to=["a@b.example"], sender=who.upper())
    early.send_to("ama")
    assert [one["text"] for one in mails_of(early, "ama")] == [f"From {AMA}"]


def test_a_flood_of_text_is_cut_and_said_to_be(room: Room) -> None:
    room.arrives(written(AMA, "Long", "x" * 150_000), to=["a@b.example"], sender=AMA)
    [one] = mails_of(room, "ama")
    assert (len(one["text"]), one["is_whole"]) == (100_000, False)


@pytest.mark.parametrize("raw", [b"", b"\0\xff", b"From: ama@example.org\r\n", b"\r\n\r\nx"])
def test_a_broken_mail_keeps_nobody_from_their_data(room: Room, raw: bytes) -> None:
    room.arrives(raw, to=[room.path_of("ama")], sender=AMA)
    for one in mails_of(room, "ama"):
        assert one["octets"] == len(raw)


def test_the_table_has_them_and_no_formula_in_them(room: Room) -> None:
    room.arrives(written(AMA, "=1+1", "=cmd()"), to=["a@b.example"], sender=AMA)
    with room.database.read() as session:
        table = personal_csv(personal_data(session, session.merge(room.reader("ama"))))
    assert "mail 1,subject,'=1+1" in table
    assert "mail 1,text,'=cmd()" in table


def test_erasing_takes_them_as_well(room: Room) -> None:
    room.arrives(written(AMA, "Re", "Thank you."), to=["a@b.example"], sender=AMA)
    ama = room.reader("ama")
    with room.database.transaction() as session:
        erase_person(session, session.merge(ama), keys=KEYS, way="test", clock=room.clock)
    with room.database.read() as session:
        assert personal_data(session, ama)["mails"] == []
