"""Inbound mails as rows: kept before they are answered, found again, handed to the workers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, or_, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock, rfc3339
from alerts.database import insert_into
from alerts.delivery.sweeper import Due
from alerts.errors import NotFound
from alerts.inbound.models import IS_NEW, InboundMail, MailState, Owed
from alerts.task_queue import Queue, Task

# The largest mail that is taken (RFC 1870 tells the limit to whoever asks).
LARGEST_MAIL = 50 * 1024 * 1024
FOR_EVER = timedelta(days=36_500)
_LOST_AFTER = timedelta(minutes=2)
# What was not sent within a day is no answer any more.
_OWED_FOR = timedelta(days=1)
_LONGEST_ADDRESS = 320
_MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """A mail's number, and whether it was new."""

    mail_id: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail as it arrives: `way` says how, the envelope is that of SMTP where there was one.

    With `identity` it is known by that when it comes again; else by its octets.
    """

    raw: bytes
    way: str
    envelope_from: str | None = None
    envelope_to: tuple[str, ...] = ()
    identity: str = ""

    @property
    def digest(self) -> str:
        """By what it is one with another."""
        return hashlib.sha256(self.identity.encode() or self.raw).hexdigest()


def store_mail(
    session: Session, arrival: Arrival, *, keep: timedelta | None, clock: Clock
) -> Stored:
    """Write a mail down; the caller commits before it answers. The same mail twice is one."""
    [stored] = store_mails(session, [arrival], keep=keep, clock=clock)
    return stored


def store_mails(
    session: Session, arrivals: Sequence[Arrival], *, keep: timedelta | None, clock: Clock
) -> list[Stored]:
    """Write mails down in a statement or two; the caller commits before it answers.

    What is here already, or comes by two ways at the same moment, or twice among these, is one.
    Their numbers are in no particular order: two who store the same mails wait for each other in
    one and the same order, that of the digests.
    """
    rows = {one.digest: _row(one, keep=keep, now=clock.now()) for one in reversed(arrivals)}
    made = _inserted(session, [rows[digest] for digest in sorted(rows)])
    missing = [digest for digest in rows if digest not in made]
    known = (
        dict(
            session.execute(
                select(InboundMail.digest, InboundMail.id).where(InboundMail.digest.in_(missing))
            ).all()
        )
        if missing
        else {}
    )
    stored: list[Stored] = []
    for digest in (one.digest for one in arrivals):
        # The second of two alike is not new.
        number = made.pop(digest, None)
        stored.append(
            Stored(known[digest], is_new=False) if number is None else Stored(number, is_new=True)
        )
        known.setdefault(digest, stored[-1].mail_id)
    return stored


def _inserted(session: Session, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Insert rows where nothing stands in their way; return their numbers by digest."""
    if not rows:
        return {}
    statement = (
        insert_into(session, InboundMail)
        .on_conflict_do_nothing(index_elements=[InboundMail.digest])
        .returning(InboundMail.digest, InboundMail.id)
    )
    return dict(session.execute(statement, rows).all())


def _row(arrival: Arrival, *, keep: timedelta | None, now: datetime) -> dict[str, Any]:
    # An octet that no text column takes is no part of an address.
    recipients = " ".join(arrival.envelope_to).replace("\0", "")
    sender = arrival.envelope_from
    return {
        "digest": arrival.digest,
        "raw": arrival.raw,
        "size": len(arrival.raw),
        "received_at": now,
        "way": arrival.way,
        "envelope_from": None if sender is None else sender.replace("\0", "")[:_LONGEST_ADDRESS],
        "envelope_to": recipients or None,
        "state": MailState.NEW,
        "attempts": 0,
        "note": "",
        "expires_at": now + (keep or FOR_EVER),
        "enqueued_at": now,
    }


