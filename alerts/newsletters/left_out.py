"""The days and moments that a rule leaves out: in plain words, or as RFC 5545 EXDATE. Pure.

`except 26 January` is a day of every year, `except 2026-12-25` one day, `except 20 December to
2 January` a range of days, `except sun` a weekday, `except 2026-12-25 08:00` one moment.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from alerts.errors import Invalid
from alerts.newsletters.day_words import (
    DAYS,
    FIRST_YEAR,
    LAST_YEAR,
    TO,
    Day,
    date_of,
    day_text,
    take_day,
    take_day_number,
    take_week_days,
)
from alerts.newsletters.rule_words import Words, take_time
from alerts.newsletters.zone_words import known_zone

_EXDATE = re.compile(
    r"EXDATE(?:;TZID=(?P<zone>[^:;]+)|;VALUE=(?P<value>DATE|DATE-TIME))*:(?P<list>[0-9TZ,]+)",
    re.IGNORECASE,
)
_DATE_DIGITS, _MOMENT_DIGITS = re.compile(r"\d{8}"), re.compile(r"\d{8}T\d{6}Z?")
_ALL_DAYS = 7

MonthDay = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a rule leaves out, each kind in order: weekdays, days of every year, days, moments.

    Ranges hold their first and last day; one of every year may run over the year's end.
    """

    weekdays: tuple[int, ...] = ()
    yearly: tuple[tuple[MonthDay, MonthDay], ...] = ()
    days: tuple[tuple[date, date], ...] = ()
    moments: tuple[datetime, ...] = ()

    @property
    def text(self) -> str:
        """The exceptions in canonical words, ` except …`, or nothing."""
        items = [DAYS[number] for number in self.weekdays]
        items += [_yearly_text(first, last) for first, last in self.yearly]
        items += [_days_text(first, last) for first, last in self.days]
        items += [_moment_text(moment) for moment in self.moments]
        return " except " + ", ".join(items) if items else ""

    def reason(self, planned: datetime) -> str:
        """Return the exception that leaves out a wall-clock time, in words, or nothing."""
        if self == NOTHING:
            return ""
        if planned.weekday() in self.weekdays:
            return DAYS[planned.weekday()]
        place = (planned.month, planned.day)
        for start, end in self.yearly:
            within = start <= place <= end if start <= end else place >= start or place <= end
            if within:
                return _yearly_text(start, end)
        day = planned.date()
        for first, last in self.days:
            if first <= day <= last:
                return _days_text(first, last)
        return _moment_text(planned) if planned in self.moments else ""


NOTHING = LeftOut()


