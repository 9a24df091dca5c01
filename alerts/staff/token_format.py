"""What an API token looks like: `gpa_`, 43 random characters, 6 of a checksum. Pure but for dice.

Prefix and checksum let scanners of published code find a token that leaked without asking anybody,
and never take another text for one: `gpa_[0-9A-Za-z]{49}`.
"""

import re
import secrets
import zlib

PREFIX = "gpa_"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# 43 characters of 62 are 256 bits; six hold the 32 bits of a CRC.
_RANDOM, _CHECK = 43, 6
_TOKEN = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{_RANDOM}}})([0-9A-Za-z]{{{_CHECK}}})")
_HINT = len(PREFIX) + 4


def new_token() -> str:
    """Return a token that nobody had before."""
    drawn = "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM))
    return f"{PREFIX}{drawn}{_checksum(drawn)}"


def is_token(text: str) -> bool:
    """Tell whether a text has the form of a token and its checksum is right."""
    match = _TOKEN.fullmatch(text)
    return match is not None and _checksum(match[1]) == match[2]


def hint_of(token: str) -> str:
    """Return as much of a token as tells its owner which one it is, and nobody else anything."""
    return token[:_HINT]


def _checksum(drawn: str) -> str:
    left, digits = zlib.crc32(drawn.encode()), ""
    for _ in range(_CHECK):
        left, digit = divmod(left, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
