"""RFC 5545 recurrences: what may stand in one, and whether it ever comes. Pure.

dateutil takes more than the RFC does, and counts on for ever over some of it; so each part is held
against the RFC before it sees any.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache

from dateutil.rrule import rrule, rruleset, rrulestr

from alerts.errors import Invalid

_EXAMPLE = 'an example is "RRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=8;BYMINUTE=0 Asia/Kolkata"'
# dateutil looks for the next moment up to the year 9999: from here on, a rule that never comes is
# told in a moment, and one that comes at all does so.
_NEAR_THE_END = 9950
_LONGEST_INTERVAL = 9999
_STEPS = {
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(weeks=1),
}
_FREQUENCIES = (*_STEPS, "MONTHLY", "YEARLY")
_DAY = re.compile(r"([+-]?\d{1,2})?(?:MO|TU|WE|TH|FR|SA|SU)")
# What dateutil raises for a recurrence that is none.
_NOT_UNDERSTOOD = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


def check_recurrence(text: str, recurrence: str, start: datetime) -> None:
    """Raise Invalid, naming the part and those before it, for a recurrence that is none.

    `text` is the rule as it was written. One that never comes, in any year, is refused too.
    """
    if "FREQ=SECONDLY" in recurrence or "FREQ=MINUTELY" in recurrence:
        raise Invalid(
            f"rule {text!r}: nothing can be due every second or minute; FREQ=HOURLY is the least,"
            ' and "every 15 minutes" is a rule of its own'
        )
    if re.search(r"BYSECOND=\d+,", recurrence):
        raise Invalid(f"rule {text!r}: nothing can be due at several seconds of a minute")
    _check_parts(text, recurrence)
    try:
        comes = _ever_comes(recurrence, start)
    except _NOT_UNDERSTOOD as error:
        raise Invalid(f"rule {text!r} is no RFC 5545 RRULE: {error}; {_EXAMPLE}") from error
    if not comes:
        raise Invalid(f"rule {text!r} has no moment to come, in no year; look at its days")


@lru_cache(maxsize=512)
def step_of(recurrence: str) -> timedelta | None:
    """Return the time between two steps of a rule that may be entered at any of them."""
    frequency = re.search(r"FREQ=(HOURLY|DAILY|WEEKLY)\b", recurrence)
    if frequency is None or "COUNT=" in recurrence or "BYSETPOS" in recurrence:
        return None
    interval = re.search(r"INTERVAL=(\d+)", recurrence)
    return max(1, int(interval[1]) if interval else 1) * _STEPS[frequency[1]]


@lru_cache(maxsize=512)
def recurring(recurrence: str, start: datetime) -> rrule | rruleset:
    """Return a recurrence from a wall clock on, as dateutil walks it."""
    parsed: rrule | rruleset = rrulestr(f"DTSTART:{start:%Y%m%dT%H%M%S}\nRRULE:{recurrence}")
    return parsed


def _check_parts(text: str, recurrence: str) -> None:
    understood: dict[str, str] = {}
    # Without it nothing means anything, and it may stand anywhere.
    named = re.search(r"(?:^|;)FREQ=([^;]*)", recurrence)
    frequency = named[1] if named else ""
    for part in recurrence.split(";"):
        name, equals, value = part.partition("=")
        wrong = ""
        if not equals:
            wrong = "a part is NAME=VALUE"
        elif name in understood:
            wrong = f"{name} stands there twice"
        elif name not in _VALUES:
            wrong = f"there is no part {name}"
        else:
            wrong = _VALUES[name](value, frequency)
        if name in {"COUNT", "UNTIL"} and {"COUNT", "UNTIL"} & understood.keys() and not wrong:
            wrong = "it ends with COUNT or with UNTIL, not with both"
        if wrong:
            so_far = ";".join(understood.values()) or "nothing"
            raise Invalid(
                f"rule {text!r} is no RFC 5545 RRULE at {part!r} (understood so far: {so_far}): "
                f"{wrong}; {_EXAMPLE}"
            )
        understood[name] = part


def _whole(low: int, high: int) -> Callable[[str, str], str]:
    def wrong(value: str, _frequency: str) -> str:
        if value.isascii() and value.isdigit() and len(value) <= len(str(high)) + 2:  # noqa: SIM102 - int() of what is none raises
            if low <= int(value) <= high:
                return ""
        return f"a whole number from {low} to {high} is wanted"

    return wrong


def _numbers(low: int, high: int, *, from_the_end: bool = False) -> Callable[[str, str], str]:
    """Return a check of a list of numbers; those from the end have a minus."""

    def wrong(value: str, _frequency: str) -> str:
        for number in value.split(","):
            known = re.fullmatch(r"([+-]?)([0-9]{1,3})", number)
            signed = known is not None and known[1] == "-"
            if known is None or not low <= int(known[2]) <= high or (signed and not from_the_end):
                beside = f", or -{high} to -{low}" if from_the_end else ""
                return f"numbers from {low} to {high}{beside} are wanted"
        return ""

    return wrong


def _days(value: str, frequency: str) -> str:
    for day in value.split(","):
        known = _DAY.fullmatch(day)
        if known is None:
            return "days are MO, TU, WE, TH, FR, SA, SU"
        if known[1] and frequency not in {"MONTHLY", "YEARLY"}:
            return f"{day} counts days of a month or a year, so FREQ=MONTHLY or YEARLY is wanted"
        if known[1] and int(known[1]) == 0:
            return "there is no day 0"
    return ""


def _one_of(*known: str) -> Callable[[str, str], str]:
    def wrong(value: str, _frequency: str) -> str:
        return "" if value in known else f"{', '.join(known)} are known"

    return wrong


def _until(value: str, _frequency: str) -> str:
    # A day and time that do not exist were refused when it was put on the wall clock.
    if re.fullmatch(r"[0-9]{8}T[0-9]{6}", value):
        return ""
    return "a day such as 20270101, or 20261231T183000Z, is wanted"


_VALUES: dict[str, Callable[[str, str], str]] = {
    "FREQ": _one_of(*_FREQUENCIES),
    "INTERVAL": _whole(1, _LONGEST_INTERVAL),
    "COUNT": _whole(1, _LONGEST_INTERVAL),
    "UNTIL": _until,
    "BYSECOND": _numbers(0, 59),
    "BYMINUTE": _numbers(0, 59),
    "BYHOUR": _numbers(0, 23),
    "BYDAY": _days,
    "BYMONTHDAY": _numbers(1, 31, from_the_end=True),
    "BYYEARDAY": _numbers(1, 366, from_the_end=True),
    "BYWEEKNO": _numbers(1, 53, from_the_end=True),
    "BYMONTH": _numbers(1, 12),
    "BYSETPOS": _numbers(1, 366, from_the_end=True),
    # No part of the RFC, but of dateutil: days from Easter.
    "BYEASTER": _numbers(0, 200, from_the_end=True),
    "WKST": _one_of("MO", "TU", "WE", "TH", "FR", "SA", "SU"),
}


def _ever_comes(recurrence: str, start: datetime) -> bool:
    recurring(recurrence, start)
    endless = ";".join(_without_end(recurrence))
    step = step_of(endless) or timedelta(days=1)
    late = datetime(_NEAR_THE_END, start.month, min(start.day, 28), start.hour, start.minute)  # noqa: DTZ001 - a wall clock
    return next(iter(recurring(endless, start + (late - start) // step * step)), None) is not None


def _without_end(recurrence: str) -> Iterator[str]:
    for part in recurrence.split(";"):
        if not part.startswith(("UNTIL=", "COUNT=")):
            yield part
