"""Running numbers, volumes, numbers in a volume; double issues. Pure."""

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta

from alerts.errors import Invalid
from alerts.newsletters.definitions import BY_HAND, LARGEST_NUMBER, NumberingDefinition
from alerts.subscribers.models import Frequency

# So many numbers an issue may stand for: a summer's, not a volume's.
MOST_AT_ONCE = 20
_WEEK = 7
_SPAN = re.compile(r"#?\s*(\d{1,9})(?:\s*(?:-|–|&|and|to)\s*(\d{1,9}))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Numbers:
    """An issue's running number and, where the newsletter has volumes, its place in one.

    A double issue stands for `count` numbers in a row, of which `number` and `volume_number` are
    the first.
    """

    number: int
    volume: int | None = None
    volume_number: int | None = None
    count: int = 1

    @property
    def each(self) -> list["Numbers"]:
        """The numbers one by one, the first first."""
        return [self._at(step) for step in range(self.count)]

    @property
    def label(self) -> str:
        """The numbers as the house prints them: `#85 & 86, Vol. 2, No. 39 & 40`."""
        return label(self.number, self.volume, self.volume_number, self.count)

    def _at(self, step: int) -> "Numbers":
        inner = None if self.volume_number is None else self.volume_number + step
        return Numbers(self.number + step, self.volume, inner)


@dataclass(frozen=True, slots=True)
class Numbered:
    """The last number of an issue, how many that issue bears, and its day in the newsletter's zone.

    `numbers.count` is 1; `borne` is 2 for a double issue.
    """

    numbers: Numbers
    day: date
    borne: int = 1


def next_numbers(
    rule: NumberingDefinition,
    last: Numbered | None,
    day: date,
    frequency: Frequency = Frequency.WEEKLY,
) -> Numbers:
    """Return the numbers after `last`, the issue with the highest running number, for a day.

    Where periods without an issue use numbers up, those between the two days are gone by, less
    those for which a double issue stood.
    """
    if last is None:
        first_in_volume = rule.first_volume_number if rule.first_volume else None
        return Numbers(rule.first_number, rule.first_volume, first_in_volume)
    before = last
    if rule.empty_periods_count:
        for passed in _empty_periods(last, day, frequency):
            before = Numbered(_step(rule, before, passed), passed)
    return _step(rule, before, day)


def _step(rule: NumberingDefinition, last: Numbered, day: date) -> Numbers:
    number = last.numbers.number + 1
    if rule.first_volume is None:
        return Numbers(number)
    volume = last.numbers.volume or rule.first_volume
    if rule.volume_begins != BY_HAND and _volume_year(rule, day) > _volume_year(rule, last.day):
        return Numbers(number, volume + 1, 1)
    return Numbers(number, volume, (last.numbers.volume_number or 0) + 1)


def _volume_year(rule: NumberingDefinition, day: date) -> int:
    """Return the year in which the volume that holds a day began."""
    begins = tuple(int(part) for part in rule.volume_begins.split("-"))
    return day.year if (day.month, day.day) >= begins else day.year - 1


def _empty_periods(last: Numbered, day: date, frequency: Frequency) -> list[date]:
    """Return a day in each period between two issues that had none, the oldest first.

    An issue that came a day early or late is still that of its week.
    """
    days = (day - last.day).days
    match frequency:
        case Frequency.DAILY:
            gone, length = days, timedelta(days=1)
        case Frequency.WEEKLY:
            gone, length = (days + _WEEK // 2) // _WEEK, timedelta(days=_WEEK)
        case Frequency.MONTHLY:
            gone = (day.year - last.day.year) * 12 + day.month - last.day.month
            length = timedelta(days=days / gone) if gone > 0 else timedelta()
        case Frequency.IMMEDIATE:
            return []
    return [last.day + step * length for step in range(last.borne, gone)]


def printed(first: int | None, count: int = 1) -> str:
    """Return a number as the house prints it: `85`, `85 & 86`, `85, 86 & 87`; nothing for none."""
    if first is None:
        return ""
    each = [str(first + step) for step in range(count)]
    return " & ".join(filter(None, (", ".join(each[:-1]), each[-1])))


def spelled(first: int | None, count: int = 1) -> str | None:
    """Return a number as scripts and addresses have it: `85`, `85-86`; None for none."""
    if first is None:
        return None
    return str(first) if count == 1 else f"{first}-{first + count - 1}"


def label(number: int | None, volume: int | None, volume_number: int | None, count: int = 1) -> str:
    """Return numbers as the house prints them: `#85 & 86, Vol. 2, No. 39 & 40`."""
    parts = [
        f"#{printed(number, count)}" if number is not None else "",
        f"Vol. {volume}" if volume is not None else "",
        f"No. {printed(volume_number, count)}" if volume_number is not None else "",
    ]
    return ", ".join(filter(None, parts))


def read_span(text: str, *, what: str) -> tuple[int, int]:
    """Read `85`, `85-86` or `85 & 86`: the first number and how many; raises Invalid."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise Invalid(f"{what}: {text.strip()[:40]!r} is no number; 85 or 85-86 would be right")
    first = int(match[1])
    last = int(match[2] or first)
    if last < first:
        raise Invalid(f"{what}: {first} comes after {last}; {last}-{first} would be right")
    return first, last - first + 1


def checked(numbers: Numbers) -> Numbers:
    """Return numbers that a person gave, when an issue can have them; raises Invalid."""
    told = (
        ("the number", numbers.number),
        ("the volume", numbers.volume),
        ("the number in the volume", numbers.volume_number),
    )
    for what, value in told:
        if value is not None and not 1 <= value <= LARGEST_NUMBER - MOST_AT_ONCE:
            raise Invalid(f"{what}: {value} is not between 1 and {LARGEST_NUMBER - MOST_AT_ONCE}")
    if not 1 <= numbers.count <= MOST_AT_ONCE:
        raise Invalid(f"an issue stands for 1 to {MOST_AT_ONCE} numbers, not for {numbers.count}")
    if numbers.volume is None:
        return replace(numbers, volume_number=None)
    if numbers.volume_number is None:
        raise Invalid("a volume goes with a number in it; say both, or neither")
    return numbers


def changed(
    before: Numbers,
    *,
    number: str | None = None,
    volume: str | None = None,
    volume_number: str | None = None,
    count: int | None = None,
) -> Numbers:
    """Return numbers with what a person typed in their place; what is None stays.

    A number may be two (`85-86`); an empty volume means none. Raises Invalid when the parts do not
    say the same of how many numbers the issue stands for.
    """
    counts = set() if count is None else {count}
    first, place = before.number, before.volume_number
    if number is not None:
        first, told = read_span(number, what="the number")
        counts |= {told} if told > 1 or count is None else set()
    if volume_number:
        place, told = read_span(volume_number, what="the number in the volume")
        counts |= {told} if told > 1 or not counts else set()
    if len(counts) > 1:
        said = " and ".join(str(one) for one in sorted(counts))
        raise Invalid(f"an issue cannot stand for {said} numbers at once; give both as 85-86")
    whole = before.volume if volume is None else None
    if volume:
        whole, more = read_span(volume, what="the volume")
        if more > 1:
            raise Invalid(f"the volume: {volume[:40]!r} are two; an issue is in one")
    if volume_number is not None and not volume_number:
        place = None
    return checked(Numbers(first, whole, place, counts.pop() if counts else before.count))
