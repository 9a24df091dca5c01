"""Plain words for pages: how often, when next, which regions, how big. Pure functions."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from alerts.newsletters.models import Issue, RunOutcome
from alerts.newsletters.numbers import numbers_of
from alerts.regions import REGIONS
from alerts.subscribers.models import Frequency

HOW_OFTEN = {
    Frequency.IMMEDIATE: "as soon as an article is published",
    Frequency.DAILY: "once a day",
    Frequency.WEEKLY: "once a week",
    Frequency.MONTHLY: "once a month",
}
# What came of a scheduled run, at the desk.
OUTCOMES = {
    RunOutcome.CLAIMED: "at work",
    RunOutcome.DRAFTED: "drafted",
    RunOutcome.SENDING: "sent off",
    RunOutcome.SKIPPED: "skipped",
    RunOutcome.FAILED: "failed",
    RunOutcome.MERGED: "merged",
    RunOutcome.MISSED: "missed",
}
_KIB = 1024


def listed(words: Iterable[str], *, last: str = "and") -> str:
    """Return the words as a person lists them: `a`, `a and b`, `a, b and c`."""
    items = list(words)
    if len(items) <= 1:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def moment_in_words(moment: datetime, *, own: bool = False) -> str:
    """Return a moment on its own zone's wall clock: `Monday 30 November, 08:00 (Kolkata time)`.

    With `own` the zone is the reader's, and called so: `08:00 your time`.
    """
    zone = "your time" if own else f"({_zone_in_words(moment)})"
    return f"{moment:%A} {moment.day} {moment:%B}, {moment:%H:%M} {zone}"


def moment_in_utc(moment: datetime) -> str:
    """Return a moment as the desk shows it: `Mon 23 Nov 2026, 06:00 UTC`."""
    at = moment.astimezone(UTC)
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M} UTC"


def day_in_words(day: date) -> str:
    """Return a day as a person says it: `Thursday 3 December 2026`."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def _zone_in_words(moment: datetime) -> str:
    if not isinstance(moment.tzinfo, ZoneInfo):
        return moment.tzname() or "UTC"
    place = moment.tzinfo.key.rpartition("/")[2].replace("_", " ")
    return place if place in {"UTC", "GMT"} else f"{place} time"


def regions_in_words(slugs: Iterable[str]) -> str:
    """Return wished places by name, or `all regions` for an empty wish; regions come as slugs."""
    names = [REGIONS[slug].name if slug in REGIONS else slug for slug in slugs]
    return listed(names) or "all regions"


def size_in_words(size: int) -> str:
    """Return a size in bytes as `742 B`, `23 KB` or `1.4 MB`."""
    if size < _KIB:
        return f"{size} B"
    if size < _KIB * _KIB:
        return f"{round(size / _KIB)} KB"
    return f"{size / (_KIB * _KIB):.1f} MB"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: `1 mail`, `3 mails`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def numbers_in_words(issue: Issue) -> str:
    """Return an issue's numbers as the house prints them; nothing once they are given back."""
    numbers = numbers_of(issue)
    return numbers.label if numbers else ""


def often(frequency: str) -> str:
    """Return how often a frequency comes, in words; one that is none stays as it is."""
    return HOW_OFTEN[Frequency(frequency)] if frequency in set(Frequency) else frequency
