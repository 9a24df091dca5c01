"""Message assembly: an edition is compiled once to bytes with slots, then filled per reader.

The body is quoted-printable (RFC 2045 section 6.7): seven bits on any path, lines of at most 76
bytes, the same bytes at every relay. Around each slot stands a soft line break, so that a value of
any length can be put there without touching what was encoded before it.
"""

import binascii
import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.utils import format_datetime, parseaddr, quote

import idna

from alerts.rendering.slots import Slot

_SLOT = re.compile("|".join(re.escape(slot.value) for slot in Slot))
_SOFT_BREAK = b"=\r\n"
_HEADER_WIDTH = 76
_LONGEST_WORD = 60
_SPECIALS = re.compile(r'[][\\()<>@,:;".]')
# Header fields must never be built from a value with a line break in it (RFC 5322 section 2.2).
_BREAKS = re.compile(r"[\r\n\0]+")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is the same in every message of an issue.

    `sender` and `reply_to` are RFC 5322 mailboxes, `list_id` the identifier of RFC 2919 without
    its brackets, `date` the Date field's moment.
    """

    sender: str
    reply_to: str
    list_id: str
    list_title: str
    date: datetime


@dataclass(frozen=True, slots=True)
class Reader:
    """What differs from reader to reader; `email` is the address as the reader writes it."""

    name: str | None
    email: str
    message_id: str
    unsubscribe_url: str
    preferences_url: str


class CompiledMessage:
    """An edition as bytes: everything before the slots' values is already encoded."""

    def __init__(self, envelope: Envelope, subject: str, html_body: str, text_body: str) -> None:
        boundary = _boundary(html_body, text_body)
        self._constant_headers = _constant_headers(envelope, subject, boundary)
        self._body = [
            *_part(boundary, "plain", text_body, escape=str),
            *_part(boundary, "html", html_body, escape=_escape_attribute),
            f"--{boundary}--\r\n".encode(),
        ]

    def fill(self, reader: Reader) -> bytes:
        """Return the whole message for a reader, with CRLF line ends."""
        values = {
            Slot.EMAIL: reader.email,
            Slot.UNSUBSCRIBE_URL: reader.unsubscribe_url,
            Slot.PREFERENCES_URL: reader.preferences_url,
        }
        return b"".join((self._constant_headers, _personal_headers(reader), *self._filled(values)))

    def _filled(self, values: Mapping[Slot, str]) -> list[bytes]:
        plain = {slot: _continued(value) for slot, value in values.items()}
        escaped = {slot: _continued(_escape_attribute(v)) for slot, v in values.items()}
        return [
            segment
            if isinstance(segment, bytes)
            else (escaped if segment.escaped else plain)[segment.slot]
            for segment in self._body
        ]


@dataclass(frozen=True, slots=True)
class _SlotPlace:
    slot: Slot
    escaped: bool


def quoted_printable(text: str) -> bytes:
    """Encode text for the body, with CRLF line ends; a final space or tab is encoded too."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n").encode()
    encoded = binascii.b2a_qp(unified, istext=True)
    return encoded.replace(b"\n", b"\r\n")


def _continued(text: str) -> bytes:
    """Encode text that ends in a soft line break, so that anything may follow it.

    An equals sign is encoded at its end, and then makes place for the break: the last line would
    else be one byte too long for it now and then.
    """
    return quoted_printable(text + "=").removesuffix(b"=3D") + _SOFT_BREAK


def mailbox(name: str | None, address: str) -> str:
    """Return an address field's value: the name quoted or encoded (RFC 2047), then the address."""
    clean = _BREAKS.sub(" ", name or "").strip()
    if not clean:
        return f"<{address}>" if _needs_brackets(address) else address
    if clean.isascii():
        shown = f'"{quote(clean)}"' if _SPECIALS.search(clean) else clean
        if len(shown) < _HEADER_WIDTH:
            return f"{shown} <{address}>"
    encoded = Header(clean, "utf-8", maxlinelen=_HEADER_WIDTH, header_name="Reply-To").encode(
        linesep="\r\n"
    )
    return f"{encoded}\r\n <{address}>"


