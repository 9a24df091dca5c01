"""Running numbers, volumes, numbers in a volume. Pure."""

from dataclasses import dataclass
from datetime import date

from alerts.newsletters.definitions import NumberingDefinition


@dataclass(frozen=True, slots=True)
class Numbers:
    """An issue's running number and, where the newsletter has volumes, its place in one."""

    number: int
    volume: int | None = None
    volume_number: int | None = None


@dataclass(frozen=True, slots=True)
class Numbered:
    """An issue that has numbers, and its day in the newsletter's time zone."""

    numbers: Numbers
    day: date


def next_numbers(rule: NumberingDefinition, last: Numbered | None, day: date) -> Numbers:
    """Return the numbers after `last`, the issue with the highest running number, for a day."""
    if last is None:
        first_in_volume = rule.first_volume_number if rule.first_volume else None
        return Numbers(rule.first_number, rule.first_volume, first_in_volume)
    number = last.numbers.number + 1
    if rule.first_volume is None:
        return Numbers(number)
    volume = last.numbers.volume or rule.first_volume
    if _volume_year(rule, day) > _volume_year(rule, last.day):
        return Numbers(number, volume + 1, 1)
    return Numbers(number, volume, (last.numbers.volume_number or 0) + 1)


def _volume_year(rule: NumberingDefinition, day: date) -> int:
    """Return the year in which the volume that holds a day began."""
    begins = tuple(int(part) for part in rule.volume_begins.split("-"))
    return day.year if (day.month, day.day) >= begins else day.year - 1
