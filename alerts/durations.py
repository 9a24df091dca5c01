"""Spans of time as a person writes them: `15m`, `36 hours`, `3 days`. Pure."""

import re
from datetime import timedelta

from alerts.errors import Invalid

_DURATION = re.compile(r"(\d{1,6}) ?([a-z]+)", re.IGNORECASE)
_UNITS = {
    timedelta(seconds=1): ("second", {"s", "sec", "second", "seconds"}),
    timedelta(minutes=1): ("minute", {"m", "min", "minute", "minutes"}),
    timedelta(hours=1): ("hour", {"h", "hour", "hours"}),
    timedelta(days=1): ("day", {"d", "day", "days"}),
    timedelta(weeks=1): ("week", {"w", "week", "weeks"}),
}


def parse_duration(text: str) -> timedelta:
    """Read a whole number with its unit; raise Invalid."""
    match = _DURATION.fullmatch(text.strip())
    word = match[2].lower() if match else ""
    unit = next((unit for unit, (_, words) in _UNITS.items() if word in words), None)
    if match is None or unit is None or int(match[1]) == 0:
        raise Invalid(f"{text!r} is no span of time; 30 minutes, 12 hours or 3 days would be right")
    return int(match[1]) * unit


def duration_text(span: timedelta) -> str:
    """Return a span in the largest unit that tells it whole: `3 days`, `36 hours`."""
    unit = next(unit for unit in reversed(_UNITS) if not span % unit)
    count = span // unit
    return f"{count} {_UNITS[unit][0]}{'' if count == 1 else 's'}"
