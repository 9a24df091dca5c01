"""A reader's reply on its way to an editor: a short note with the mail attached as it came. Pure.

The reply is an attachment (RFC 2046 section 5.2.1), not sent on under the reader's name: that would
fail the reader's own SPF and DMARC, and hide who forwarded it.
"""

import re
import secrets
from base64 import encodebytes
from datetime import datetime
from email.utils import format_datetime, parseaddr

from alerts.delivery.assembly import Signer
from alerts.delivery.assembly.fields import (
    Field,
    bracketed,
    encoded_text,
    field_bytes,
    mailbox,
)
from alerts.inbound.reading.parts import LARGEST as BEGINNING

# Marks what we forwarded, so that it is not forwarded again when it comes back.
FORWARDED = "X-GP-Alerts-Forwarded"
# RFC 5322 section 2.1.1, without the line's end.
_LONGEST_LINE = 998
# Many servers take no more than 25 MB, in which a file is a third larger than by itself.
_LARGEST = 15 * 1024 * 1024
_LINE_END = re.compile(rb"\r\n|\r|\n")


def forwarded(
    raw: bytes,
    *,
    sender: str,
    to: str,
    reader: str,
    subject: str,
    message_id: str,
    mail_id: int,
    now: datetime,
    signer: Signer | None,
) -> bytes:
    """Return the message that takes a reply to `to`, with CRLF line ends, all in seven bits.

    Whoever answers it answers the reader: Reply-To says so. Of a reply that few servers would take
    the beginning is attached.
    """
    is_whole = len(raw) <= _LARGEST
    fields: tuple[Field, ...] = (
        ("From", mailbox(*parseaddr(sender))),
        ("To", mailbox(None, to)),
        *((("Reply-To", mailbox(None, reader)),) if reader else ()),
        ("Subject", encoded_text(f"Reply: {subject or '(no subject)'}", field="Subject")),
        ("Date", format_datetime(now)),
        ("Message-ID", bracketed(message_id)),
        ("Auto-Submitted", "auto-generated"),
        (FORWARDED, str(mail_id)),
        ("MIME-Version", "1.0"),
    )
    boundary = f"=_{secrets.token_hex(16)}"
    fields = (*fields, ("Content-Type", f'multipart/mixed;\r\n boundary="{boundary}"'))
    body = b"\r\n".join(
        [
            f"--{boundary}".encode(),
            b"Content-Type: text/plain; charset=us-ascii\r\n",
            _note(mail_id, is_whole=is_whole).encode(),
            f"--{boundary}".encode(),
            _attached(raw if is_whole else raw[:BEGINNING]),
            f"--{boundary}--\r\n".encode(),
        ]
    )
    signature = signer.begin(fields, b"").sign((), [body]) if signer else b""
    return signature + field_bytes(fields) + b"\r\n" + body


def _note(mail_id: int, *, is_whole: bool) -> str:
    attached = (
        "The reply is attached as it came;\r\n"
        if is_whole
        else f"It is very large: its first {BEGINNING // 2**20} MB\r\nare attached; "
    )
    return (
        f"A reader replied to an issue. {attached}"
        "answering this mail answers the reader.\r\n\r\n"
        f"(alerts inbound show {mail_id}{'' if is_whole else ' --raw'})\r\n"
    )


def _attached(raw: bytes) -> bytes:
    """Return the part with the mail: as a message where seven bits carry it, else as a file."""
    lines = _LINE_END.split(raw)
    if raw.isascii() and b"\0" not in raw and max(map(len, lines)) <= _LONGEST_LINE:
        head = b"Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n"
        return head + b"\r\n".join(lines)
    # A message may not be encoded (RFC 2046 section 5.2.1), and eight bits not every server takes.
    head = (
        b"Content-Type: application/octet-stream; name=reply.eml\r\n"
        b"Content-Disposition: attachment; filename=reply.eml\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head + encodebytes(raw).replace(b"\n", b"\r\n")
