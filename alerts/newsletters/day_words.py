"""What days are called in a rule: of the week, of every year, of one year. Pure."""

import calendar
import re
from dataclasses import dataclass
from datetime import date

from alerts.newsletters.rule_words import Words

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_NAMES = tuple(calendar.day_name)
MONTHS = tuple(calendar.month_name)[1:]
TO = ("to", "-", "–", "—", "until", "till", "through")
FIRST_YEAR, LAST_YEAR = 1990, 2199

_ALSO = {"tue": ("tues",), "wed": ("weds",), "thu": ("thur", "thurs")}
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_WEEKDAYS, _WEEKEND = frozenset(range(5)), frozenset({5, 6})
_LEAP_YEAR = 2024


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a year, or of every year."""

    month: int
    day: int
    year: int | None = None


def day_number(word: str) -> int | None:
    """Return a weekday's number by its name (`mon`, `Monday`, `mondays`), 0 for Monday."""
    told = word.lower().removesuffix(".")
    for number, name in enumerate(DAY_NAMES):
        short = DAYS[number]
        known = (short, name.lower(), *_ALSO.get(short, ()))
        if told in known or told.removesuffix("s") in known:
            return number
    return None


def take_week_days(words: Words) -> set[int] | None:
    """Read one day, a range of days, or a word for several."""
    if words.took("weekdays", "weekday"):
        return set(_WEEKDAYS)
    if words.took("weekends", "weekend"):
        return set(_WEEKEND)
    joined = day_range(words.peek())
    if joined is not None:
        words.take()
        return joined
    first = day_number(words.peek())
    if first is None:
        return None
    words.take()
    last = day_number(words.peek(1))
    if words.peek() in {"to", "-", "–", "through"} and last is not None:
        words.take()
        words.take()
        return _from_to(first, last)
    return {first}


def day_range(word: str) -> set[int] | None:
    """Return the days of `mon-fri`."""
    first, dash, last = word.partition("-")
    start, end = day_number(first), day_number(last)
    return None if not dash or start is None or end is None else _from_to(start, end)


def _from_to(first: int, last: int) -> set[int]:
    return {(first + step) % 7 for step in range((last - first) % 7 + 1)}


def take_day(words: Words) -> Day | None:
    """Read a day (`26 January`, `January 26th, 2027`, `2027-01-26`), if one comes.

    Raises Invalid for a day that does not exist, with those beside it.
    """
    if _ISO_DAY.fullmatch(words.peek()):
        year, month, day = (int(part) for part in words.peek().split("-"))
        return _existing(words, Day(month, day, year), 1)
    length = 2
    named, number = _month(words.peek()), _day_of_month(words.peek(1))
    if named is None:
        length += words.peek(1) == "of"
        named, number = _month(words.peek(length - 1)), _day_of_month(words.peek())
    if named is None or number is None:
        return None
    comma = 1 if words.peek(length) == "," else 0
    year_word = words.peek(length + comma)
    if re.fullmatch(r"\d{4}", year_word):
        return _existing(words, Day(named, number, int(year_word)), length + comma + 1)
    return _existing(words, Day(named, number), length)


def take_day_number(words: Words) -> int | None:
    """Read a bare day of a month (`24`, `24th`), if one comes."""
    number = _day_of_month(words.peek())
    if number is not None:
        words.take()
    return number


def _month(word: str) -> int | None:
    short = word.removesuffix(".")
    for number, name in enumerate(MONTHS, 1):
        full = name.lower()
        if short == full or (len(short) in {3, 4} and full.startswith(short)):
            return number
    return None


def _day_of_month(word: str) -> int | None:
    match = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?", word)
    return int(match[1]) if match else None


def _existing(words: Words, day: Day, length: int) -> Day:
    """Read over a day's words; raises Invalid when no calendar has the day."""
    year = day.year or _LEAP_YEAR
    if not 1 <= day.month <= len(MONTHS):
        raise words.refuse(missing=f"there is no month {day.month}; 12 is the last")
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise words.refuse(missing=f"years are from {FIRST_YEAR} to {LAST_YEAR}")
    last = calendar.monthrange(year, day.month)[1]
    if not 1 <= day.day <= last:
        shown = day_text(day)
        near = [day_text(Day(day.month, last if day.day else 1, day.year))]
        if day.day:
            following = day.month % len(MONTHS) + 1
            in_year = day.year + (following == 1) if day.year else None
            near.append(day_text(Day(following, 1, in_year)))
        raise words.refuse(missing=f"there is no {shown}; near it are {' and '.join(near)}")
    for _ in range(length):
        words.take()
    return day


def day_text(day: Day) -> str:
    """Return a day in words: `26 January`, `26 January 2027`."""
    words = f"{day.day} {MONTHS[day.month - 1]}"
    return f"{words} {day.year}" if day.year else words


def date_of(day: Day) -> date:
    """Return a day that has its year as a date."""
    return date(day.year or _LEAP_YEAR, day.month, day.day)
