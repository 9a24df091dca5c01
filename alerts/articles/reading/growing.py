"""Pages that grow: a daily, or a running alert, with a dated block for each day. Pure.

A new block is news, and no correction of those before it; so each block becomes a part with a key
of its own, `2025-08-30` or `day-51`, wherever on the page it stands.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from alerts.articles.reading.blocks import Block, Kind, paragraph
from alerts.articles.reading.body import choose_standfirst, compose, with_headings
from alerts.articles.reading.header import read_header
from alerts.articles.reading.names import read_byline
from alerts.articles.reading.record import ReadPart

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY = rf"(?:{'|'.join(_WEEKDAYS)})"
_MONTH = rf"(?:{'|'.join(f'{month[:3]}(?:{month[3:]})?' for month in _MONTHS)}|sept)\.?"
_BETWEEN = r"(?:\s*[,|–—-]\s*|\s+)"
# `30 AUGUST, SATURDAY`, `Saturday, 30 August 2025`, `August 30 (Saturday)`,
# `30 AUGUST, SATURDAY: The crane`.
_DAY = re.compile(
    rf"(?:(?P<before>{_WEEKDAY}){_BETWEEN})?"
    rf"(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<month>{_MONTH})"
    rf"|(?P<month2>{_MONTH})\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?)"
    rf"(?:,?\s+(?P<year>(?:19|20)\d\d))?(?:{_BETWEEN}\(?(?P<after>{_WEEKDAY})\)?)?\s*[:.]?"
    rf"(?:\s*(?<=[\s:])[:|–—-]?\s+(?P<rest>\S.*))?",
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
    return found if grows else []


def dated_title(title: str, published_on: date | None) -> DatedStart | None:
    """Return the block that a page's title is the heading of (`Day 51- The siege`), or None."""
    start = _start_at(-1, paragraph(title), published_on)
    return start if start is not None and start.sure else None


def end_of_head(blocks: Sequence[Block], first_prose: int) -> int:
    """Return where the lines above a text end: before the heading of its first dated block.

    A line such as `Saturday, 30 August 2025` may also be the page's own date: it is where it is
    the only one, or where a team or a number stands below it.
    """
    dated = [i for i, block in enumerate(blocks) if _is_sure(i, block)]
    at = max((i for i in dated if i < first_prose), default=0)
    own = read_header(blocks[at].text).is_whole and len(dated) == 1 if dated else False
    if at == 0 or own or any(_signs_a_page(block.text) for block in blocks[at + 1 : first_prose]):
        return first_prose
    return at


def _is_sure(at: int, block: Block) -> bool:
    start = _start_at(at, block, None)
    return start is not None and start.sure


def _signs_a_page(line: str) -> bool:
    byline = read_byline(line)
    return read_header(line).is_whole or (byline is not None and byline.team is not None)


def take_dated(
    blocks: Sequence[Block], starts: Sequence[DatedStart], page_title: str
) -> tuple[ReadPart, ...]:
    """Return the dated blocks as parts, in the page's order; small pieces stay in their block.

    What stands under the same heading further down belongs to the same block.
    """
    ends = [*(start.at for start in starts[1:]), len(blocks)]
    texts: dict[str, list[Block]] = {}
    for start, end in zip(starts, ends, strict=True):
        texts.setdefault(start.key, []).extend(blocks[start.at + 1 : end])
    first = {start.key: start for start in reversed(starts)}
    return tuple(_part(first[key], text, page_title) for key, text in texts.items())


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
    # An ordinary sentence may begin with a date; with a weekday beside it none does.
    if match is None or (match["rest"] and not (match["before"] or match["after"])):
        return None
    return _dated(at, line, match, published_on)


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
    found, flag = _settled(line, _possible(year, published_on, month, day), year, wanted)
    key = found.isoformat() if found else f"--{month:02}-{day:02}"
    return DatedStart(at, key, line, found, flag, sure=weekday is not None)


def _possible(printed: int | None, published_on: date | None, month: int, day: int) -> list[date]:
    """Return the days that may be meant, the nearest to the page's date first.

    A daily of the last days of a year is dated by the first of the next, or the other way.
    """
    if published_on is None:
        years = [] if printed is None else [printed]
    elif printed is None:
        years = [published_on.year - 1, published_on.year, published_on.year + 1]
    else:
        years = [printed]
    found = [one for year in years if (one := _at(year, month, day)) is not None]
    near = published_on
    return sorted(found, key=lambda one: abs(one - near)) if near else found


def _settled(
    line: str, possible: Sequence[date], printed: int | None, weekday: int | None
) -> tuple[date | None, str | None]:
    """Return the date, and what an editor should look at when it is not sure."""
    fitting = [one for one in possible if weekday is None or one.weekday() == weekday]
    if fitting:
        return fitting[0], None
    if possible:
        return possible[0], f"parts: {line!r} was another day of the week"
    if printed is None:
        return None, f"parts: the year of {line!r} is not printed"
    return None, f"parts: there was no {line!r}"


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
