"""Schedule rules, in plain words or as RFC 5545 RRULEs, on a wall clock in an IANA time zone.

The rule runs over naive wall-clock times; each is then found in its zone. An hour that the clocks
skip is met at the first moment after the gap, an hour they repeat at its first pass: once each.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rruleset, rrulestr

from alerts.clock import time_zones
from alerts.errors import Invalid

_EPOCH = datetime(2020, 1, 1)  # noqa: DTZ001 - a wall clock, in whatever zone the rule names
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_RRULE_DAYS = dict(zip(_DAYS, ("MO", "TU", "WE", "TH", "FR", "SA", "SU"), strict=True))
_DAY_NAMES = dict(
    zip(
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        _DAYS,
        strict=True,
    )
)
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\Z")
_EVERY = re.compile(r"every\s+(\d+)?\s*(m|minutes?|h|hours?)\Z")
_LONGEST_SEARCH = timedelta(days=366 * 5)
_EXAMPLE = '"weekly on mon 08:00 Asia/Kolkata", "daily 18:30 Europe/Paris", "every 15 minutes"'
_MINUTES_OF_AN_HOUR = 60
_HOURS_OF_A_DAY = 24
_LAST_SURE_DAY = 28
_START = re.compile(
    r"DTSTART(;TZID=(?P<zone>[^:;\s]+))?:(?P<wall>\d{8}T\d{6})(?(zone)|Z?)\s+", re.IGNORECASE
)
_EARLIEST_START = 1990


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A due moment: `at` in UTC, `local` on the wall clock of the rule's zone.

    `period` names the wall-clock time that was planned, so that an hour that comes twice is one.
    """

    at: datetime
    local: datetime
    period: str


@dataclass(frozen=True)
class Rule:
    """A rule in its canonical text, with its RFC 5545 form and its zone.

    `start` is the wall clock that an RRULE counts from, and takes what it does not name from.
    """

    text: str
    recurrence: str
    zone: str
    start: datetime = _EPOCH

    @cached_property
    def _from_start(self) -> rrule | rruleset:
        return _recurring(self.recurrence, self.start)

    def _rule_near(self, wall: datetime) -> rrule | rruleset:
        """Return the rule to search from a wall clock on.

        dateutil walks from a rule's start. Rules in plain words name all their days and times, so
        they may start anywhere; an RRULE takes what it does not name from its start.
        """
        if "RRULE:" not in self.text:
            return _recurring(
                self.recurrence, wall.replace(hour=0, minute=0, second=0, microsecond=0)
            )
        hours = _hours_apart(self.recurrence)
        if hours is None or wall <= self.start:
            return self._from_start
        # Walked from its start, an hourly rule would be found after ten thousands of steps.
        steps = (wall - self.start) // timedelta(hours=hours)
        return _recurring(self.recurrence, self.start + steps * timedelta(hours=hours))

    def after(self, moment: datetime) -> Occurrence | None:
        """Return the first occurrence after a moment (aware), or None when there is none."""
        zone = ZoneInfo(self.zone)
        # The search starts a little early: a skipped hour's moment lies after its wall clock.
        wall = moment.astimezone(zone).replace(tzinfo=None) - timedelta(hours=3)
        limit = wall + _LONGEST_SEARCH
        recurring = self._rule_near(wall)
        while True:
            planned = recurring.after(wall)
            if planned is None or planned > limit:
                return None
            found = _resolve(planned, zone)
            if found.at > moment:
                return found
            wall = planned


def parse_rule(text: str) -> Rule:
    """Read a rule; raises Invalid that says what was understood, and up to where."""
    words = text.strip()
    if "FREQ=" in words.upper():
        return _parse_rrule(words)
    rest, zone = _take_zone(words)
    every = _EVERY.match(rest.lower())
    if rest.lower() == "hourly" or every:
        return _parse_every(rest.lower(), every, zone)
    return _parse_daily(text, rest.lower(), zone)


