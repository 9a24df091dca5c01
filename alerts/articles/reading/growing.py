"""Pages that grow: a daily, or a running alert, with a dated block for each day. Pure.

A new block is news, and no correction of those before it; so each block becomes a part with a key
of its own, `2025-08-30` or `day-51`, wherever on the page it stands.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from alerts.articles.reading.blocks import Block, Kind
from alerts.articles.reading.body import choose_standfirst, compose, with_headings
from alerts.articles.reading.record import ReadPart

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY = rf"(?:{'|'.join(_WEEKDAYS)})"
_MONTH = rf"(?:{'|'.join(f'{month[:3]}(?:{month[3:]})?' for month in _MONTHS)}|sept)\.?"
# `30 AUGUST, SATURDAY`, `Saturday, 30 August 2025`, `August 30 (Saturday)`.
_DAY = re.compile(
    rf"(?:(?P<before>{_WEEKDAY}),?\s+)?"
    rf"(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<month>{_MONTH})"
    rf"|(?P<month2>{_MONTH})\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?)"
    rf"(?:,?\s+(?P<year>(?:19|20)\d\d))?(?:,?\s*\(?(?P<after>{_WEEKDAY})\)?)?\s*[:.]?",
    re.IGNORECASE,
)
# `Day 51-53`, `Day 52: The bridge`, `DAY 53`.
_COUNTED = re.compile(
    r"day\s+(?P<first>\d{1,4})(?:\s*[-–&]\s*(?P<last>\d{1,4})(?!\w))?\s*(?:[-–—:|.,]\s*(?P<rest>.*))?",
    re.IGNORECASE,
)
_LONGEST_LINE = 160
# A date without a weekday is a heading in many an essay; two of them make a chronicle.
_FEWEST_PLAIN = 2


@dataclass(frozen=True, slots=True)
class DatedStart:
    """Where a dated block begins; `sure` tells a form that no ordinary heading has."""

    at: int
    key: str
    title: str
    dated_on: date | None
    flag: str | None
    sure: bool


def find_dated(blocks: Sequence[Block], published_on: date | None) -> list[DatedStart]:
    """Return where the dated blocks of a page begin; none when it is no page that grows.

    The year of a block that prints none follows from the page's date and the block's weekday.
    """
    found = [
        start
        for at, block in enumerate(blocks)
        if (start := _start_at(at, block, published_on)) is not None
    ]
    grows = any(start.sure for start in found) or len(found) >= _FEWEST_PLAIN
    return list({start.key: start for start in reversed(found)}.values())[::-1] if grows else []


def take_dated(
    blocks: Sequence[Block], starts: Sequence[DatedStart], page_title: str
) -> tuple[ReadPart, ...]:
    """Return the dated blocks as parts, in the page's order; small pieces stay in their block."""
    ends = [*(start.at for start in starts[1:]), len(blocks)]
    return tuple(
        _part(start, blocks[start.at + 1 : end], page_title)
        for start, end in zip(starts, ends, strict=True)
    )


def _start_at(at: int, block: Block, published_on: date | None) -> DatedStart | None:
    line = block.text.strip(" |*")
    if len(line) > _LONGEST_LINE or block.kind not in {Kind.HEADING, Kind.PARAGRAPH}:
        return None
    counted = _COUNTED.fullmatch(line)
    if counted is not None:
        last = counted["last"]
        key = f"day-{int(counted['first'])}" + (f"-{int(last)}" if last else "")
        return DatedStart(at, key, line, None, None, sure=True)
    match = _DAY.fullmatch(line)
    return _dated(at, line, match, published_on) if match else None


def _dated(
    at: int, line: str, match: re.Match[str], published_on: date | None
) -> DatedStart | None:
    day = int(match["day"] or match["day2"])
    month = _number((match["month"] or match["month2"])[:3].lower(), _MONTHS)
    weekday = match["before"] or match["after"]
    wanted = _number(weekday[:3].lower(), _WEEKDAYS) - 1 if weekday else None
    year = int(match["year"]) if match["year"] else None
    if _at(2024, month, day) is None:
        # No year has such a day.
        return None
    found, flag = _settled(line, _years(year, published_on), month, day, wanted)
    key = found.isoformat() if found else f"--{month:02}-{day:02}"
    return DatedStart(at, key, line, found, flag, sure=weekday is not None)


def _years(printed: int | None, published_on: date | None) -> list[int]:
    if printed is not None:
        return [printed]
    if published_on is None:
        return []
    # A daily of the last days of a year is dated by the first of the next, or the other way.
    return [published_on.year, published_on.year - 1, published_on.year + 1]


def _settled(
    line: str, years: Sequence[int], month: int, day: int, weekday: int | None
) -> tuple[date | None, str | None]:
    """Return the date, and what an editor should look at when it is not sure."""
    if not years:
        return None, f"parts: the year of {line!r} is not printed"
    possible = [found for year in years if (found := _at(year, month, day)) is not None]
    fitting = [one for one in possible if weekday is None or one.weekday() == weekday]
    if fitting:
        return fitting[0], None
    if not possible:
        return None, f"parts: there was no {line!r}"
    return possible[0], f"parts: {line!r} was another day of the week"


def _at(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _number(start: str, names: Sequence[str]) -> int:
    return next(number for number, name in enumerate(names, start=1) if name.startswith(start))


def _part(start: DatedStart, blocks: Sequence[Block], page_title: str) -> ReadPart:
    marked = with_headings(blocks)
    body = compose(marked)
    heading = start.title.title() if start.title.isupper() else start.title
    return ReadPart(
        title=f"{page_title}: {heading}" if page_title else heading,
        body_html=body.html,
        body_text=body.text,
        standfirst=choose_standfirst(marked),
        key=start.key,
        dated_on=start.dated_on,
    )
