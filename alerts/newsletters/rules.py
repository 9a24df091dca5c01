"""Schedule rules, in plain words or as RFC 5545 RRULEs, on a wall clock in an IANA time zone.

The rule runs over naive wall-clock times; each is then found in its zone (`wall_clock.py`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rruleset

from alerts.errors import Invalid
from alerts.newsletters.day_words import FIRST_YEAR, LAST_YEAR, date_of, take_day
from alerts.newsletters.left_out import NOTHING, Exceptions, LeftOut
from alerts.newsletters.plain_rules import EPOCH, Head, read_head
from alerts.newsletters.recurrences import check_recurrence, recurring, step_of
from alerts.newsletters.rule_words import Words, one_line
from alerts.newsletters.wall_clock import Occurrence, resolve
from alerts.newsletters.zone_words import known_zone, no_zone, take_zone

__all__ = ["Occurrence", "Rule", "kept_rule", "parse_rule"]

# How long a rule is searched for a moment that is not left out.
_LONGEST_SEARCH = timedelta(days=366 * 5)
_START = re.compile(
    r"DTSTART(?:;TZID=(?P<zone>[^:;\s]+))?:(?P<wall>\d{8}T\d{6})(?(zone)|(?P<utc>Z?))\s+",
    re.IGNORECASE,
)
# What people leave between the parts of a recurrence.
_SPACED = re.compile(r"\s*([;,=]|(?<=RRULE):)\s*", re.IGNORECASE)
# What no zone's name has: a second rule, a property that is not read here.
_MARKS = re.compile(r"[=:;]")
_TAIL = re.compile(r"\s+(?:but\s+)?(?:except|excluding|without|not\s+on|exdate[;:])", re.IGNORECASE)


@dataclass(frozen=True)
class Rule:
    """A rule in its canonical text, with its RFC 5545 form and its zone.

    `start` is the wall clock that the recurrence counts from, and takes what it does not name
    from. Nothing comes before `first_day`, and nothing on what is `left_out`.
    """

    text: str
    recurrence: str
    zone: str
    start: datetime = EPOCH
    first_day: date | None = None
    left_out: LeftOut = NOTHING

    @property
    def comes_once(self) -> bool:
        """Whether the rule is a single moment, `once on …`."""
        return "COUNT=1" in self.recurrence.split(";")

    def after(self, moment: datetime) -> Occurrence | None:
        """Return the first occurrence after a moment (aware), or None when there is none."""
        return next(self._search(moment, tell=False), None)

    def coming(self, moment: datetime) -> Iterator[Occurrence]:
        """Yield the occurrences after a moment (aware), with those that are left out, marked so.

        Ends with the rule, or when all was left out for five years.
        """
        return self._search(moment, tell=True)

    def _search(self, moment: datetime, *, tell: bool) -> Iterator[Occurrence]:
        zone = ZoneInfo(self.zone)
        wall = moment.astimezone(zone).replace(tzinfo=None)
        if self.first_day is not None:
            wall = max(wall, datetime.combine(self.first_day, datetime.min.time()) - _TICK)
        last = moment
        limit = wall + _LONGEST_SEARCH
        for planned in self._planned(wall, tell=tell):
            if planned.year > LAST_YEAR:
                return
            reason = self.left_out.reason(planned)
            if reason and planned > limit:
                return
            found = resolve(planned, zone, left_out=reason)
            if found.at <= last:
                # Of several that a gap in the clocks moves to one moment, the first is enough.
                continue
            if not reason:
                last = found.at
                limit = planned + _LONGEST_SEARCH
            yield found

    def _planned(self, wall: datetime, *, tell: bool) -> Iterator[datetime]:
        """Yield the planned wall clocks after one; those left out only where they are told.

        Where they are not, a day that is left out is left at once: a rule for every minute would
        be walked through millions of steps over a range of years.
        """
        last = wall + _LONGEST_SEARCH
        start: datetime | None = wall
        while start is not None:
            begin, start = start, None
            for planned in self._near(begin).xafter(begin):
                if tell or not self.left_out.reason(planned):
                    yield planned
                elif planned > last:
                    return
                elif planned not in self.left_out.moments and step_of(self.recurrence):
                    start = planned.replace(hour=23, minute=59, second=59)
                    break

    def _near(self, wall: datetime) -> rrule | rruleset:
        """Return the rule to search from a wall clock on.

        dateutil walks from a rule's start: ten thousands of steps for an hourly one. A rule whose
        steps are all of one length may be entered at any of them.
        """
        step = step_of(self.recurrence)
        if step is None or wall <= self.start:
            return recurring(self.recurrence, self.start)
        return recurring(self.recurrence, self.start + (wall - self.start) // step * step)


_TICK = timedelta(microseconds=1)


def parse_rule(text: str, *, zone: str = "UTC") -> Rule:
    """Read a rule; `zone` is for one that names none.

    Raises Invalid that says what was understood, up to where, and what may have been meant. The
    rule's own text always names its zone, and is read as the same rule.
    """
    return _parse(one_line(text), zone)


def kept_rule(text: str) -> Rule | None:
    """Return a rule that is stored; None where it is not understood any more.

    A newer time zone database may have dropped its zone, a newer program may read more closely.
    """
    try:
        return parse_rule(text)
    except Invalid:
        return None


# The same few rules are read at every tick and every look at a newsletter.
@lru_cache(maxsize=512)
def _parse(line: str, zone: str) -> Rule:
    if "FREQ=" in line.upper():
        return _parse_rrule(line, zone)
    words = Words(line)
    head = read_head(words)
    return _with_tail(head, words, zone)


def _with_tail(head: Head, words: Words, default: str) -> Rule:
    """Read what follows a rule's time, in any order: zone, start, exceptions."""
    zone, first_day, exceptions = "", None, Exceptions()
    while words.peek():
        words.skip(",", "and", "but", ";")
        if exceptions.take(words):
            continue
        if first_day is None and words.took("starting", "beginning", "from"):
            first_day = _first_day(words)
        elif not zone and (found := take_zone(words)):
            zone = found
        else:
            raise no_zone(words)
    if first_day is not None:
        if "COUNT=1" in head.recurrence:
            raise Invalid(f"rule {head.text!r}: what comes once has no start beside its day")
        head = head.starting(first_day)
    zone = zone or default
    left_out = exceptions.left_out(zone)
    since = f" starting {first_day}" if first_day else ""
    shown = f"{head.text} {zone}{since}{left_out.text}"
    return Rule(shown, head.recurrence, zone, head.start, first_day, left_out)


