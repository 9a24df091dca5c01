"""The readers: a text copy or an HTML page becomes a `ReadArticle`, or is refused in one line."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

from alerts.articles.reading.blocks import Block
from alerts.articles.reading.body import choose_standfirst, compose, with_headings
from alerts.articles.reading.cleaning import decode, repair
from alerts.articles.reading.doubts import contradictions, doubtful_date, unread_lines
from alerts.articles.reading.footer import take_related
from alerts.articles.reading.general import read_general
from alerts.articles.reading.growing import take_dated
from alerts.articles.reading.header import Header
from alerts.articles.reading.hints import Hints
from alerts.articles.reading.house import is_of_the_house
from alerts.articles.reading.layout import Layout, lay_out
from alerts.articles.reading.limits import check_text, lean
from alerts.articles.reading.markup import read_page
from alerts.articles.reading.names import same_name, subject_of_note, with_notes
from alerts.articles.reading.pieces import find_starts, take_parts
from alerts.articles.reading.plain import read_lines
from alerts.articles.reading.record import NoArticle, ReadArticle, ReadPhoto, Related
from alerts.articles.reading.roundup import settle_dated, settle_starts
from alerts.articles.reading.tracking import without_tracking

_LEAST_WORDS = 60
# The first block of a daily may be short; there is more to come.
_LEAST_OF_A_DAY = 20
_LONGEST_TITLE = 300
# A roundup of a month has some hundreds.
_MOST_BLOCKS = 5_000
_ISO_DAY = re.compile(r"^\d{4}-\d\d-\d\d")


def read_text(text: str, *, source: str) -> ReadArticle:
    """Read the text copy of a page; raises NoArticle with one line."""
    check_text(text)
    blocks = read_lines(repair(text))
    return replace(_read(blocks, Hints(), source=source, url=None), is_copy=True)


def read_html(
    markup: bytes | str, *, url: str | None, source: str, charset: str | None = None
) -> ReadArticle:
    """Read an HTML page; `url` is where it was fetched from. Raises NoArticle with one line.

    A page that prints what this house prints is read by that; others by their structure.
    """
    text = decode(markup, charset=charset) if isinstance(markup, bytes) else markup
    text = repair(lean(text))
    page = read_page(text, url=url)
    address = page.hints.canonical or (without_tracking(url) if url else None)
    if is_of_the_house(page.blocks):
        return _read(page.blocks, page.hints, source=source, url=address)
    if not page.hints.titles:
        # A page whose head says nothing is read by its printed lines first.
        with suppress(NoArticle):
            return _read(page.blocks, page.hints, source=source, url=address)
    return read_general(page, url=address, source=source)


def _read(blocks: Sequence[Block], hints: Hints, *, source: str, url: str | None) -> ReadArticle:
    if len(blocks) > _MOST_BLOCKS:
        raise NoArticle(f"no article: more than {_MOST_BLOCKS} paragraphs and lines")
    taken = take_related(blocks)
    layout = lay_out(taken.left, titles=hints.titles)
    dated = settle_dated(layout, _with_hints(layout.header, hints).published_on)
    starts = [] if dated else settle_starts(layout, find_starts(layout.body))
    _take_last_notes(layout)
    _refuse_what_is_none(layout, hints, least=_LEAST_OF_A_DAY if dated else _LEAST_WORDS)
    marked = with_headings(
        layout.body, bylines=[start.text_at - 1 for start in starts if not start.byline.is_empty]
    )
    body = compose(marked)
    header = _with_hints(layout.header, hints)
    names = layout.byline.names or _hinted_names(layout, hints)
    if dated:
        parts = take_dated(layout.body, dated, layout.title or "")
    else:
        parts = take_parts(layout.body, starts)
    signed = list(dict.fromkeys([*names, *(name for part in parts for name in part.authors)]))
    authors, loose = with_notes([n for n in signed if n != layout.byline.team], layout.notes)
    return ReadArticle(
        source=source,
        title=layout.title or "",
        body_html=body.html,
        body_text=body.text,
        standfirst=choose_standfirst(marked, hints.summary),
        words=body.words,
        url=url,
        series=header.series,
        number=header.number,
        volume=header.volume,
        volume_number=header.volume_number,
        published_on=header.published_on,
        published_precision=header.precision,
        authors=authors,
        team=layout.byline.team or header.team,
        photo=_photo(layout.photo, hints),
        language=hints.language,
        parts=parts,
        related=taken.related,
        flags=(
            *hints.flags,
            *_flags(layout, header, body.text, loose, grows=bool(dated)),
            *(start.flag for start in dated if start.flag),
        ),
        grows=bool(dated),
        printed=_printed(layout, header, taken.related, loose),
    )


def _take_last_notes(layout: Layout) -> None:
    """Take notes about the authors that end the text without a heading over them."""
    while len(layout.body) > 1:
        last = layout.body[-1].text
        subject = subject_of_note(last)
        if subject is None or not any(same_name(subject, name) for name in layout.byline.names):
            return
        layout.notes.insert(0, layout.body.pop().text)


def _refuse_what_is_none(layout: Layout, hints: Hints, *, least: int) -> None:
    words = sum(len(block.text.split()) for block in layout.body if block.is_prose)
    if not layout.title or len(layout.title) > _LONGEST_TITLE:
        raise NoArticle("no article: no title above a text was found")
    if words < least:
        raise NoArticle(f"no article: only {words} words of running text were found")
    marks = (
        not layout.byline.is_empty,
        not layout.header.is_empty,
        layout.notes,
        layout.photo.credit,
        hints.authors,
        hints.published,
    )
    if not any(marks):
        raise NoArticle("no article: neither author, date, number nor photo credit was found")


def _with_hints(header: Header, hints: Hints) -> Header:
    """Complete the printed header by what the page's head says; what is printed goes first."""
    if header.published_on is None and hints.published and _ISO_DAY.match(hints.published):
        try:
            day = date.fromisoformat(hints.published[:10])
        except ValueError:
            return header
        return replace(header, published_on=day, precision="day")
    return header


def _hinted_names(layout: Layout, hints: Hints) -> tuple[str, ...]:
    if layout.byline.team:
        return ()
    return tuple(name for name in hints.authors if len(name) <= 100)  # noqa: PLR2004 - no name is longer


def _photo(photo: ReadPhoto, hints: Hints) -> ReadPhoto:
    if photo.url or not hints.image:
        return photo
    return ReadPhoto(url=hints.image, credit=photo.credit, alt=hints.image_alt or photo.alt)


def _flags(
    layout: Layout, header: Header, text: str, loose: Sequence[str], *, grows: bool
) -> tuple[str, ...]:
    flags = [
        *doubtful_date(header, text),
        *contradictions(layout.headers, header),
        *(f"header: {words!r} was not understood" for words in layout.unread),
        *(() if grows else unread_lines(layout.body)),
    ]
    if loose:
        flags.append(f"authors: {len(loose)} of the notes about the authors name nobody who signed")
    if layout.left_out and len(" ".join(layout.left_out).split()) >= _LEAST_WORDS:
        flags.append("body: a longer text outside the article was left out")
    return tuple(flags)


def _printed(
    layout: Layout, header: Header, related: Sequence[Related], loose: Sequence[str]
) -> dict[str, Any]:
    return {
        "head": layout.printed_head,
        "signed": not layout.byline.is_empty,
        "date": header.printed_date,
        "credit": layout.photo.credit,
        "notes": [*layout.notes],
        "loose_notes": list(loose),
        "left_out": layout.left_out,
        "related": len(related),
    }