def _parse_every(rest: str, match: re.Match[str] | None, zone: str) -> Rule:
    count = int(match.group(1) or 1) if match else 1
    minutes = bool(match and match.group(2).startswith("m"))
    whole = _MINUTES_OF_AN_HOUR if minutes else _HOURS_OF_A_DAY
    if not 1 <= count < whole or whole % count:
        unit = "minutes of an hour" if minutes else "hours of a day"
        raise Invalid(f"rule {rest!r}: {count} does not divide the {whole} {unit} evenly")
    if minutes:
        slots = ",".join(str(n) for n in range(0, whole, count))
        recurrence = f"FREQ=HOURLY;BYMINUTE={slots};BYSECOND=0"
        shown = "every minute" if count == 1 else f"every {count} minutes"
    else:
        slots = ",".join(str(n) for n in range(0, whole, count))
        recurrence = f"FREQ=DAILY;BYHOUR={slots};BYMINUTE=0;BYSECOND=0"
        shown = "hourly" if count == 1 else f"every {count} hours"
    return Rule(shown if zone == "UTC" else f"{shown} {zone}", recurrence, zone)


def _parse_daily(text: str, rest: str, zone: str) -> Rule:
    words = rest.replace(",", " ").split()
    words = [word for word in words if word not in {"on", "at", "and", "the"}]
    understood: list[str] = []
    if not words or words[0] not in {"daily", "weekdays", "weekly", "monthly"}:
        raise _not_understood(text, understood, words)
    kind = words.pop(0)
    understood.append(kind)
    chosen: list[str] = []
    while words and not _TIME.match(words[0]):
        word = words.pop(0)
        day = _day_of(kind, word)
        if day is None:
            raise _not_understood(text, [*understood, *chosen], [word, *words])
        chosen.append(day)
    if not words or len(words) > 1:
        raise _not_understood(text, [*understood, *chosen], words or ["(no time such as 08:00)"])
    match = _TIME.match(words[0])
    if match is None or (kind in {"weekly", "monthly"} and not chosen):
        raise _not_understood(text, understood, ["(no day)", *words])
    hour, minute = int(match.group(1)), int(match.group(2))
    return _daily_rule(kind, list(dict.fromkeys(chosen)), hour, minute, zone)


def _daily_rule(kind: str, chosen: list[str], hour: int, minute: int, zone: str) -> Rule:
    at = f"BYHOUR={hour};BYMINUTE={minute};BYSECOND=0"
    shown_time = f"{hour:02}:{minute:02} {zone}"
    match kind:
        case "weekly":
            chosen.sort(key=_DAYS.index)
            days = ",".join(_RRULE_DAYS[day] for day in chosen)
            return Rule(
                f"weekly on {','.join(chosen)} {shown_time}",
                f"FREQ=WEEKLY;BYDAY={days};{at}",
                zone,
            )
        case "monthly":
            chosen.sort(key=int)
            days = ",".join(chosen)
            return Rule(
                f"monthly on {days} {shown_time}", f"FREQ=MONTHLY;BYMONTHDAY={days};{at}", zone
            )
        case "weekdays":
            return Rule(f"weekdays {shown_time}", f"FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;{at}", zone)
        case _:
            return Rule(f"daily {shown_time}", f"FREQ=DAILY;{at}", zone)


def _day_of(kind: str, word: str) -> str | None:
    if kind == "weekly":
        short = _DAY_NAMES.get(word, word)
        return short if short in _DAYS else None
    if kind == "monthly":
        number = re.fullmatch(r"(\d{1,2})(st|nd|rd|th)?", word)
        if number and 1 <= int(number.group(1)) <= _LAST_SURE_DAY:
            return str(int(number.group(1)))
    return None


