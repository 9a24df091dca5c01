"""What SES takes as the value of a message tag: letters, digits, `_` and `-`, 256 at most. Pure.

Anything else is refused, and with it the message. A Message-ID has dots and an @: each octet
beyond letters, digits and `-` is written as `_` and two hexadecimal digits.
"""

import re

_LONGEST = 256
_STRANGE = re.compile(rb"[^A-Za-z0-9-]")
_WRITTEN = re.compile(rb"_([0-9A-F]{2})")
_TAG = re.compile(r"[A-Za-z0-9_-]*\Z")


def as_tag(text: str) -> str:
    """Return a text as the value of a tag; empty where it is too long to be one."""
    tag = _STRANGE.sub(lambda found: b"_%02X" % found.group()[0], text.encode()).decode("ascii")
    return tag if len(tag) <= _LONGEST else ""


def from_tag(tag: str) -> str:
    """Return the text that `as_tag` wrote; what is no such tag stays as it is."""
    if not _TAG.match(tag):
        return tag
    octets = _WRITTEN.sub(lambda found: bytes([int(found[1], 16)]), tag.encode("ascii"))
    return octets.decode(errors="replace")
