"""The text of an article: which lines are headings, and the whole as clean HTML and plain text."""

import html
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from alerts.articles.reading.blocks import Block, Kind, first_sentences, has_sentence
from alerts.articles.reading.cleaning import clean_html

STANDFIRST_LENGTH = 240

_LONGEST_HEADING = 140
_MOST_HEADING_WORDS = 20
# A heading over a heading over text is usual ("Three reasons why", "1. The first"); more is a list.
_DEEPEST = 2
_NUMBERED = re.compile(r"^(?:\d{1,2}|[ivxIVX]{1,4}|[a-zA-Z])[.)]\s+\S")
_OPEN_END = re.compile(r"[.!,;:…\"”]$")
_SHORTEST_SUMMARY = 40


@dataclass(frozen=True, slots=True)
class Body:
    """An article's text as clean HTML and as paragraphs separated by a blank line."""

    html: str
    text: str
    words: int


def with_headings(blocks: Sequence[Block], *, bylines: Collection[int] = ()) -> list[Block]:
    """Return the blocks with the lines that stand over a text marked as headings.

    `bylines` are the positions of lines that stand over a text and only sign it.
    """
    marked = list(blocks)
    depth = 0
    for i in range(len(marked) - 1, -1, -1):
        block = marked[i]
        follows_text = i + 1 < len(marked) and _is_text(marked[i + 1])
        if block.kind is Kind.HEADING:
            depth = 1 if follows_text else depth + 1
        elif i in bylines:
            depth = 0
        elif _may_be_heading(block) and (follows_text or 0 < depth < _DEEPEST):
            depth = 1 if follows_text else depth + 1
            # Below the page's own headings, h1 to h6, where it has any.
            level = 8 if _NUMBERED.match(block.text) else 7
            marked[i] = replace(block, kind=Kind.HEADING, level=level, strong=False)
        else:
            depth = 0
    return _levelled(marked)


def compose(blocks: Sequence[Block]) -> Body:
    """Return blocks, headings marked, as one text; pictures and captions are left out."""
    kept = [block for block in blocks if block.kind not in {Kind.IMAGE, Kind.CAPTION}]
    text = "\n\n".join(_plain(block) for block in kept)
    return Body(clean_html("\n".join(_markup(kept))), text, len(text.split()))


def choose_standfirst(blocks: Sequence[Block], summary: str | None = None) -> str:
    """Return the given summary where it is whole, else the first sentences of the text."""
    given = " ".join((summary or "").split())
    if len(given) >= _SHORTEST_SUMMARY and not given.endswith(("...", "…")) and has_sentence(given):
        return first_sentences(given, at_most=STANDFIRST_LENGTH)
    first = next((block for block in blocks if block.is_prose), None)
    if first is None:
        first = next((block for block in blocks if block.kind is Kind.PARAGRAPH), None)
    return first_sentences(first.text, at_most=STANDFIRST_LENGTH) if first else ""


def is_title_like(block: Block) -> bool:
    """Tell whether a line could be the title of a piece: short, and no running text."""
    if block.kind is Kind.HEADING:
        return True
    return (
        block.kind is Kind.PARAGRAPH
        and len(block.text) <= _LONGEST_HEADING + 60
        and (not has_sentence(block.text) or block.text.endswith("?") or block.strong)
    )


def _may_be_heading(block: Block) -> bool:
    if block.kind is not Kind.PARAGRAPH or len(block.text) > _LONGEST_HEADING:
        return False
    if len(block.text.split()) > _MOST_HEADING_WORDS:
        return False
    return block.strong or not _OPEN_END.search(block.text)


def _is_text(block: Block) -> bool:
    if block.kind in {Kind.ITEM, Kind.TABLE, Kind.QUOTE}:
        return True
    return block.kind is Kind.PARAGRAPH and bool(_OPEN_END.search(block.text)) and not block.strong


def _levelled(blocks: list[Block]) -> list[Block]:
    """Bring a page's own levels to h2, h3 and h4, whatever they began with."""
    levels = sorted({block.level for block in blocks if block.kind is Kind.HEADING})
    places = {level: min(2 + place, 4) for place, level in enumerate(levels)}
    return [
        replace(block, level=places[block.level]) if block.kind is Kind.HEADING else block
        for block in blocks
    ]


def _markup(blocks: Sequence[Block]) -> Iterator[str]:
    open_list = ""
    for block in blocks:
        wanted = ("ol" if block.ordered else "ul") if block.kind is Kind.ITEM else ""
        if wanted != open_list:
            if open_list:
                yield f"</{open_list}>"
            if wanted:
                yield f"<{wanted}>"
            open_list = wanted
        yield _element(block)
    if open_list:
        yield f"</{open_list}>"


def _element(block: Block) -> str:
    match block.kind:
        case Kind.HEADING:
            # Plain words: what is bold already needs no bold, and the site links its headings to
            # themselves.
            return f"<h{block.level}>{html.escape(block.text, quote=False)}</h{block.level}>"
        case Kind.ITEM:
            return f"<li>{block.html}</li>"
        case Kind.QUOTE:
            return f"<blockquote><p>{block.html}</p></blockquote>"
        case Kind.TABLE:
            return block.html
        case _:
            return f"<p>{block.html}</p>"


def _plain(block: Block) -> str:
    return f"- {block.text}" if block.kind is Kind.ITEM else block.text
