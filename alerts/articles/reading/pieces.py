"""Pages with several pieces, each under its own title and byline: taken apart into parts."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from alerts.articles.reading.blocks import Block, Kind
from alerts.articles.reading.body import choose_standfirst, compose, is_title_like, with_headings
from alerts.articles.reading.names import Byline, folded, read_byline
from alerts.articles.reading.record import ReadPart

_IN_FOCUS = re.compile(r"^in\s+focus\b\s*[|:–—-]?\s*", re.IGNORECASE)
_MARKER = re.compile(r"^in\s+(?P<word>focus|brief|short|depth)\W*$", re.IGNORECASE)
_QUESTION = re.compile(r"^(?:what|why|how|who)\b.{0,60}\?$", re.IGNORECASE)
# A page with one title and one byline is an article; a roundup has at least two of each.
LEAST_PIECES = 2
_LONGEST_QUESTION = 60


@dataclass(frozen=True, slots=True)
class Start:
    """Where a piece begins: its title's and its first text's position, and who signed it."""

    at: int
    text_at: int
    title: str
    byline: Byline
    in_focus: bool


def find_starts(blocks: Sequence[Block]) -> list[Start]:
    """Return where the pieces of a page begin: a title with a byline below it.

    Or, unsigned, a title over the first of the questions that every piece of the page answers.
    """
    repeated = _repeated_lines(blocks)
    starts = (_start_at(blocks, i) or _unsigned_at(blocks, i, repeated) for i in range(len(blocks)))
    return [start for start in starts if start is not None]


def opens_like_a_piece(blocks: Sequence[Block]) -> bool:
    """Tell whether a text begins with a line that others of the page's pieces begin with too."""
    return bool(blocks) and folded(blocks[0].text) in _repeated_lines(blocks)


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


def is_marker(line: str, word: str | None = None) -> bool:
    """Tell whether a line is `IN FOCUS`, `IN BRIEF` or their like alone, or that of this word."""
    match = _MARKER.match(line.strip(" |"))
    return match is not None and word in {None, match["word"].lower()}


def _repeated_lines(blocks: Sequence[Block]) -> set[str]:
    """Return the lines, folded, that stand over a text more than once: `What happened?`."""
    over_text = (
        folded(block.text)
        for block, below in pairwise(blocks)
        if below.is_prose and is_title_like(block) and len(block.text) <= _LONGEST_QUESTION
    )
    return {line for line, times in Counter(over_text).items() if times >= LEAST_PIECES}


def _unsigned_at(blocks: Sequence[Block], i: int, repeated: set[str]) -> Start | None:
    if i + 1 >= len(blocks) or folded(blocks[i + 1].text) not in repeated:
        return None
    title = blocks[i]
    if not is_title_like(title) or folded(title.text) in repeated or _QUESTION.match(title.text):
        return None
    if is_marker(title.text) or read_byline(title.text) is not None:
        return None
    return _start(blocks, i, i + 1, Byline())


def _start_at(blocks: Sequence[Block], i: int) -> Start | None:
    if i + 2 >= len(blocks):
        return None
    title, below = blocks[i], blocks[i + 1]
    if not is_title_like(title) or _QUESTION.match(title.text) or below.kind is not Kind.PARAGRAPH:
        return None
    byline = read_byline(below.text)
    if byline is None or (read_byline(title.text) is not None and title.kind is not Kind.HEADING):
        return None
    return _start(blocks, i, i + 2, byline)


def _start(blocks: Sequence[Block], i: int, text_at: int, byline: Byline) -> Start:
    title, in_focus = without_focus(blocks[i].text)
    before = blocks[i - 1].text if i else ""
    return Start(
        i - is_marker(before), text_at, title, byline, in_focus or is_marker(before, "focus")
    )


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