def encoded_text(value: str, *, field: str) -> str:
    """Return an unstructured field's value, folded and encoded where it must be."""
    clean = _BREAKS.sub(" ", value).strip()
    # What has no space to be folded at is encoded too, or a line might pass the limit of 998.
    foldable = max((len(word) for word in clean.split(" ")), default=0) < _LONGEST_WORD
    charset = "us-ascii" if clean.isascii() and foldable else "utf-8"
    return Header(clean, charset, maxlinelen=_HEADER_WIDTH, header_name=field).encode(
        linesep="\r\n"
    )


def _needs_brackets(address: str) -> bool:
    return not address.isascii()


def _escape_attribute(value: str) -> str:
    return html.escape(value, quote=True)


def _boundary(*bodies: str) -> str:
    # No line of a quoted-printable body starts with "--=_", since "=" is always followed by a
    # hexadecimal digit or a line end there; so this boundary cannot occur in it.
    return f"=_alerts_{len(bodies[0])}_{len(bodies[1])}"


def _constant_headers(envelope: Envelope, subject: str, boundary: str) -> bytes:
    name, address = parseaddr(envelope.sender)
    fields = [f"From: {mailbox(name, address)}"]
    if envelope.reply_to:
        fields.append(f"Reply-To: {mailbox(*parseaddr(envelope.reply_to))}")
    fields += [
        f"Subject: {encoded_text(subject, field='Subject')}",
        f"Date: {format_datetime(envelope.date)}",
    ]
    if envelope.list_id:
        title = encoded_text(envelope.list_title, field="List-Id")
        shown = f'"{quote(title)}"' if envelope.list_title.isascii() else title
        fields.append(f"List-Id: {shown}\r\n <{envelope.list_id}>")
    else:
        # RFC 3834: nobody's absence is to answer a single mail that a machine wrote. Mail with a
        # List-Id is not answered anyway (RFC 5230 section 4.6).
        fields.append("Auto-Submitted: auto-generated")
    fields += [
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"',
    ]
    return ("\r\n".join(fields) + "\r\n").encode()


def _personal_headers(reader: Reader) -> bytes:
    fields = [f"To: {mailbox(reader.name, reader.email)}", f"Message-ID: <{reader.message_id}>"]
    if reader.unsubscribe_url:
        # RFC 8058: a POST to that one address is enough. Mail programs follow https alone; the
        # field stands beside http too, where it can be tried on one's own machine.
        fields += [
            f"List-Unsubscribe: <{reader.unsubscribe_url}>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        ]
    return ("\r\n".join(fields) + "\r\n\r\n").encode()


def _part(
    boundary: str, subtype: str, body: str, *, escape: Callable[[str], str]
) -> list["bytes | _SlotPlace"]:
    head = (
        f"--{boundary}\r\n"
        f"Content-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode()
    segments: list[bytes | _SlotPlace] = [head]
    position = 0
    for match in _SLOT.finditer(body):
        segments.append(_continued(body[position : match.start()]))
        segments.append(_SlotPlace(Slot(match.group()), escaped=escape is not str))
        position = match.end()
    segments.append(quoted_printable(body[position:]) + b"\r\n")
    return segments


def ascii_address(address: str) -> str | None:
    """Return the address with its domain in IDNA form, or None when only SMTPUTF8 could carry it.

    RFC 6531: an address with a local part beyond ASCII goes to servers that offer SMTPUTF8 only.
    """
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        return None
    if domain.isascii():
        return address
    return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"


def address_of(sender: str) -> str:
    """Return the bare address of an RFC 5322 mailbox."""
    return Address(addr_spec=parseaddr(sender)[1]).addr_spec
