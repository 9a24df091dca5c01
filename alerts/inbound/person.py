"""All that is kept about one person, to take away, the mails that they wrote to us included."""

from collections.abc import Iterator, Sequence
from email.utils import parseaddr
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from alerts.clock import rfc3339
from alerts.delivery import person
from alerts.errors import Invalid
from alerts.inbound.models import InboundMail
from alerts.inbound.reading.headers import Headers
from alerts.inbound.reading.parts import LARGEST, Mail, read_parts
from alerts.inbound.reading.record import Kind
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.models import Subscriber

# What a person may have written; the rest is machines' mail, which may tell of others too. What it
# said of this person stands under `returned`.
_OF_PEOPLE = (Kind.COMMAND, Kind.REPLY, Kind.AUTO_REPLY, Kind.UNKNOWN)
_BEFORE = (Kind.COMMAND, Kind.REPLY)
_HEADERS = ("from", "to", "cc", "date", "subject", "message-id", "in-reply-to")
# Characters: somebody may send more than a page can hand out. What is beyond is left out, and said.
_LONGEST_TEXT = 100_000
_LONGEST_OF_ALL = 5_000_000


def personal_data(session: Session, subscriber: Subscriber) -> dict[str, Any]:
    """Return everything about a person as one JSON document; times are RFC 3339 in UTC.

    A mail has its `text` and its headers where it was written in the person's own name. What came
    from another address, such as a forwarded link to leave, may be somebody else's: of that, the
    document says when it came and what it did.
    """
    return {**person.personal_data(session, subscriber), "mails": _mails(session, subscriber)}


def _mails(session: Session, subscriber: Subscriber) -> list[dict[str, Any]]:
    left = _LONGEST_OF_ALL
    found = []
    for row in _rows(session, subscriber):
        one = _facts(row)
        # SQLite makes nothing at all of a part of nothing.
        mail = read_parts(row.raw or b"")
        if _is_by(subscriber, mail.headers):
            text = _text(mail)
            kept = text[: min(_LONGEST_TEXT, left)]
            left -= len(kept)
            one |= _shown(mail.headers) | {
                "text": kept,
                "is_whole": len(kept) == len(text) and not mail.truncated,
            }
        found.append(one)
    return found


def _rows(session: Session, subscriber: Subscriber) -> Iterator[Row[Any]]:
    for number in sorted({*_theirs(session, subscriber), *_earlier(session, subscriber)}):
        # One at a time, and no more of it than is read: a mail may be large.
        yield session.execute(
            select(
                InboundMail.received_at,
                InboundMail.way,
                InboundMail.kind,
                InboundMail.note,
                InboundMail.size,
                func.substr(InboundMail.raw, 1, LARGEST + 1).label("raw"),
            ).where(InboundMail.id == number)
        ).one()


def _theirs(session: Session, subscriber: Subscriber) -> Sequence[int]:
    return session.scalars(
        select(InboundMail.id).where(
            InboundMail.subscriber_id == subscriber.id,
            InboundMail.kind.in_([kind.value for kind in _OF_PEOPLE]),
        )
    ).all()


def _earlier(session: Session, subscriber: Subscriber) -> Sequence[int]:
    """Return what they wrote before they were a reader; by the index over kinds.

    People write little, compared with machines, and their mails are kept for a month.
    """
    return session.scalars(
        select(InboundMail.id).where(
            InboundMail.kind.in_([kind.value for kind in _BEFORE]),
            InboundMail.subscriber_id.is_(None),
            func.lower(InboundMail.envelope_from).in_(
                {subscriber.email.lower(), subscriber.email_key}
            ),
        )
    ).all()


def _facts(row: Row[Any]) -> dict[str, Any]:
    return {
        "at": rfc3339(row.received_at),
        "way": row.way,
        "kind": row.kind,
        "note": row.note,
        "octets": row.size,
    }


def _shown(headers: Headers) -> dict[str, str]:
    return {name.replace("-", "_"): headers.get(name) for name in _HEADERS if name in headers}


def _text(mail: Mail) -> str:
    return "\n\n".join(part.text().strip() for part in mail.texts)


def _is_by(subscriber: Subscriber, headers: Headers) -> bool:
    try:
        return parse_address(parseaddr(headers.get("from"))[1]).key == subscriber.email_key
    except Invalid:
        return False
