"""What is signed and how it is written (RFC 6376 sections 3.4 to 3.7); no key, no clock."""

import re
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from alerts.delivery.assembly.fields import Field

# What a reader sees and what mail programs act on (RFC 6376 section 5.4.1; RFC 8058 section 4 and
# Gmail's feedback loop want theirs among it). A field of this name that is there is signed.
_SIGNED = frozenset(
    {
        *("from", "reply-to", "to", "subject", "date", "message-id"),
        *("mime-version", "content-type", "content-transfer-encoding"),
        *("list-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id"),
    }
)
# Named once more than they are there, so that none can be added on the way (section 8.15).
_SIGNED_TWICE = frozenset({"from", "subject"})
_WHITE_SPACE = re.compile(r"[ \t]+")
_WIDTH = 76


def relaxed(field: Field) -> str:
    """Return a field in the relaxed form (RFC 6376 section 3.4.2), without its CRLF."""
    name, value = field
    unfolded = value.replace("\r\n", "")
    return f"{name.lower()}:{_WHITE_SPACE.sub(' ', unfolded).strip(' ')}"


def signed_fields(fields: Sequence[Field]) -> tuple[Field, ...]:
    """Return those of the fields that a signature covers."""
    return tuple(field for field in fields if field[0].lower() in _SIGNED)


def names_tag(names: Sequence[str]) -> str:
    """Return the `h=` tag for signed fields, folded, with what is signed twice named twice."""
    named = [name for name in names for _ in range(1 + (name.lower() in _SIGNED_TWICE))]
    lines = ["h=" + named[0]]
    for name in named[1:]:
        if len(lines[-1]) + len(name) + len(" ::") > _WIDTH:
            lines.append("")
        lines[-1] += f":{name}"
    return "\r\n ".join(lines)


@dataclass(frozen=True, slots=True)
class Stub:
    """A signature's field as far as it is the same for many messages, in both its forms.

    What follows is `t=`'s value, then `bh=`, then `b=`.
    """

    raw: str
    canonical: str

    @classmethod
    def of(cls, *, algorithm: str, domain: str, selector: str, names: Sequence[str]) -> Self:
        """Lay out the tags (RFC 6376 section 3.5); no `l=`, which would let text be added."""
        value = (
            f"v=1; a={algorithm}; c=relaxed/simple;\r\n d={domain};\r\n s={selector};\r\n"
            f" {names_tag(names)};\r\n t="
        )
        return cls(f"DKIM-Signature: {value}", relaxed(("DKIM-Signature", value)))

    def to_sign(self, *, seconds: int, body_hash: str) -> bytes:
        """Return the field as it goes into the hash, with `b=` empty."""
        return f"{self.canonical}{seconds}; bh={body_hash}; b=".encode()

    def finished(self, *, seconds: int, body_hash: str, signature: bytes) -> bytes:
        """Return the field as it stands in the message, ended by CRLF."""
        encoded = base64_text(signature)
        lines = [encoded[at : at + _WIDTH - 4] for at in range(0, len(encoded), _WIDTH - 4)]
        folded = "\r\n ".join(lines)
        return f"{self.raw}{seconds}; bh={body_hash};\r\n b={folded}\r\n".encode()


def base64_text(octets: bytes) -> str:
    """Return octets in base64, on one line."""
    return b2a_base64(octets, newline=False).decode()


def relaxed_lines(fields: Sequence[Field]) -> bytes:
    """Return fields in the relaxed form, each ended by CRLF, as they go into the hash."""
    return "".join([f"{relaxed(field)}\r\n" for field in fields]).encode()
