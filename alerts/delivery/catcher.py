"""The built-in mail catcher's mailbox: every mail that would have left, kept to be looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    LargeBinary,
    MetaData,
    RowMapping,
    Table,
    Text,
    delete,
    func,
    insert,
    or_,
    select,
)

from alerts.database import Database, UtcDateTime
from alerts.subscribers.mentions import Mentions

_HEADER_LIMIT = 1_000

_metadata = MetaData()
_caught = Table(
    "caught",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("received_at", UtcDateTime, nullable=False),
    Column("envelope_from", Text, nullable=False),
    Column("recipient", Text, nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("message_id", Text, nullable=False, index=True),
    Column("list_id", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)
_summary = [column for column in _caught.c if column.name != "raw"]


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """One caught mail; `raw` is empty in lists. Times in UTC, size in bytes."""

    id: int
    received_at: datetime
    envelope_from: str
    recipient: str
    subject: str
    message_id: str
    list_id: str
    size: int
    raw: bytes = b""

    def message(self) -> EmailMessage:
        """Return the mail as the standard library parses it."""
        return message_from_bytes(self.raw, policy=default)


class CatcherStore:
    """The mailbox, a SQLite file of its own that many processes may write to."""

    def __init__(self, data_dir: Path) -> None:
        folder = data_dir / "caught"
        folder.mkdir(parents=True, exist_ok=True)
        self._database = Database(f"sqlite:///{folder / 'caught.db'}")
        _metadata.create_all(self._database.engine)

    def add(self, mails: Sequence[tuple[str, str, bytes]]) -> None:
        """Keep mails, given as envelope sender, recipient and raw bytes; all or none."""
        now = datetime.now(UTC)
        rows = [_row(now, sender, recipient, raw) for sender, recipient, raw in mails]
        if rows:
            with self._database.transaction() as session:
                session.execute(insert(_caught), rows)

    def count(self, *, containing: str = "") -> int:
        """Return how many mails there are whose recipient or subject contains the text."""
        query = select(func.count()).select_from(_caught).where(_containing(containing))
        with self._database.read() as session:
            return session.execute(query).scalar_one()

    def newest(self, *, limit: int, offset: int = 0, containing: str = "") -> list[CaughtMail]:
        """Return mails without their raw bytes, the newest first."""
        query = (
            select(*_summary)
            .where(_containing(containing))
            .order_by(_caught.c.id.desc())
            .limit(limit)
            .offset(offset)
        )
        with self._database.read() as session:
            return [_mail(row) for row in session.execute(query).mappings()]

    def get(self, mail_id: int) -> CaughtMail | None:
        """Return one mail with its raw bytes."""
        with self._database.read() as session:
            row = session.execute(select(_caught).where(_caught.c.id == mail_id)).mappings().first()
        return _mail(row) if row else None

    def has(self, message_id: str) -> bool:
        """Tell whether a mail with this Message-ID, given without its brackets, was caught."""
        with self._database.read() as session:
            found = select(_caught.c.id).where(_caught.c.message_id == f"<{message_id}>").limit(1)
            return session.execute(found).first() is not None

    def forget(self, recipient: str) -> None:
        """Remove the mails to an address, and others that name it, in whatever case."""
        mentions = Mentions([recipient])
        with self._database.transaction() as session:
            session.execute(
                delete(_caught).where(func.lower(_caught.c.recipient) == recipient.lower())
            )
            # Issues go to one reader each; what was forwarded tells of somebody else.
            single = _caught.c.list_id == ""
            rest = session.execute(
                select(_caught.c.id, _caught.c.recipient, _caught.c.raw).where(single)
            )
            named = [
                row.id
                for row in rest.yield_per(100)
                if mentions.are_in(row.recipient.encode()) or mentions.are_in(row.raw)
            ]
            session.execute(delete(_caught).where(_caught.c.id.in_(named)))
        self._database.wipe_traces()

    def clear(self) -> None:
        """Empty the mailbox."""
        with self._database.transaction() as session:
            session.execute(delete(_caught))

    def close(self) -> None:
        """Close the file."""
        self._database.dispose()


def _containing(text: str) -> ColumnElement[bool]:
    if not text:
        return _caught.c.id > 0
    return or_(
        _caught.c.recipient.contains(text, autoescape=True),
        _caught.c.subject.contains(text, autoescape=True),
    )


def _row(now: datetime, sender: str, recipient: str, raw: bytes) -> dict[str, object]:
    headers = message_from_bytes(raw.partition(b"\r\n\r\n")[0], policy=default)
    return {
        "received_at": now,
        "envelope_from": sender,
        "recipient": recipient,
        "subject": str(headers.get("Subject", ""))[:_HEADER_LIMIT],
        "message_id": str(headers.get("Message-ID", ""))[:_HEADER_LIMIT],
        "list_id": str(headers.get("List-Id", ""))[:_HEADER_LIMIT],
        "size": len(raw),
        "raw": raw,
    }


def _mail(row: RowMapping) -> CaughtMail:
    return CaughtMail(**dict(row))
