"""Days of the month as a rule names them: `1 and 15`, `first monday`, `last day`. Pure."""

import re
from dataclasses import dataclass

from alerts.newsletters.day_words import DAY_NAMES, day_number, take_day_number
from alerts.newsletters.rule_words import Words

LIST = (",", "and", "&", "on", "the")
WORKING = ("weekday", "workday")
RRULE_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_LAST_SURE_DAY = 28
_ORDINALS = ("first", "second", "third", "fourth", "last")


@dataclass(frozen=True, slots=True)
class Days:
    """Days of a week or month: in words, and as the parts of an RRULE that say the same."""

    text: str
    parts: str
    ordinal: bool = False


def read_month_days(words: Words) -> Days:
    """Read days of the month; raises Invalid for one that not every month has."""
    words.skip(*LIST)
    ordinals: list[int] = []
    place = words.place
    while (ordinal := ordinal_of(words.peek())) is not None:
        _not_from_the_end(words)
        words.take()
        ordinals.append(ordinal)
        words.skip(*LIST)
    unit = day_number(words.peek())
    working = words.peek() in WORKING or (
        words.peek() in {"working", "business"} and words.peek(1) == "day"
    )
    if not ordinals or (unit is None and not working):
        words.go_back(place)
        return _numbered_days(words)
    if max(ordinals) > len(_ORDINALS) - 1:
        words.go_back(place)
        raise words.refuse(missing="a month has a first to fourth, and a last")
    words.skip("working", "business")
    words.take()
    _of_the_month(words)
    shown = " and ".join(_ORDINALS[max(number - 1, -1)] for number in _in_order(ordinals))
    if unit is None:
        places = ",".join(str(number) for number in _in_order(ordinals))
        parts = f"BYDAY=MO,TU,WE,TH,FR;BYSETPOS={places}"
        return Days(f"{shown} weekday", parts, ordinal=True)
    days = ",".join(f"{number}{RRULE_DAYS[unit]}" for number in _in_order(ordinals))
    return Days(f"{shown} {DAY_NAMES[unit].lower()}", f"BYDAY={days}", ordinal=True)


def _numbered_days(words: Words) -> Days:
    """Read days of the month: `1 and 15`, `the 15th and last day`."""
    chosen: list[int] = []
    while words.peek():
        place = words.place
        if ordinal_of(words.peek()) is not None:
            _not_from_the_end(words)
        number = -1 if words.took("last") else _take_ordinal(words) or take_day_number(words)
        if number is None:
            break
        if not (number == -1 or 1 <= number <= _LAST_SURE_DAY):
            words.go_back(place)
            raise words.refuse(missing=f"not every month has a {number}; `last` is its last day")
        chosen.append(number)
        words.skip(*LIST)
        words.skip("day", "days")
        words.skip(*LIST)
    if not chosen:
        missing = "" if words.peek()[:1].isalpha() else "a day such as 1 is missing (no day)"
        raise words.refuse(near=_ORDINALS, missing=missing)
    _of_the_month(words)
    days = _in_order(chosen)
    parts = "BYMONTHDAY=" + ",".join(str(number) for number in days)
    if days == [-1]:
        return Days("last day", parts, ordinal=True)
    return Days(",".join("last" if n == -1 else str(n) for n in days), parts)


def _not_from_the_end(words: Words) -> None:
    """Raise Invalid for the `second last`, which is not the second and the last."""
    following = words.peek(1)
    if words.peek() != "last" and following in {"last", "to"}:
        raise words.refuse(missing=f"is the {words.peek()} and the last meant, or another day?")


def _of_the_month(words: Words) -> None:
    words.skip("of", "in")
    words.skip("the", "each", "every", "a")
    words.skip("month")


def ordinal_of(word: str) -> int | None:
    """Return the number of `first`, `2nd`, `last` (which is -1)."""
    if word == "last":
        return -1
    if word in _ORDINALS:
        return _ORDINALS.index(word) + 1
    match = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)", word)
    return int(match[1]) if match and int(match[1]) else None


def _take_ordinal(words: Words) -> int | None:
    found = ordinal_of(words.peek())
    if found is not None:
        words.take()
    return found


def _in_order(numbers: list[int]) -> list[int]:
    """Return numbers once each, in order, with the last one last."""
    return sorted(set(numbers), key=lambda number: (number < 0, number))
