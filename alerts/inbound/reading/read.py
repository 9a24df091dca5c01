"""A raw mail in, what it is to us out: the one way into this folder. Pure; never raises.

What machines wrote is recognised first, so that no machine's mail is ever taken for a reader's
wish: complaints, bounces, answers of machines; then commands; what is left is a person's reply.
"""

import re
from collections.abc import Iterable

from alerts.inbound.reading.addresses import (
    Others,
    addresses_of,
    is_machine,
    key_of,
    unique,
)
from alerts.inbound.reading.automatic import is_automatic
from alerts.inbound.reading.bounces import failures_of, others_of, severest
from alerts.inbound.reading.commands import command_of
from alerts.inbound.reading.complaints import complaint_of, says_welcome
from alerts.inbound.reading.headers import Headers
from alerts.inbound.reading.notice import Notice, notice_of
from alerts.inbound.reading.own_words import own_words
from alerts.inbound.reading.parts import LARGEST, Mail, read_parts
from alerts.inbound.reading.record import Kind, Reading
from alerts.inbound.reading.signs import is_bounce

_IDENTIFIER = re.compile(r"<([^<>\s@]{1,250}@[^<>\s@]{1,250})>")
_MOST_IDENTIFIERS = 20
_WRITTEN_TO = ("delivered-to", "x-original-to", "envelope-to", "to")
# A bounce inside of a bounce, or of a forwarded mail: so deep, and no deeper.
_DEEPEST = 2


def read_mail(raw: bytes, *, ours: Iterable[str] = (), alone: bool = False) -> Reading:
    """Read a mail that came back; `ours` are addresses that are never a reader's.

    With `alone` no other program's reader is asked where our own finds nobody.

    Only the first two megabytes are looked at, and memory stays within a small multiple of them;
    no input raises.
    """
    return _read(raw, frozenset(key_of(address) for address in ours), 0, alone=alone)


def _read(raw: bytes, ours: frozenset[str], depth: int, *, alone: bool) -> Reading:
    mail = read_parts(raw)
    notice = notice_of(mail)
    others = others_of(mail, notice, ours)
    # A gateway may put the whole report into an attachment of its own notice, or into its text.
    return (
        _inner(mail, notice, ours, depth, alone=alone)
        or _complaint(mail, notice, others)
        or _bounce(mail, notice, b"" if alone else raw, ours)
        or _other(mail, notice)
    )


def _inner(
    mail: Mail, notice: Notice, ours: frozenset[str], depth: int, *, alone: bool
) -> Reading | None:
    if depth >= _DEEPEST or mail.reports or mail.complaints:
        return None
    if mail.originals:
        inner = mail.originals[0]
    elif is_bounce(mail.headers, notice.text):
        inner = notice.rest.encode("utf-8", errors="replace")
    else:
        return None
    head = inner[:4_000].lower()
    if b"multipart/report" not in head and b"x-failed-recipients" not in head:
        return None
    reading = _read(inner, ours, depth + 1, alone=alone)
    machine = reading.kind in {Kind.BOUNCE, Kind.DELAY, Kind.COMPLAINT}
    return reading if machine and reading.recipients else None


def _complaint(mail: Mail, notice: Notice, others: Others) -> Reading | None:
    found = complaint_of(mail, notice, others)
    if found is None:
        return None
    return Reading(
        Kind.COMPLAINT,
        readers=found.readers,
        feedback_type=found.feedback_type,
        sender=_sender(mail.headers),
        written_to=_written_to(mail.headers),
        message_ids=_returned(notice),
        truncated=mail.truncated,
    )


def _bounce(mail: Mail, notice: Notice, raw: bytes, ours: frozenset[str]) -> Reading | None:
    if says_welcome(mail):
        return None
    found = failures_of(mail, notice, raw[:LARGEST], ours)
    if found is None:
        return None
    kind, failures = found
    worst = severest(failures)
    return Reading(
        kind,
        failures=failures,
        bounce=worst.bounce if worst else None,
        code=worst.code if worst else None,
        sender=_sender(mail.headers),
        written_to=_written_to(mail.headers),
        message_ids=_returned(notice),
        truncated=mail.truncated,
    )


def _other(mail: Mail, notice: Notice) -> Reading:
    """Read what is no report: an answer of a machine, a command, a reply, or nothing at all."""
    sender, written_to = _sender(mail.headers), _written_to(mail.headers)
    text = own_words(mail)
    command = None
    if says_welcome(mail) or mail.reports or mail.receipts or is_automatic(mail.headers, text):
        kind = Kind.AUTO_REPLY
    else:
        command = command_of(written_to, mail.headers.get("subject"), text)
        kind = _kind_of_person(mail, command is not None, text)
    return Reading(
        kind,
        command=command,
        sender=sender,
        written_to=written_to,
        message_ids=unique((*_answered(mail.headers), *_returned(notice))),
        truncated=mail.truncated,
    )


def _kind_of_person(mail: Mail, is_command: bool, text: str) -> Kind:
    sender = _sender(mail.headers)
    if sender is None:
        # Nobody to answer, and nobody's wish.
        return Kind.UNKNOWN
    if is_command:
        return Kind.COMMAND
    said = text or mail.headers.get("subject").strip() or mail.texts
    return Kind.REPLY if said else Kind.UNKNOWN


def _sender(headers: Headers) -> str | None:
    found = addresses_of(headers, "from") or addresses_of(headers, "sender", "return-path")
    people = [address for address in found if not is_machine(address)]
    return (people or [*found])[0] if found else None


def _written_to(headers: Headers) -> tuple[str, ...]:
    return addresses_of(headers, *_WRITTEN_TO)


def _returned(notice: Notice) -> tuple[str, ...]:
    return _identifiers(notice.original, "message-id")


def _answered(headers: Headers) -> tuple[str, ...]:
    # The message that is answered stands last among the references (RFC 5322 section 3.6.4).
    named = _identifiers(headers, "in-reply-to")
    return unique((*named, *reversed(_identifiers(headers, "references"))))[:_MOST_IDENTIFIERS]


def _identifiers(headers: Headers, *names: str) -> tuple[str, ...]:
    found = (match[1] for value in headers.all(*names) for match in _IDENTIFIER.finditer(value))
    return tuple(dict.fromkeys(found))[-_MOST_IDENTIFIERS:]
