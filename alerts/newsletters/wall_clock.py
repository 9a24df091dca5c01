"""Moments on a wall clock in an IANA zone, through every change of the clocks. Pure.

An hour that the clocks skip is met at the first moment after the gap, an hour they repeat at its
first pass: once each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A due moment: `at` in UTC, `local` on the wall clock of the rule's zone.

    `period` names the wall-clock time that was planned, so that an hour that comes twice is one.
    `left_out` is the exception that leaves it out, in words, and mostly empty.
    """

    at: datetime
    local: datetime
    period: str
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A change of a zone's clocks: at that moment (UTC) they go from one offset to another."""

    at: datetime
    before: timedelta
    after: timedelta


def resolve(planned: datetime, zone: ZoneInfo, *, left_out: str = "") -> Occurrence:
    """Find a wall-clock time (naive) in its zone."""
    at = planned.replace(tzinfo=zone, fold=0).astimezone(UTC)
    local = at.astimezone(zone)
    gap = local.replace(tzinfo=None) - planned
    if gap:
        # The clocks skip this hour. Read with the offset from before the gap it would lie as far
        # after the gap as it was planned into it; what is wanted is the gap's end. A gap's length
        # before, the old offset is still in force.
        at = _change_between(at - gap, at, zone)
        local = at.astimezone(zone)
    return Occurrence(at, local, f"{planned:%Y-%m-%dT%H:%M} {zone.key}", left_out)


def comes_twice(local: datetime) -> bool:
    """Tell whether the clocks show this local time (aware) twice."""
    first, second = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    return first is not None and second is not None and first > second


def clock_changes(zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[ClockChange]:
    """Yield the changes of a zone's clocks after one moment (aware), up to another."""
    moment, offset = after.astimezone(UTC), _offset(after, zone)
    end = until.astimezone(UTC)
    while moment < end:
        following = min(moment + _DAY, end)
        changed = _offset(following, zone)
        if changed != offset:
            yield ClockChange(_change_between(moment, following, zone), offset, changed)
        moment, offset = following, changed


def _change_between(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """Return the first second of the offset that is in force at `high`, after that at `low`."""
    old = _offset(low, zone)
    # Clocks change on whole seconds, so the search ends on the first one of the new offset.
    while high - low > _SECOND:
        middle = low + (high - low) / 2
        if _offset(middle, zone) == old:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)
