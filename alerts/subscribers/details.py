"""What subscribers say of themselves beside their address: a name, a time zone."""

from alerts.clock import time_zones
from alerts.errors import Invalid

_LONGEST_NAME = 300


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
    """Return a person's name on one line, None for none."""
    name = " ".join((text or "").replace("\0", " ").split())[:_LONGEST_NAME]
    return name or None