def _parse_rrule(text: str) -> Rule:
    start = _START.match(text)
    if start:
        zone = _known_zone(start.group("zone") or "UTC")
        body, counted_from = text[start.end() :], _wall_clock(text, start.group("wall"))
        prefix = f"DTSTART;TZID={zone}:{counted_from:%Y%m%dT%H%M%S} "
    else:
        body, _, name = text.rpartition(" ")
        body, zone = (body, _known_zone(name)) if body else (text, "UTC")
        prefix, counted_from = "", _EPOCH
    recurrence = re.sub(r"^RRULE:", "", body.strip(), flags=re.IGNORECASE).upper()
    if "FREQ=SECONDLY" in recurrence or "FREQ=MINUTELY" in recurrence:
        raise Invalid(
            f"rule {text!r}: nothing can be due every second or minute; FREQ=HOURLY is the least,"
            ' and "every 15 minutes" is a rule of its own'
        )
    shown = f"{prefix}RRULE:{recurrence}" if prefix else f"RRULE:{recurrence} {zone}"
    rule = Rule(shown, recurrence, zone, counted_from)
    try:
        rule.after(datetime(2024, 1, 1, tzinfo=UTC))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Invalid(
            f"rule {text!r} is no RFC 5545 RRULE: {error}; "
            'an example is "RRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=8;BYMINUTE=0 Asia/Kolkata"'
        ) from error
    return rule


def _wall_clock(text: str, digits: str) -> datetime:
    try:
        start = datetime.strptime(digits, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a wall clock
    except ValueError as error:
        raise Invalid(f"rule {text!r}: DTSTART is no day and time: {digits}") from error
    if start.year < _EARLIEST_START:
        raise Invalid(f"rule {text!r}: DTSTART lies before {_EARLIEST_START}")
    return start


def _hours_apart(recurrence: str) -> int | None:
    """Return the hours between two steps of an hourly rule that may be entered anywhere."""
    if "FREQ=HOURLY" not in recurrence or "COUNT=" in recurrence or "BYSETPOS" in recurrence:
        return None
    interval = re.search(r"INTERVAL=(\d+)", recurrence)
    return max(1, int(interval.group(1))) if interval else 1


def _recurring(recurrence: str, start: datetime) -> rrule | rruleset:
    parsed: rrule | rruleset = rrulestr(f"DTSTART:{start:%Y%m%dT%H%M%S}\nRRULE:{recurrence}")
    return parsed


def _take_zone(text: str) -> tuple[str, str]:
    before, _, last = text.rpartition(" ")
    if "/" in last or last.upper() in {"UTC", "GMT"}:
        return before.strip(), _known_zone(last)
    return text, "UTC"


def _known_zone(name: str) -> str:
    found = time_zones().get(name.lower())
    if found is None:
        raise Invalid(f"there is no time zone {name!r}; Asia/Kolkata or Europe/Paris would be one")
    return found


def _resolve(planned: datetime, zone: ZoneInfo) -> Occurrence:
    at = planned.replace(tzinfo=zone, fold=0).astimezone(UTC)
    local = at.astimezone(zone)
    if local.replace(tzinfo=None) != planned:
        # The clocks skip this hour. Read with the offset from before the gap it would lie as far
        # after the gap as it was planned into it; what is wanted is the gap's end.
        at = _end_of_gap(at, zone)
        local = at.astimezone(zone)
    return Occurrence(at, local, f"{planned:%Y-%m-%dT%H:%M} {zone.key}")


def _end_of_gap(at: datetime, zone: ZoneInfo) -> datetime:
    before = at - timedelta(hours=3)
    low, high = before, at
    # Clocks change on whole seconds, so the search ends on the first one of the new offset.
    old_offset = before.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == old_offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def _not_understood(text: str, understood: list[str], left: list[str]) -> Invalid:
    known = f"understood {' '.join(understood)!r}, then not" if understood else "not understood:"
    return Invalid(f"rule {text!r}: {known} {' '.join(left)!r}; examples are {_EXAMPLE}")
