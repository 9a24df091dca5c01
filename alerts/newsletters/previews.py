"""When a rule comes next, with what the clocks do and what is left out meanwhile. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from alerts.durations import duration_text
from alerts.newsletters.rules import Rule
from alerts.newsletters.wall_clock import ClockChange, Occurrence, clock_changes, comes_twice

_DAY_AND_TIME = "%a %d %B %Y %H:%M"


@dataclass(frozen=True, slots=True)
class Preview:
    """A moment to come, and what is worth knowing between the one before and it."""

    occurrence: Occurrence
    notes: tuple[str, ...] = ()


def preview(rule: Rule, *, count: int, after: datetime) -> list[Preview]:
    """Return the next moments of a rule after a moment (aware), at most `count`."""
    found: list[Preview] = []
    left_out: list[Occurrence] = []
    since = after
    for one in rule.coming(after):
        if one.left_out:
            left_out.append(one)
            continue
        changes = clock_changes(ZoneInfo(rule.zone), since, one.at)
        told = [*_changes(changes, ZoneInfo(rule.zone)), *_left_out(left_out)]
        notes = [note for _, note in sorted(told)]
        found.append(Preview(one, (*notes, *_own_notes(one))))
        if len(found) == count:
            break
        left_out, since = [], one.at
    return found


def _changes(changes: Iterator[ClockChange], zone: ZoneInfo) -> Iterator[tuple[datetime, str]]:
    for change in changes:
        # The clocks' own words: at 02:00 they go to 03:00.
        wall = change.at.replace(tzinfo=None) + change.before
        way = "forward" if change.after > change.before else "back"
        by = duration_text(abs(change.after - change.before))
        yield change.at, f"the clocks of {zone.key} go {way} by {by} on {wall:{_DAY_AND_TIME}}"


def _left_out(occurrences: Sequence[Occurrence]) -> Iterator[tuple[datetime, str]]:
    """Tell what is left out, in one note for all that the same exception leaves out in a row."""
    for reason, group in groupby(occurrences, key=lambda one: one.left_out):
        every = list(group)
        first, last = every[0], every[-1]
        said = f"{first.local:{_DAY_AND_TIME}}"
        if len(every) > 1:
            said = f"{len(every)} times from {said} to {last.local:{_DAY_AND_TIME}}"
        yield first.at, f"left out: {said} (except {reason})"


def _own_notes(one: Occurrence) -> Iterator[str]:
    planned = datetime.fromisoformat(one.period.partition(" ")[0])
    if planned != one.local.replace(tzinfo=None, second=0):
        yield f"the clocks skip {planned:%H:%M} on that day; it is made when they have"
    elif comes_twice(one.local):
        yield f"{planned:%H:%M} comes twice on that day; it is made at the first"
