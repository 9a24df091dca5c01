"""What an editor should look at: where a page contradicts itself, and what of it stayed unread.

Pure; each doubt is one line that begins with the field it is about.
"""

import calendar
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta

from alerts.articles.reading.blocks import Block, paragraph
from alerts.articles.reading.header import Header, dates_in, days_in, opening_date, read_header

_A_MONTH = timedelta(days=31)
_LONGEST_LINE = 120
# More than these make a flag no clearer.
_MOST_NAMED = 3
# `31 February 2024`, `03/04/2020`: a line that is a date and nothing else, and was not understood.
_ODD_DATE = re.compile(
    r"^\W*\d{1,4}(?:st|nd|rd|th)?(?:\s*[./-]\s*|\s+)(?:\d{1,2}|[^\W\d]{3,9}\.?)"
    r"(?:\s*[,./-]\s*|\s+)\d{2,4}\W*$"
)
_NUMBERED = re.compile(r"^\W*[\w ]{2,40}#|\bvol(?:ume)?\b\.?\s*\d", re.IGNORECASE)


def doubtful_date(header: Header, text: str) -> Iterator[str]:
    """Yield a doubt where the text names dates that are a month or more from the printed one.

    A text looks back as far as it likes, and ahead; but one whose first date comes after its own
    errs, and so, it seems, does one that opens on a day long past and names none that is nearer.
    """
    if header.published_on is None:
        return
    first = min(dates_in(text), default=None)
    if first and first > header.published_on and _distance(header, first) >= _A_MONTH:
        yield f"published_on: printed {header.iso_date}, but the text begins at {first}"
        return
    opening = next((line for line in text.split("\n\n") if paragraph(line).is_prose), "")
    opened = opening_date(opening, near=header.published_on)
    named = days_in(text, near=header.published_on)
    if opened and all(_distance(header, day) >= _A_MONTH for day in named):
        yield f"published_on: printed {header.iso_date}, but the text opens on {opened}"


def contradictions(headers: Sequence[Header], chosen: Header) -> Iterator[str]:
    """Yield a doubt for each field for which a page's lines print different values."""
    fields: tuple[tuple[str, Callable[[Header], str | None]], ...] = (
        ("number", lambda header: header.number),
        ("volume", lambda header: header.volume),
        ("volume_number", lambda header: header.volume_number),
        ("published_on", lambda header: header.iso_date),
    )
    for name, read in fields:
        taken = read(chosen)
        others = [value for header in headers if (value := read(header)) and value != taken]
        # A month is no other date than a day in it.
        same = {taken, (taken or "")[:7]} if name == "published_on" else {taken}
        odd = [value for value in dict.fromkeys(others) if value not in same]
        if taken and odd:
            yield f"{name}: {taken} is printed, but so is {', '.join(odd[:_MOST_NAMED])}"


def unread_lines(blocks: Sequence[Block]) -> Iterator[str]:
    """Yield a doubt for each line above the first running text that looks like a header line."""
    for block in blocks:
        if block.is_prose:
            return
        line = block.text
        if len(line) <= _LONGEST_LINE and _looks_like_header(line):
            yield f"header: {line!r} was not understood, and stands in the text"


def _looks_like_header(line: str) -> bool:
    return bool(
        _ODD_DATE.match(line) or _NUMBERED.search(line) or read_header(line).begins_with_series
    )


def _distance(header: Header, day: date) -> timedelta:
    """Return how far a day is from the printed date, or from the nearest day of its month."""
    first = last = header.published_on or day
    if header.precision == "month":
        last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
    return max(first - day, day - last, timedelta(0))