def _first_day(words: Words) -> date:
    words.skip("on", "from", "the")
    day = take_day(words)
    if day is None or day.year is None:
        raise words.refuse(missing="a day with its year, such as 2026-12-01, is wanted here")
    return date_of(day)


def _parse_rrule(text: str, default: str) -> Rule:
    tail = _TAIL.search(text)
    main = _SPACED.sub(r"\1", text[: tail.start()] if tail else text).strip()
    start = _START.match(main)
    if start:
        zone = known_zone(start.group("zone") or ("UTC" if start.group("utc") else default))
        body, counted_from = main[start.end() :], _wall_clock(text, start.group("wall"))
        prefix = f"DTSTART;TZID={zone}:{counted_from:%Y%m%dT%H%M%S} "
        if " " in body:
            raise Invalid(f"rule {text!r}: beside a DTSTART the zone is its TZID, or none is named")
    else:
        body, zone = _with_zone(text, main, default)
        prefix, counted_from = "", EPOCH
    given = re.sub(r"^RRULE:", "", body, flags=re.IGNORECASE).upper()
    recurrence = _on_the_wall(text, given, zone)
    check_recurrence(text, recurrence, counted_from)
    left_out = _left_out_of(text[tail.start() :] if tail else "", zone)
    shown = f"{prefix}RRULE:{given}" if prefix else f"RRULE:{given} {zone}"
    return Rule(f"{shown}{left_out.text}", recurrence, zone, counted_from, left_out=left_out)


def _with_zone(text: str, main: str, default: str) -> tuple[str, str]:
    """Return a recurrence that has no start before it, and the zone that follows it."""
    if main.upper().startswith("DTSTART"):
        raise Invalid(
            f"rule {text!r}: DTSTART is a day and time, DTSTART:20261201T080000 or "
            "DTSTART;TZID=Asia/Kolkata:20261201T080000, and the RRULE follows it"
        )
    body, _, name = main.partition(" ")
    if _MARKS.search(name):
        shown = next(word for word in name.split() if _MARKS.search(word))
        raise Invalid(
            f"rule {text!r} is not understood from {shown[:60]!r} (understood so far: {body}): "
            "one RRULE, its zone, and exceptions make a rule"
        )
    return (body, known_zone(name)) if name else (main, default)


def _on_the_wall(text: str, recurrence: str, zone: str) -> str:
    """Return a recurrence whose UNTIL is a wall clock of the zone.

    RFC 5545 asks for it in UTC beside a start in a zone; a day alone is meant to its end.
    """

    def wall_clock(found: "re.Match[str]") -> str:
        try:
            until = datetime.strptime(f"{found[1]}{found[2] or 'T235959'}", "%Y%m%dT%H%M%S")  # noqa: DTZ007 - its zone follows
        except ValueError as error:
            shown = found[0].partition("=")[2]
            raise Invalid(f"rule {text!r}: there is no day and time {shown} for UNTIL") from error
        if found[3]:
            until = until.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
        return f"UNTIL={until:%Y%m%dT%H%M%S}"

    return re.sub(r"\bUNTIL=(\d{8})(T\d{6})?(Z?)(?=;|$)", wall_clock, recurrence)


def _left_out_of(tail: str, zone: str) -> LeftOut:
    words, exceptions = Words(tail), Exceptions()
    while words.peek():
        words.skip(",", "and", "but", ";")
        if not exceptions.take(words):
            raise words.refuse(missing="only exceptions can stand here")
    return exceptions.left_out(zone)


def _wall_clock(text: str, digits: str) -> datetime:
    try:
        start = datetime.strptime(digits, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a wall clock
    except ValueError as error:
        raise Invalid(f"rule {text!r}: DTSTART is no day and time: {digits}") from error
    if start.year < FIRST_YEAR:
        raise Invalid(f"rule {text!r}: DTSTART lies before {FIRST_YEAR}")
    if start.year > LAST_YEAR:
        raise Invalid(f"rule {text!r}: DTSTART lies after {LAST_YEAR}")
    return start
