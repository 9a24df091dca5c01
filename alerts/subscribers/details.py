"""What subscribers say of themselves beside their address: a name, a time zone."""

import unicodedata

from alerts.clock import time_zones
from alerts.errors import Invalid

_LONGEST_NAME = 300
# They turn around what stands after them. Joiners, invisible too, belong to names in many scripts.
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_time_zone(text: str | None) -> str | None:
    """Return an IANA time zone's name, None for none; raises Invalid."""
    zone = (text or "").strip()
    if not zone:
        return None
    known = time_zones().get(zone.lower())
    if known is None:
        raise Invalid(f"there is no time zone {zone!r}; Asia/Kolkata would be one")
    return known


def clean_name(text: str | None) -> str | None:
    """Return a person's name on one line, without control characters, None for none."""
    if text and text.isascii() and text.isprintable():
        # As most names are; what follows would come to the same.
        return " ".join(text.split())[:_LONGEST_NAME].strip() or None
    visible = "".join(" " if _is_control(character) else character for character in text or "")
    return " ".join(visible.split())[:_LONGEST_NAME].strip() or None


def printable(text: str, longest: int) -> str:
    """Return text from outside for a person: one line that cannot command a terminal, cut."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:longest])
    return f"{line}\N{HORIZONTAL ELLIPSIS}" if len(text) > longest else line


def _is_control(character: str) -> bool:
    return character in _TURNS or unicodedata.category(character) in {"Cc", "Cs"}
