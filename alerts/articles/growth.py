"""When a page has grown rather than been corrected. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from alerts.articles.record import ArticleRecord, PartRecord


def with_kept_parts(record: ArticleRecord, known: ArticleRecord | None) -> ArticleRecord:
    """Return a growing page's record with the blocks that it printed before and prints no longer.

    A daily shows the last days alone; what it showed earlier was published all the same.
    """
    if known is None or not (record.grows and known.grows):
        return record
    shown = {part.key for part in record.parts}
    kept = tuple(part for part in known.parts if part.key not in shown)
    return replace(record, parts=(*kept, *record.parts))


def has_only_grown(known: ArticleRecord, record: ArticleRecord) -> bool:
    """Tell whether nothing but new blocks came to a page: that is news, and no correction."""
    if not (known.grows and record.grows):
        return False
    said = {part.key: _said(part) for part in record.parts}
    if any(said.get(part.key) != _said(part) for part in known.parts):
        return False
    return len(said) > len(known.parts) and _frame(known) == _frame(record)


def _said(part: PartRecord) -> tuple[str, str]:
    return part.title, part.body_html


def _frame(record: ArticleRecord) -> tuple[object, ...]:
    """Return what stands around the blocks, and does not change by itself as they come."""
    around = frozenset(_around(record))
    return (record.title, record.series, record.authors, record.team, record.photo_url, around)


def _around(record: ArticleRecord) -> Iterator[str]:
    """Yield the paragraphs that stand in no block, and are no block's heading."""
    inside = {text for part in record.parts for text in part.body_text.split("\n\n")}
    headings = {part.title.removeprefix(f"{record.title}: ").casefold() for part in record.parts}
    for text in record.body_text.split("\n\n"):
        if text not in inside and text.casefold() not in headings:
            yield text
