"""Complaints: feedback reports (RFC 5965), and what providers sent before there were any. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from alerts.inbound.reading.addresses import (
    Others,
    address_of_field,
    addresses_of,
    is_machine,
    unique,
)
from alerts.inbound.reading.headers import Headers, parse_headers
from alerts.inbound.reading.notice import Notice
from alerts.inbound.reading.parts import Mail

# RFC 5965 section 3.1 and 7.3. These say that nobody complained: of mail that is welcome, and of
# signatures that do not hold (RFC 6591), and of a wish to leave the list (RFC 5965 names none).
_NO_COMPLAINT = frozenset({"not-spam", "auth-failure", "dmarc"})
_HOTMAIL = re.compile(r"^(?:complaint about message from|junk e?-?mail report)\b", re.IGNORECASE)
_OF_HOTMAIL = re.compile(
    r"(?:staff|jmrp?|postmaster|abuse|feedback\w*)@(?:\w+\.)?(?:hotmail|msn|outlook|live)\.com"
)
_PLAIN = re.compile(
    r"\b(?:abuse|spam|junk|fraud|feedback)[ -](?:report|complaint|notification|loop)"
    r"|\bcomplaint (?:about|regarding|from|notification)|\breported? (?:\w+ ){0,4}as spam\b"
    r"|email feedback report for ip|client tos notification|marked (?:\w+ ){0,4}as (?:spam|junk)",
    re.IGNORECASE,
)
_REDACTED = re.compile(r"(?:\[?redacted\]?|undisclosed|x{3,}|\*{2,}|<removed>)", re.IGNORECASE)
_DESKS = re.compile(
    r"(?:^|[<\s\"])(?:abuse|fbl|feedback(?:loop)?|complaints?|arf|staff|scomp|postmaster|no-?reply"
    r"|spamcop|\d{6,}|scout|jmrp|feedback-?loop)[\w.+-]{0,60}@",
    re.IGNORECASE,
)
_READERS = ("to", "delivered-to", "x-original-to", "envelope-to")
_ALSO = ("x-rcpt-to", "x-envelope-to", "x-apparently-to", "x-original-rcpt-to")


@dataclass(frozen=True, slots=True)
class Complaint:
    """Who complained, where the report does not hide it, and what it calls the matter."""

    feedback_type: str
    readers: tuple[str, ...]


def complaint_of(mail: Mail, notice: Notice, others: Others) -> Complaint | None:
    """Return the complaint that a mail is; None if it is none."""
    reports = [_report(text) for text in mail.complaints] or list(_in_text(notice.text))
    if reports:
        return _by_report(reports, mail, notice, others)
    if not _is_plain(mail, notice):
        return None
    return Complaint("abuse", _readers((), mail, notice, others))


def says_welcome(mail: Mail) -> bool:
    """Tell whether a feedback report says that nobody complained."""
    types = [_report(text).get("feedback-type").strip().lower() for text in mail.complaints]
    return bool(types) and all(kind in _NO_COMPLAINT for kind in types)


def _by_report(
    reports: list[Headers], mail: Mail, notice: Notice, others: Others
) -> Complaint | None:
    kinds = [report.get("feedback-type").strip().lower() or "abuse" for report in reports]
    counted = [kind for kind in kinds if kind not in _NO_COMPLAINT]
    if not counted:
        return None
    named = [
        address_of_field(value)
        for report in reports
        for value in report.all("original-rcpt-to", "removal-recipient")
    ]
    return Complaint(counted[0][:40], _readers(named, mail, notice, others))


def _report(text: str) -> Headers:
    """Read a feedback report, the blank lines within it passed over."""
    lines = (line for line in text.replace("\r", "").split("\n") if line.strip())
    return parse_headers("\n".join(lines).encode("utf-8", errors="replace"))


def _in_text(text: str) -> Iterator[Headers]:
    """Yield the report that stands in the text, where a gateway took the parts apart."""
    found = re.search(r"^feedback-type[ \t]*:", text, re.IGNORECASE | re.MULTILINE)
    if found:
        yield _report(text[found.start() : found.start() + 4_000])


def _is_plain(mail: Mail, notice: Notice) -> bool:
    """Tell whether a provider's desk forwards a message that somebody complained about."""
    subject = mail.headers.get("subject")
    sender = mail.headers.get("from")
    if "x-hmxmroriginalrecipient" in notice.original or "x-hmxmroriginalrecipient" in mail.headers:
        return True
    if _HOTMAIL.search(subject) and (mail.originals or _OF_HOTMAIL.search(sender)):
        return True
    returns = bool(mail.originals or notice.original.fields)
    told = _PLAIN.search(subject) or _PLAIN.search(notice.text[:2_000])
    return bool(returns and told and _DESKS.search(sender))


def _readers(named: Iterable[str], mail: Mail, notice: Notice, others: Others) -> tuple[str, ...]:
    """Return who complained: as the report says, else whom the message was sent to."""
    told = unique(a for a in named if _is_somebody(a, others))
    if told:
        return told
    for headers in (mail.headers, notice.original):
        # Microsoft's own note of who it was, above the fields of the message.
        if noted := addresses_of(headers, "x-hmxmroriginalrecipient"):
            return noted[:1]
    written_to = addresses_of(notice.original, *_READERS, *_ALSO)
    found = unique(a for a in written_to if _is_somebody(a, others))
    # Of several, nobody can say which.
    return found if len(found) == 1 else ()


def _is_somebody(address: str, others: Others) -> bool:
    local = address.partition("@")[0]
    return (
        "@" in address
        and address not in others
        and not is_machine(address)
        and _REDACTED.search(local) is None
    )
