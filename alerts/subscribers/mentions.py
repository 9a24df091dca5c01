"""Where an address stands in a text or a file, whatever the case and the encoding. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_MASK = "*"
# What would make it another address: a character before it, characters after it.
_BEFORE = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]"
_AFTER = ((rb"[A-Za-z0-9-]",), (rb"\.", rb"[A-Za-z0-9]"))
# An encoding, and the octets that stand before and after the octet of an ASCII character.
_CODES = (
    ("utf-8", b"", b""),
    ("latin-1", b"", b""),
    ("utf-16-le", b"", b"\0"),
    ("utf-16-be", b"\0", b""),
    ("utf-32-le", b"", b"\0\0\0"),
    ("utf-32-be", b"\0\0\0", b""),
)
_WIDEST = 4


@dataclass(frozen=True, slots=True)
class _Spelling:
    """An address in one encoding: in small letters, the pattern that finds it, and its mask."""

    small: bytes
    pattern: re.Pattern[bytes]
    mask: bytes


class Mentions:
    """Finds and masks an address that may be written in several ways."""

    def __init__(self, written: Iterable[str]) -> None:
        found = [
            _spelling(one, *code) for one in written for code in _CODES if _can_spell(one, code[0])
        ]
        self._spellings = list({one.small: one for one in found}.values())
        # In octets, with what may stand around it.
        self.longest = max(len(one.small) for one in found) + 3 * _WIDEST

    def are_in(self, content: bytes) -> bool:
        """Tell whether the address stands in a text or file."""
        small = content.lower()
        return any(one.small in small and one.pattern.search(content) for one in self._spellings)

    def masked(self, content: bytes) -> bytes:
        """Return the same, as many octets, with asterisks in the address's place."""
        small = content.lower()
        for one in self._spellings:
            if one.small in small:
                content = one.pattern.sub(one.mask, content)
        return content


def _spelling(text: str, code: str, before: bytes, after: bytes) -> _Spelling:
    octets = text.encode(code)
    width = len(before) + 1 + len(after)
    stars = _MASK * (len(octets) // width)
    first, last = re.escape(before), re.escape(after)
    others = b"|".join(b"".join(first + one + last for one in several) for several in _AFTER)
    pattern = re.compile(
        b"(?<!" + first + _BEFORE + last + b")" + re.escape(octets) + b"(?!" + others + b")",
        re.IGNORECASE | re.DOTALL,
    )
    return _Spelling(octets.lower(), pattern, stars.encode(code))


def _can_spell(text: str, code: str) -> bool:
    try:
        text.encode(code)
    except UnicodeEncodeError:
        return False
    return True
