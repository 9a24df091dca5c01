"""Whoever is erased stands nowhere any more: every table is read through, every column."""

import io
import json
import shutil
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import MetaData, select

from alerts.clock import FixedClock
from alerts.database import Base, Database
from alerts.delivery.catcher import CatcherStore
from alerts.delivery.models import Delivery
from alerts.inbound.erasing import erase_everywhere
from alerts.inbound.models import InboundMail
from alerts.kept_answers import Answer, Keyed, keep_answer, take_key
from alerts.newsletters.service import offers
from alerts.subscribers.models import ConsentRecord
from alerts.subscribers.uploads.models import PieceKind, UploadState
from alerts.subscribers.uploads.pieces import read_pieces
from alerts.subscribers.uploads.service import get_upload, keep_upload, order_check, order_import
from alerts.subscribers.uploads.working import take_upload
from tests.data.inbound.room import BOUNCES, KEYS, Room, dsn

AMA, JOAMA, KOFI = "ama@example.org", "joama@example.org", "kofi@example.org"


@pytest.fixture
def room(database: Database, clock: FixedClock, tmp_path: Path) -> Room:
    return Room(database, clock, tmp_path)


def a_mail(sender: str, subject: str, text: str, **headers: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = f"Somebody <{sender}>", "alerts@x.example", subject
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail.as_bytes()


def everything(database: Database) -> dict[str, bytes]:
    """Return each table as one text: every row, every column, in small letters."""
    metadata = MetaData()
    metadata.reflect(database.engine)
    assert {table.name for table in Base.metadata.sorted_tables} <= set(metadata.tables)
    found = {}
    with database.engine.connect() as connection:
        for name, table in metadata.tables.items():
            rows = connection.execute(select(table)).all()
            cells = (cell for row in rows for cell in row if cell is not None)
            found[name] = b"\n".join(
                bytes(cell) if isinstance(cell, bytes | memoryview) else as_text(cell)
                for cell in cells
            ).lower()
    return found


def as_text(cell: object) -> bytes:
    return (json.dumps(cell) if isinstance(cell, dict | list) else str(cell)).encode()


def tables_with(database: Database, address: str) -> set[str]:
    return {name for name, text in everything(database).items() if address.encode() in text}


def taken_in(room: Room, content: bytes, *, is_done: bool = True) -> int:
    """Hand in a file of readers at the desk, and have it worked off."""
    upload = keep_upload(room.database, io.BytesIO(content), name="a.csv", by="x", clock=room.clock)
    for step in ("check", "import")[: 2 if is_done else 1]:
        with room.database.transaction() as session:
            kept = get_upload(session, upload.id)
            if step == "check":
                order_check(
                    kept,
                    mapping={"email": "email"},
                    newsletters=["gp-alert"],
                    confirmed=True,
                    consent="on paper",
                    clock=room.clock,
                )
            else:
                order_import(kept, clock=room.clock)
            offered = offers(session)
        take_upload(
            room.database, upload.id, offers=offered, suppression_keys=KEYS, clock=room.clock
        )
    return upload.id


def file_of(room: Room, upload_id: int, kind: PieceKind) -> bytes:
    return b"".join(read_pieces(room.database, upload_id, kind))


def test_an_erased_person_stands_nowhere(room: Room, tmp_path: Path) -> None:
    room.arrives(a_mail(AMA, "hello", "Before she was a reader."), sender=AMA)
    room.arrives(a_mail("x@example.net", "who", f"Is {AMA} a reader?"), sender="x@example.net")
    room.send_to("ama", "kofi", "joama")
    room.arrives(a_mail("Ama@Example.ORG", "Re: GP Alert", "I am Ama."), sender=AMA)
    away = {"Auto_Submitted": "auto-replied"}
    room.arrives(a_mail(AMA, "Out of office", "Back on Monday.", **away), to=[BOUNCES])
    room.arrives(a_mail(AMA, "preferences", "", X_Odd="ama@example.org"), to=["alerts@x.example"])
    room.arrives(dsn(AMA, action="delayed", status="4.4.1"), to=[room.path_of("ama")])
    # One report on two: the mail counts as the first one's, and tells of her too.
    hers = f"\r\nFinal-Recipient: rfc822; {AMA}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\n"
    both = dsn(KOFI).replace(
        b"\r\n--b\r\nContent-Type: text/r", hers.encode() + b"Content-Type: text/r"
    )
    told, _ = room.arrives(both, to=["alerts@news.example.org"])
    assert told.subscriber_id == room.reader("kofi").id
    whose = [room.reader(name).id for name in ("kofi", "ama")]
    assert [one.subscriber_id for one in room.events()] == whose
    done = taken_in(room, f"email\n{AMA}\n{JOAMA}\nnobody {AMA}\n".encode())
    utf_16 = f"email;name\n{AMA};Ama\n{JOAMA};Jo\n".encode("utf-16")
    waiting = taken_in(room, utf_16, is_done=False)
    # An address that begins in one piece of a file and ends in the next.
    long = b"email\n" + b"x" * ((1 << 20) - 10) + f"\n{AMA}\n".encode()
    split = taken_in(room, long, is_done=False)
    with room.database.transaction() as session:
        session.get_one(Delivery, room.delivery("ama").id).last_answer = f"250 2.1.5 <{AMA}> ok"
        keyed = Keyed("token:1", "a-key", "0" * 64)
        take_key(session, keyed, clock=room.clock)
        keep_answer(session, keyed, Answer(201, json.dumps({"email": AMA})))
    caught = CatcherStore(tmp_path)
    caught.add([("a@x.example", AMA, a_mail("a@x.example", "Confirm", "Please."))])
    caught.add([("a@x.example", "editor@x.example", a_mail(AMA, "Reply", f"From {AMA}"))])
    caught.add([("a@x.example", JOAMA, a_mail("a@x.example", "Confirm", f"Hello {JOAMA}"))])
    before = tables_with(room.database, AMA)
    assert before >= {
        "subscribers",
        "deliveries",
        "inbound_mails",
        "subscriber_uploads",
        "subscriber_upload_pieces",
        "kept_answers",
    }
    size = len(file_of(room, split, PieceKind.FILE))

    erase_everywhere(
        room.database,
        room.settings,
        room.reader("ama").id,
        way="test",
        clock=room.clock,
        caught=caught,
    )

    left = everything(room.database)
    # Somebody else's address contains hers; it stays, wherever it stands.
    wide, narrow = JOAMA.encode("utf-16-le"), JOAMA.encode()
    others = {name: text.replace(narrow, b"").replace(wide, b"") for name, text in left.items()}
    assert {name for name, text in others.items() if AMA.encode() in text} == set()
    assert {name for name, text in others.items() if AMA.encode("utf-16-le") in text} == set()
    assert JOAMA.encode() in left["subscribers"]
    assert JOAMA.encode() in file_of(room, done, PieceKind.REPORT)
    hidden = file_of(room, waiting, PieceKind.FILE)
    assert hidden.decode("utf-16") == f"email;name\n{'*' * len(AMA)};Ama\n{JOAMA};Jo\n"
    kept = file_of(room, split, PieceKind.FILE)
    assert (len(kept), kept[-len(AMA) - 2 :]) == (size, b"\n" + b"*" * len(AMA) + b"\n")
    assert [mail.recipient for mail in caught.newest(limit=10)] == [JOAMA]
    caught.close()
    # What is left is of other people: the one question that names nobody's address, kofi's bounce.
    with room.database.read() as session:
        assert session.scalars(select(InboundMail.envelope_from)).all() == []
        assert get_upload(session, waiting).state is UploadState.CHECKED
        assert (
            session.scalars(
                select(ConsentRecord.id).where(ConsentRecord.subscriber_id.is_(None))
            ).all()
            == []
        )


def test_no_file_of_sqlite_holds_an_erased_person(
    migrated_sqlite: Path, clock: FixedClock, tmp_path: Path
) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "alerts.db")
    room = Room(Database(f"sqlite:///{tmp_path / 'alerts.db'}"), clock, tmp_path)
    room.send_to("ama", "kofi")
    caught = CatcherStore(tmp_path)
    caught.add([("a@x.example", AMA, a_mail("a@x.example", "Confirm", f"Hello {AMA}"))])

    def found() -> set[str]:
        files = (path for path in tmp_path.rglob("*") if path.is_file())
        return {path.name for path in files if AMA.encode() in path.read_bytes()}

    assert found() & {"alerts.db", "alerts.db-wal"}
    assert found() & {"caught.db", "caught.db-wal"}
    number = room.reader("ama").id
    erase_everywhere(room.database, room.settings, number, way="test", clock=clock, caught=caught)
    assert found() == set()
    caught.close()
    room.database.dispose()