class Exceptions:
    """What is being read of a rule's exceptions."""

    def __init__(self) -> None:
        self._weekdays: set[int] = set()
        self._yearly: set[tuple[MonthDay, MonthDay]] = set()
        self._days: set[tuple[date, date]] = set()
        self._moments: set[datetime] = set()
        self._exdates: list[str] = []

    def take(self, words: Words) -> bool:
        """Read the exceptions that come next, if any do; raises Invalid for a strange one."""
        if words.peek().startswith(("exdate;", "exdate:")):
            self._exdates.append(words.take())
            return True
        if not words.took("except", "excluding", "without", "not"):
            return False
        words.skip("on", "from", "for", "the", "between")
        self._take_item(words)
        while self._another(words):
            self._take_item(words)
        return True

    def left_out(self, zone: str) -> LeftOut:
        """Return all that was read, its moments on the wall clock of the rule's zone."""
        for text in self._exdates:
            self._read_exdate(text, zone)
        found = LeftOut(
            tuple(sorted(self._weekdays)),
            tuple(sorted(self._yearly)),
            tuple(sorted(self._days)),
            tuple(sorted(self._moments)),
        )
        if len(found.weekdays) == _ALL_DAYS:
            raise Invalid("the rule leaves out every day of the week; nothing would ever go out")
        return found

    def _another(self, words: Words) -> bool:
        """Read over what separates two exceptions, when one follows."""
        place = words.place
        words.skip(",", "and", "or", "on", "the")
        if words.place > place and self._item_follows(words):
            return True
        words.go_back(place)
        return False

    def _item_follows(self, words: Words) -> bool:
        place = words.place
        digit = words.peek()[:1].isdigit()
        found = digit or take_week_days(words) is not None or take_day(words) is not None
        words.go_back(place)
        return found

    def _take_item(self, words: Words) -> None:
        weekdays = take_week_days(words)
        if weekdays is not None:
            self._weekdays |= weekdays
            return
        place = words.place
        first = take_day(words) or self._day_of_later_month(words)
        if first is None:
            words.go_back(place)
            raise words.refuse(missing="a day such as 26 January or 2026-12-25 is wanted here")
        end = words.place
        last = take_day(words) if words.took(*TO) else first
        if last is None:
            raise words.refuse(missing="the last day of the range is wanted here")
        moment = None if end != words.place else take_time(words)
        if moment is not None and first.year:
            self._moments.add(datetime.combine(date_of(first), moment))
        elif moment is not None:
            words.go_back(end)
            raise words.refuse(missing="only a day with its year can leave out a single time")
        else:
            self._add_range(words, place, first, last)

    def _day_of_later_month(self, words: Words) -> Day | None:
        """Read the `24` of `24 to 26 December`."""
        number = take_day_number(words)
        if number is None or words.peek() not in TO:
            return None
        place = words.place
        words.take()
        last = take_day(words)
        words.go_back(place)
        return Day(last.month, number, last.year) if last and 1 <= number <= last.day else None

    def _add_range(self, words: Words, place: int, first: Day, last: Day) -> None:
        if bool(first.year) is not bool(last.year):
            words.go_back(place)
            raise words.refuse(missing="either both days of a range have a year, or neither has")
        if not first.year:
            self._yearly.add(((first.month, first.day), (last.month, last.day)))
            return
        if date_of(last) < date_of(first):
            words.go_back(place)
            raise words.refuse(missing=f"{day_text(last)} is before {day_text(first)}")
        self._days.add((date_of(first), date_of(last)))

    def _read_exdate(self, text: str, zone: str) -> None:
        match = _EXDATE.fullmatch(text)
        if match is None:
            raise _no_exdate(text)
        own = known_zone(match["zone"]) if match["zone"] else zone
        for item in match["list"].split(","):
            try:
                self._add_exdate(item.upper(), own, zone)
            except ValueError as error:
                raise _no_exdate(item) from error

    def _add_exdate(self, item: str, own: str, zone: str) -> None:
        if not FIRST_YEAR <= int(item[:4]) <= LAST_YEAR:
            raise ValueError(item)
        if _DATE_DIGITS.fullmatch(item):
            day = datetime.strptime(item, "%Y%m%d").replace(tzinfo=UTC).date()
            self._days.add((day, day))
            return
        if not _MOMENT_DIGITS.fullmatch(item):
            raise ValueError(item)
        wall = datetime.strptime(item[:15], "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a wall clock
        named = UTC if item.endswith("Z") else ZoneInfo(own)
        self._moments.add(
            wall.replace(tzinfo=named).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        )


def _no_exdate(text: str) -> Invalid:
    return Invalid(
        f"{text[:60]!r} is no RFC 5545 EXDATE; EXDATE;VALUE=DATE:20261225 leaves out a day, "
        "EXDATE:20261225T080000 a moment on the rule's wall clock"
    )


def _yearly_text(first: MonthDay, last: MonthDay) -> str:
    start = day_text(Day(*first))
    return start if first == last else f"{start} to {day_text(Day(*last))}"


def _days_text(first: date, last: date) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


def _moment_text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment.second else f"{moment:%Y-%m-%d %H:%M}"
