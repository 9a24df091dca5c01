"""Delivery status notifications: the part that is made for machines (RFC 3464). Pure.

Read more generously than it was written: blocks run together, addresses without their type, a
status that says less than the diagnostic text, or fields that stand in the text of a notice
because the boundary of the report is broken.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from alerts.inbound.reading.addresses import address_of_field, cleaned
from alerts.inbound.reading.headers import Headers, parse_headers

_MOST_RECIPIENTS = 500
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]\d)")
_ACTIONS = {
    "failed": ("fail", "error", "undeliver", "expired", "bounce", "permanent"),
    "delayed": ("delay", "deferred", "transient", "temp"),
    # RFC 3464 section 2.3.3: the message got where it should, or out of sight.
    "delivered": ("deliver", "relay", "expand", "success"),
}
_FIRST_OF_BLOCK = re.compile(
    r"^(?=(?:final|original)-recipient[ \t]*:)", re.IGNORECASE | re.MULTILINE
)
_IN_TEXT = re.compile(
    r"^[ \t>]{0,8}(?=(?:final-recipient|original-recipient)[ \t]*:)", re.IGNORECASE | re.MULTILINE
)
_LONGEST_IN_TEXT = 4_000
_ENCODED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_HIGHEST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a report says of one recipient; `action` is failed, delayed, delivered or empty."""

    address: str
    final: str
    action: str
    status: str
    diagnostic: str


def entries_of(reports: Iterable[str]) -> tuple[Entry, ...]:
    """Return the entries of the delivery-status parts of a mail."""
    found = (entry for report in reports for block in _blocks(report) for entry in _entry(block))
    return tuple(entry for entry, _ in zip(found, range(_MOST_RECIPIENTS), strict=False))


def entries_in_text(text: str) -> tuple[Entry, ...]:
    """Return the entries of a report that stands unmarked in a text, as gateways leave it."""
    found = _IN_TEXT.search(text)
    if found is None:
        return ()
    begin = text.rfind("\n\n", 0, found.start()) + 1
    report = text[begin : found.end() + _LONGEST_IN_TEXT]
    return entries_of([re.sub(r"^[ \t>]{1,8}(?=[\w-]{2,40}:)", "", report, flags=re.MULTILINE)])


def _blocks(report: str) -> Iterator[Headers]:
    for paragraph in re.split(r"\n[ \t]*\n", report.replace("\r", "")):
        # Each recipient has a block of its own; where the blank line was lost, its first field
        # begins one, unless the two of one recipient stand together.
        pieces: list[str] = []
        for piece in _FIRST_OF_BLOCK.split(paragraph):
            if pieces and _belongs_to(pieces[-1], piece):
                pieces[-1] += piece
            else:
                pieces.append(piece)
        for piece in pieces:
            yield parse_headers(piece.strip("\n").encode("utf-8", errors="replace"))


def _belongs_to(block: str, piece: str) -> bool:
    name = piece.partition(":")[0].strip().lower()
    return re.search(rf"^{re.escape(name)}[ \t]*:", block, re.IGNORECASE | re.MULTILINE) is None


def _entry(block: Headers) -> Iterator[Entry]:
    if not any(name in block for name in ("final-recipient", "original-recipient", "action")):
        return
    final = _address(block.get("final-recipient"))
    original = _address(block.get("original-recipient"))
    actual = _address(block.get("x-actual-recipient"))
    status = _STATUS.search(block.get("status"))
    diagnostic = _diagnostic(block)
    yield Entry(
        address=original or final or actual,
        final=final or actual,
        action=_action(block.get("action")),
        status=status[0] if status else "",
        diagnostic=diagnostic,
    )


def _address(value: str) -> str:
    """Return the address of a field; one in the manner of RFC 6533 with its letters put back."""
    if "\\x{" in value:
        value = _ENCODED.sub(_letter, value)
    found = address_of_field(value)
    if not found and "@" in value:
        # Some leave the typed field without a type.
        found = cleaned(value.rpartition(";")[2].strip(" <>"))
    # A host alone is where it failed, not whom it was for.
    return "" if found.startswith("@") else found


def _letter(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return "?" if number > _HIGHEST or number in _SURROGATES else chr(number)


def _action(value: str) -> str:
    low = value.strip().lower()
    return next((name for name, words in _ACTIONS.items() if low.startswith(words)), "")


def _diagnostic(block: Headers) -> str:
    texts = block.all("diagnostic-code", "x-supplementary-info", "x400-supplementary-info")
    # The type before the semicolon (`smtp`, `X-Postfix`) says nothing of the failure.
    told = (re.sub(r"^\s*[\w.-]{1,40}\s*;\s*", "", text) for text in texts)
    # A comment after the status is all that some say.
    comment = block.get("status").partition("(")[2].rstrip(") ")
    return " ".join(text for text in (*told, comment) if text)[:2_000]
