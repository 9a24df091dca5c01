"""Pages with several pieces, each under its own title and byline: taken apart into parts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from alerts.articles.reading.blocks import Block, Kind
from alerts.articles.reading.body import choose_standfirst, compose, is_title_like, with_headings
from alerts.articles.reading.names import Byline, read_byline
from alerts.articles.reading.record import ReadPart

_IN_FOCUS = re.compile(r"^in\s+focus\b\s*[|:–—-]?\s*", re.IGNORECASE)
_QUESTION = re.compile(r"^(?:what|why|how|who)\b.{0,60}\?$", re.IGNORECASE)
# A page with one title and one byline is an article; a roundup has at least two of each.
LEAST_PIECES = 2


@dataclass(frozen=True, slots=True)
class Start:
    """Where a piece begins: its title's and its first text's position, and who signed it."""

    at: int
    text_at: int
    title: str
    byline: Byline
    in_focus: bool


def find_starts(blocks: Sequence[Block]) -> list[Start]:
    """Return where the pieces of a page begin: a title with a byline below it."""
    return [start for i in range(len(blocks) - 2) if (start := _start_at(blocks, i)) is not None]


def take_parts(blocks: Sequence[Block], starts: Sequence[Start]) -> tuple[ReadPart, ...]:
    """Return the pieces that begin at these places, each up to the next one."""
    ends = [*(start.at for start in starts[1:]), len(blocks)]
    return tuple(
        _part(start, blocks[start.text_at : end]) for start, end in zip(starts, ends, strict=False)
    )


def without_focus(title: str) -> tuple[str, bool]:
    """Return a title without `IN FOCUS |` before it, and whether that stood there."""
    match = _IN_FOCUS.match(title)
    if match is None or match.end() == len(title):
        return title, False
    return title[match.end() :], True


def _start_at(blocks: Sequence[Block], i: int) -> Start | None:
    title, below = blocks[i], blocks[i + 1]
    if not is_title_like(title) or _QUESTION.match(title.text) or below.kind is not Kind.PARAGRAPH:
        return None
    byline = read_byline(below.text)
    if byline is None or (read_byline(title.text) is not None and title.kind is not Kind.HEADING):
        return None
    text, in_focus = without_focus(title.text)
    before = blocks[i - 1].text if i else ""
    alone = bool(_IN_FOCUS.fullmatch(before))
    return Start(i - alone, i + 2, text, byline, in_focus or alone)


def _part(start: Start, blocks: Sequence[Block]) -> ReadPart:
    marked = with_headings(blocks)
    body = compose(marked)
    authors = start.byline.names or ((start.byline.team,) if start.byline.team else ())
    return ReadPart(
        title=start.title,
        body_html=body.html,
        body_text=body.text,
        standfirst=choose_standfirst(marked),
        authors=authors,
        in_focus=start.in_focus,
    )
