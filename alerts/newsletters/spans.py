"""Spans of time as an editor writes them: `12 hours`, `1 day`, `3 days`. Pure."""

import re
from datetime import timedelta

from alerts.errors import Invalid

_SPAN = re.compile(r"([0-9]{1,6}) *(minute|hour|day|week)s?", re.IGNORECASE)
# Who greylists wants to see a message again after five minutes or so.
_SHORTEST, _LONGEST = timedelta(minutes=10), timedelta(days=30)


def parse_span(text: str) -> timedelta:
    """Return a span of whole minutes, hours, days or weeks; raise Invalid.

    Shorter than ten minutes, a message is not even tried a second time; after thirty days nobody
    waits for it any more.
    """
    number, unit = _parts(text)
    span = timedelta(**{f"{unit}s": number})
    if not _SHORTEST <= span <= _LONGEST:
        raise Invalid(f"{text!r} is not between 10 minutes and 30 days; 1 day would be right")
    return span


def normal_span(text: str) -> str:
    """Return a span in the form in which it is exported, its number and unit kept."""
    parse_span(text)
    number, unit = _parts(text)
    return f"{number} {unit}{'s' * (number != 1)}"


def _parts(text: str) -> tuple[int, str]:
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise Invalid(f"{text!r} is not understood; 12 hours, 1 day or 3 days would be right")
    return int(match.group(1)), match.group(2).lower()
