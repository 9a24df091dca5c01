"""Where the text of an essay may end in an issue: its paragraphs, by the words of each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.articles.models import Article, ArticlePart
from alerts.newsletters.editing.composition import MOST_PARAGRAPHS, PieceEntry
from alerts.rendering.bodies import Block, paragraphs_of, read_body

# As the mail reads it, which keeps what it read.
_LEVEL = 4
# In characters: a paragraph is known by how it begins and how it ends.
_WHOLE, _BEGINNING, _END = 130, 70, 50


@dataclass(frozen=True, slots=True)
class Ending:
    """A paragraph after which the text may end: its number, the headings above it, its words."""

    number: int
    headings: tuple[str, ...]
    words: str


def endings_of(session: Session, pieces: Iterable[PieceEntry]) -> dict[str, tuple[Ending, ...]]:
    """Return the paragraphs of these pieces, by their keys; two queries, none without pieces."""
    wanted = {piece.key for piece in pieces}
    if not wanted:
        return {}
    texts = _texts(session, {int(key.partition(".")[0]) for key in wanted})
    return {key: tuple(_endings(*text)) for key, *text in texts if key in wanted}


def _texts(session: Session, articles: set[int]) -> Iterator[tuple[str, str, str]]:
    wholes = select(Article.id, Article.body_html, Article.body_text)
    for number, markup, text in session.execute(wholes.where(Article.id.in_(articles))):
        yield str(number), markup, text
    parts = select(
        ArticlePart.article_id, ArticlePart.position, ArticlePart.body_html, ArticlePart.body_text
    )
    found = session.execute(parts.where(ArticlePart.article_id.in_(articles)))
    for number, position, markup, text in found:
        yield f"{number}.{position}", markup, text


def _endings(markup: str, text: str) -> Iterator[Ending]:
    paragraphs = paragraphs_of(read_body(markup, text, heading_level=_LEVEL))
    for number, blocks in enumerate(paragraphs[:MOST_PARAGRAPHS], start=1):
        headings = tuple(block.lines[0] for block in blocks if block.kind == "heading")
        yield Ending(number, headings, _words(blocks))


def _words(blocks: Iterable[Block]) -> str:
    lines = (line for block in blocks if block.kind != "heading" for line in block.lines)
    words = " · ".join(lines)
    if len(words) <= _WHOLE:
        return words
    head, tail = words[:_BEGINNING], words[-_END:]
    # Languages without spaces are cut anywhere.
    head = head.rpartition(" ")[0] or head
    tail = tail.partition(" ")[2] or tail
    return f"{head} … {tail}"
