"""What a server can do, and the envelope of a message as commands for it. Pure rules."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

from alerts.delivery.assembly import ascii_address
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.base import Outgoing

# What could end a command early, or the address inside it.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f<>]")
# RFC 3461 section 4: xtext is printable ASCII without "+" and "=".
_NOT_XTEXT = re.compile(r"[^!-*,-<>-~]")
# RFC 3461 section 4.4: an ENVID of at most 100 characters.
_LONGEST_ENVELOPE_ID = 100


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the EHLO reply offers, as far as we use it; `size` is 0 where no limit is told."""

    pipelining: bool = False
    chunking: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    dsn: bool = False
    takes_size: bool = False
    size: int = 0

    @classmethod
    def read(cls, extensions: Mapping[str, str]) -> Self:
        """Read the keywords of an EHLO reply and their parameters; keywords are in lower case."""
        size = extensions.get("size", "").strip()
        return cls(
            pipelining="pipelining" in extensions,
            chunking="chunking" in extensions,
            eight_bit="8bitmime" in extensions,
            smtputf8="smtputf8" in extensions,
            dsn="dsn" in extensions,
            takes_size="size" in extensions,
            size=int(size) if size.isdecimal() else 0,
        )


class Envelope(NamedTuple):
    """The commands MAIL and RCPT of one message, each with its line end."""

    mail: bytes
    rcpt: bytes
    international: bool = False


def seal(message: Outgoing, content: bytes, server: Capabilities) -> Envelope | Outcome:
    """Return the envelope that a server gets, or why the message cannot be put to it."""
    recipient = ascii_address(message.recipient)
    if recipient is None and not server.smtputf8:
        return Outcome(
            Fate.PERMANENT,
            0,
            "5.6.7 the address needs SMTPUTF8, which the server does not offer",
        )
    if _UNSAFE.search(message.recipient):
        return Outcome(Fate.PERMANENT, 0, "5.1.3 the address holds what no address may")
    if server.size and len(content) > server.size:
        return Outcome(
            Fate.PERMANENT, 0, f"5.3.4 the server takes {server.size} octets, not {len(content)}"
        )
    mail = f"MAIL FROM:<{message.sender}>"
    if server.takes_size:
        mail += f" SIZE={len(content)}"
    if server.eight_bit and not content.isascii():
        mail += " BODY=8BITMIME"
    if recipient is None:
        mail += " SMTPUTF8"
    rcpt = f"RCPT TO:<{recipient or message.recipient}>"
    if server.dsn:
        # A bounce need not bring back the whole message, and names the one it is about; notes
        # that something is late would be noise: the server goes on trying.
        mail += " RET=HDRS"
        if message.envelope_id:
            mail += f" ENVID={xtext(message.envelope_id)[:_LONGEST_ENVELOPE_ID]}"
        rcpt += " NOTIFY=FAILURE"
        if recipient is not None:
            rcpt += f" ORCPT=rfc822;{xtext(recipient)}"
    return Envelope(
        f"{mail}\r\n".encode(),
        f"{rcpt}\r\n".encode(),
        international=recipient is None,
    )


def xtext(value: str) -> str:
    """Encode a value of a DSN parameter (RFC 3461 section 4)."""
    return _NOT_XTEXT.sub(lambda match: f"+{ord(match.group()):02X}", value)


def dot_stuffed(content: bytes) -> bytes:
    """Return content as it goes after DATA (RFC 5321 section 4.5.2), with its line end."""
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    if b"\r\n." in content:
        content = content.replace(b"\r\n.", b"\r\n..")
    return b"." + content if content.startswith(b".") else content
