"""Rules as a person would write them, read into RFC 5545 recurrences. Pure.

Read here is what comes before the zone: how often, on which days, at what time.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from alerts.newsletters.day_words import (
    DAY_NAMES,
    DAYS,
    MONTHS,
    date_of,
    day_number,
    day_range,
    day_text,
    take_day,
    take_week_days,
)
from alerts.newsletters.month_days import (
    LIST,
    RRULE_DAYS,
    WORKING,
    Days,
    ordinal_of,
    read_month_days,
)
from alerts.newsletters.rule_words import Words, need_time, take_time

EPOCH = datetime(2020, 1, 1)  # noqa: DTZ001 - a wall clock, in whatever zone the rule names
_MINUTES_OF_AN_HOUR, _HOURS_OF_A_DAY = 60, 24
_LONGEST_INTERVAL = 52
# Of the week after next, or of each month?
_AMBIGUOUS = 2
_UNITS = ("minute", "hour", "day", "week", "month")
_COUNTED = re.compile(r"(\d{1,4})([a-z]+)?")
_SHORT_UNITS = {"m": "minute", "min": "minute", "mins": "minute", "h": "hour", "hr": "hour"}
_STARTS = (
    "every", "daily", "weekdays", "weekly", "fortnightly", "monthly", "quarterly", "yearly",
    "hourly", "once", "first", "last", "weekends",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Head:
    """A rule up to its zone: in canonical words, as an RRULE, and the wall clock it counts from.

    `every` is the word of the unit that is counted in twos or more, and so wants a start.
    """

    text: str
    recurrence: str
    start: datetime = EPOCH
    every: str = ""

    def starting(self, day: date) -> "Head":
        """Return the rule counted from a day: its week, for weeks, and its month, for months."""
        if self.every == "week":
            day -= timedelta(days=day.weekday())
        elif self.every == "month":
            day = day.replace(day=1)
        elif not self.every:
            return self
        start = datetime.combine(day, time.min)
        return Head(self.text, self.recurrence, start, self.every)


def read_head(words: Words) -> Head:
    """Read a rule up to its zone; raises Invalid that says what was understood, up to where."""
    words.skip("on", "at", "the")
    early = take_time(words)
    words.skip("on", "the")
    reader = _Reader(words, early)
    if words.took("once"):
        return reader.once()
    if words.took("hourly"):
        return _hours(words, 1)
    if words.took("every", "each"):
        return reader.every()
    for names, read in reader.named().items():
        if words.took(*names):
            return read()
    return reader.bare()


class _Reader:
    """Reads the days and the time of one rule; the time may have come before the days."""

    def __init__(self, words: Words, early: time | None) -> None:
        self._words = words
        self._early = early

    def named(self) -> dict[tuple[str, ...], Callable[[], Head]]:
        """Return what follows on each word for how often."""
        return {
            ("daily",): self._daily,
            ("weekdays", "workdays"): self._weekdays,
            ("weekly",): self._weekly,
            ("fortnightly",): lambda: self._weeks(2),
            ("monthly",): self._monthly,
            ("quarterly",): lambda: self._months(3),
            ("yearly", "annually"): self._yearly,
        }

    def once(self) -> Head:
        """Read the day and time of what comes once."""
        self._words.skip("on", "the")
        day = take_day(self._words)
        if day is None:
            raise self._words.refuse(missing="a day such as 2026-12-01 is wanted here")
        if day.year is None:
            raise self._words.refuse(missing=f"of which year? {day_text(day)} 2026, for example")
        planned = datetime.combine(date_of(day), self._time())
        return Head(f"once on {planned:%Y-%m-%d %H:%M}", "FREQ=DAILY;COUNT=1", planned)

    def every(self) -> Head:
        """Read what follows on `every`."""
        words = self._words
        place = words.place
        if words.took("year") or self._names_a_day_of_the_year():
            return self._yearly()
        count, unit = _count_and_unit(words)
        if unit in _UNITS:
            return self._every(count, unit)
        if count > 1 and day_number(unit) is not None:
            words.go_back(words.place - 1)
            return self._weeks(count)
        words.go_back(place)
        if words.took(*WORKING) or (words.took("working", "business") and words.took("day")):
            return self._weekdays()
        if words.took("fortnight"):
            return self._weeks(2)
        if ordinal_of(words.peek()) == _AMBIGUOUS and "month" not in words.text.lower():
            raise words.refuse(missing="`every other friday`, or `second friday of the month`?")
        return self.bare()

    def _names_a_day_of_the_year(self) -> bool:
        place = self._words.place
        self._words.skip("the")
        found = take_day(self._words)
        self._words.go_back(place)
        return found is not None

    def _every(self, count: int, unit: str) -> Head:
        match unit:
            case "minute":
                return _minutes(self._words, count)
            case "hour":
                return _hours(self._words, count)
            case "day":
                return self._daily() if count == 1 else self._in_days(count)
            case "week":
                return self._weekly() if count == 1 else self._weeks(count)
            case _:
                return self._monthly() if count == 1 else self._months(count)

    def bare(self) -> Head:
        """Read a rule that begins with its days: `mondays 08:00`, `last day of the month 18:00`."""
        words = self._words
        if ordinal_of(words.peek()) is not None:
            return self._monthly()
        if words.peek() in {"weekends", "weekend"} or day_number(words.peek()) is not None:
            return self._weekly()
        if "-" in words.peek() and day_range(words.peek()) is not None:
            return self._weekly()
        raise words.refuse(near=(*_STARTS, *(name.lower() for name in DAY_NAMES)))

    def _daily(self) -> Head:
        at = self._time()
        return Head(f"daily {at:%H:%M}", f"FREQ=DAILY;{_at(at)}")

    def _weekdays(self) -> Head:
        at = self._time()
        return Head(f"weekdays {at:%H:%M}", f"FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;{_at(at)}")

    def _in_days(self, count: int) -> Head:
        _check_interval(self._words, count, "days")
        at = self._time()
        recurrence = f"FREQ=DAILY;INTERVAL={count};{_at(at)}"
        return Head(f"every {count} days {at:%H:%M}", recurrence, every="day")

    def _weekly(self) -> Head:
        days = self._week_days()
        at = self._time()
        return Head(f"weekly on {days.text} {at:%H:%M}", f"FREQ=WEEKLY;{days.parts};{_at(at)}")

    def _weeks(self, count: int) -> Head:
        _check_interval(self._words, count, "weeks")
        days = self._week_days()
        at = self._time()
        recurrence = f"FREQ=WEEKLY;INTERVAL={count};{days.parts};{_at(at)}"
        monday = EPOCH - timedelta(days=EPOCH.weekday())
        return Head(f"every {count} weeks on {days.text} {at:%H:%M}", recurrence, monday, "week")

    def _monthly(self) -> Head:
        days = read_month_days(self._words)
        at = self._time()
        shown = f"{days.text} of the month" if days.ordinal else f"monthly on {days.text}"
        return Head(f"{shown} {at:%H:%M}", f"FREQ=MONTHLY;{days.parts};{_at(at)}")

    def _months(self, count: int) -> Head:
        _check_interval(self._words, count, "months")
        days = read_month_days(self._words)
        at = self._time()
        recurrence = f"FREQ=MONTHLY;INTERVAL={count};{days.parts};{_at(at)}"
        return Head(f"every {count} months on {days.text} {at:%H:%M}", recurrence, every="month")

    def _yearly(self) -> Head:
        self._words.skip("on", "the")
        place = self._words.place
        day = take_day(self._words)
        if day is None or day.year is not None:
            self._words.go_back(place)
            raise self._words.refuse(missing="a day such as 26 January is wanted here")
        at = self._time()
        recurrence = f"FREQ=YEARLY;BYMONTH={day.month};BYMONTHDAY={day.day};{_at(at)}"
        return Head(f"yearly on {day.day} {MONTHS[day.month - 1]} {at:%H:%M}", recurrence)

    def _time(self) -> time:
        if self._early is not None:
            return self._early
        self._words.skip("at", ",")
        return need_time(self._words)

    def _week_days(self) -> Days:
        words = self._words
        words.skip(*LIST)
        chosen: set[int] = set()
        while (found := take_week_days(words)) is not None:
            chosen |= found
            words.skip(*LIST)
        if not chosen:
            raise words.refuse(
                near=[name.lower() for name in DAY_NAMES],
                missing=""
                if words.peek()[:1].isalpha()
                else "a day such as mon is missing (no day)",
            )
        days = sorted(chosen)
        shown = ",".join(DAYS[number] for number in days)
        return Days(shown, "BYDAY=" + ",".join(RRULE_DAYS[number] for number in days))


def _count_and_unit(words: Words) -> tuple[int, str]:
    """Read `2 weeks`, `other week`, `15m`, `hour`; whatever else the unit is, it is returned."""
    count, unit = 1, ""
    match = _COUNTED.fullmatch(words.peek())
    if words.took("other"):
        count = 2
    elif match:
        count, unit = int(match[1]), match[2] or ""
        words.take()
    if not unit:
        unit = words.peek()
        if unit:
            words.take()
    unit = _SHORT_UNITS.get(unit, unit.removesuffix("s"))
    if match and unit not in _UNITS:
        words.go_back(words.place - 1)
        raise words.refuse(near=[f"{name}s" for name in _UNITS])
    return count, unit


def _minutes(words: Words, count: int) -> Head:
    slots = _slots(words, count, _MINUTES_OF_AN_HOUR, "minutes of an hour")
    shown = "every minute" if count == 1 else f"every {count} minutes"
    return Head(shown, f"FREQ=HOURLY;BYMINUTE={slots};BYSECOND=0")


def _hours(words: Words, count: int) -> Head:
    slots = _slots(words, count, _HOURS_OF_A_DAY, "hours of a day")
    shown = "hourly" if count == 1 else f"every {count} hours"
    return Head(shown, f"FREQ=DAILY;BYHOUR={slots};BYMINUTE=0;BYSECOND=0")


def _slots(words: Words, count: int, whole: int, unit: str) -> str:
    if count == whole:
        words.go_back(words.place - 1)
        raise words.refuse(missing="`hourly`, or `daily 08:00`, says that")
    if not 1 <= count < whole or whole % count:
        words.go_back(words.place - 1)
        raise words.refuse(missing=f"{count} does not divide the {whole} {unit} evenly")
    return ",".join(str(number) for number in range(0, whole, count))


def _check_interval(words: Words, count: int, unit: str) -> None:
    if not 1 <= count <= _LONGEST_INTERVAL:
        words.go_back(words.place - 1)
        raise words.refuse(missing=f"every 2 to {_LONGEST_INTERVAL} {unit} is understood")


def _at(at: time) -> str:
    return f"BYHOUR={at.hour};BYMINUTE={at.minute};BYSECOND=0"