def get_mail(session: Session, mail_id: int) -> InboundMail:
    """Return a mail; raises NotFound."""
    mail = session.get(InboundMail, mail_id)
    if mail is None:
        raise NotFound(f"there is no inbound mail {mail_id}; see `alerts inbound list`")
    return mail


def list_mails(
    session: Session, *, state: MailState | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Return mails as JSON, the newest first, without what is in them."""
    query = select(*_SHOWN).order_by(InboundMail.id.desc()).limit(limit)
    if state is not None:
        query = query.where(InboundMail.state == state)
    return [mail_json(row) for row in session.execute(query)]


def mail_json(row: Row[*tuple[Any, ...]] | InboundMail) -> dict[str, Any]:
    """Return a mail in the form that scripts read; times are RFC 3339 in UTC."""
    return {
        "id": row.id,
        "received_at": rfc3339(row.received_at),
        "way": row.way,
        "size": row.size,
        "envelope_from": row.envelope_from,
        "envelope_to": (row.envelope_to or "").split(),
        "state": row.state.value,
        "kind": row.kind,
        "class": row.bounce,
        "note": row.note,
        "owed": None if row.owed is None else row.owed.value,
        "expires_at": rfc3339(row.expires_at),
    }


def again(session: Session, mail_id: int, *, clock: Clock) -> None:
    """Have a mail worked on once more, whatever became of it; raises NotFound.

    What it did before it does not do twice: events are unique, and states have their end.
    """
    mail = get_mail(session, mail_id)
    mail.state = MailState.NEW
    mail.attempts = 0
    mail.note = ""
    mail.enqueued_at = clock.now()
    session.flush()


def owed_mail_work(session: Session, *, clock: Clock) -> list[Due]:
    """Return the mails to read and the answers to send that were lost, for the sweeper."""
    now = clock.now()
    lost = or_(InboundMail.enqueued_at.is_(None), InboundMail.enqueued_at <= now - _LOST_AFTER)
    unread = _marked(session, IS_NEW, lost, now=now)
    owed = _marked(session, InboundMail.owed_at > now - _OWED_FOR, lost, now=now)
    return [
        *(Due(Task.READ_MAIL, number, Queue.INBOUND) for number in unread),
        *(Due(Task.ANSWER_MAIL, number, Queue.TRANSACTIONAL) for number in owed),
    ]


def _marked(session: Session, *conditions: Any, now: datetime) -> Sequence[int]:  # noqa: ANN401 - SQL
    due = select(InboundMail.id).where(*conditions).order_by(InboundMail.id).limit(_MOST_AT_ONCE)
    numbers = session.scalars(due).all()
    session.execute(
        update(InboundMail)
        .where(InboundMail.id.in_(numbers))
        .values(enqueued_at=now)
        .execution_options(synchronize_session=False)
    )
    return numbers


def prune_mails(session: Session, *, now: datetime, limit: int) -> int:
    """Remove mails that were kept for long enough, but none that still waits; returns how many."""
    over = (
        select(InboundMail.id)
        .where(InboundMail.expires_at < now, InboundMail.state != MailState.NEW)
        .limit(limit)
    )
    found = session.scalars(
        delete(InboundMail)
        .where(InboundMail.id.in_(over))
        .returning(InboundMail.id)
        .execution_options(synchronize_session=False)
    )
    return len(found.all())


def owes(mail: InboundMail, what: Owed | None, to: str | None, *, clock: Clock) -> None:
    """Note what is to be mailed because of a mail, or that nothing is owed any more."""
    mail.owed, mail.owed_to = what, to
    mail.owed_at = clock.now() if what else None


_SHOWN = (
    InboundMail.id,
    InboundMail.received_at,
    InboundMail.way,
    InboundMail.size,
    InboundMail.envelope_from,
    InboundMail.envelope_to,
    InboundMail.state,
    InboundMail.kind,
    InboundMail.bounce,
    InboundMail.note,
    InboundMail.owed,
    InboundMail.expires_at,
)
