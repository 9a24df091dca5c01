"""Which of the lines above a text is its title. Pure."""

import re
from collections.abc import Sequence

from alerts.articles.reading.blocks import Block, Kind
from alerts.articles.reading.header import Header, read_header
from alerts.articles.reading.names import folded, read_byline
from alerts.articles.reading.pieces import is_marker

_TOP_LEVEL = 3
# The series of which a page may have no title but the series' name.
_ROUNDUPS = {
    *("Africa This Week", "Europe This Week", "The World This Week", "The World Today"),
    *("NIAS Africa Weekly", "NIAS Europe Monitor", "Conflict Weekly"),
}


def find_title(head: Sequence[Block], titles: Sequence[str], noted: set[str]) -> int | None:
    """Return which line is the title; `titles` are what the page's own head calls it.

    `noted` are the folded names of those whom the notes about the authors are about.
    """
    candidates = [
        i
        for i, block in enumerate(head)
        if not read_header(block.text).is_whole and not is_marker(block.text)
    ]
    # A roundup's title may be its series' name; better that than none.
    candidates = candidates or [i for i, block in enumerate(head) if block.kind is Kind.HEADING]
    named = [i for i in candidates if _is_named(head[i].text, titles)]
    if named:
        return max(named, key=lambda i: (len(head[i].text), -i))
    unsigned = [i for i in candidates if not _is_signature(head[i], noted)]
    top = [i for i in unsigned if head[i].kind is Kind.HEADING and head[i].level <= _TOP_LEVEL]
    if top:
        return min(top, key=lambda i: (head[i].level, i))
    return unsigned[0] if unsigned else _without_title(head, candidates)


def printed_label(lines: Sequence[str]) -> str | None:
    """Return the series that a line of its own names, or None."""
    return next((header.series for line in lines if _is_label(header := read_header(line))), None)


def _without_title(head: Sequence[Block], candidates: Sequence[int]) -> int | None:
    """Choose where nothing but names and header lines stands over the text."""
    headers = [read_header(block.text) for block in head]
    labels = [i for i, header in enumerate(headers) if _is_label(header)]
    roundups = [
        i for i, header in enumerate(headers) if header.is_whole and header.series in _ROUNDUPS
    ]
    if roundups and len(candidates) <= 1:
        series = headers[roundups[0]].series
        numbered = [i for i in roundups if headers[i].series == series and headers[i].number]
        return (numbered or roundups)[0]
    return next(iter([*candidates, *labels]), None)


def _is_label(header: Header) -> bool:
    numbered = header.number or header.volume or header.published_on
    return bool(header.is_whole and header.series and not numbered and not header.team)


def _is_named(text: str, titles: Sequence[str]) -> bool:
    """Tell whether a line is what the page's head calls it, maybe with the site's name around."""
    wanted = folded(text)
    return len(wanted) > 3 and any(  # noqa: PLR2004 - shorter is no title
        wanted == folded(title)
        or any(wanted == folded(piece) for piece in re.split(r"\s[|–—-]\s|\|", title))
        for title in titles
    )


def _is_signature(block: Block, noted: set[str]) -> bool:
    """Tell whether a line above the text is surely somebody's name, and no title of two words."""
    byline = read_byline(read_header(block.text).rest or block.text)
    if byline is None:
        return False
    known = any(folded(name) in noted for name in byline.names)
    return known or byline.team is not None or block.kind is not Kind.HEADING
