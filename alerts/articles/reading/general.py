"""Pages of any other make: their text by trafilatura, what their head says, a lead image.

It comes second, for pages without the marks of this house. Nothing is fetched here.
"""

import json
import logging
from collections.abc import Iterator
from datetime import date
from typing import Any

from lxml.html import HtmlElement

from alerts.articles.reading.blocks import Block, Kind, one_line
from alerts.articles.reading.body import choose_standfirst, compose, with_headings
from alerts.articles.reading.boilerplate import photo_credit
from alerts.articles.reading.cleaning import web_address
from alerts.articles.reading.hints import Hints
from alerts.articles.reading.markup import parse_document, read_page
from alerts.articles.reading.names import folded, is_name
from alerts.articles.reading.record import NoArticle, ReadArticle, ReadAuthor, ReadPhoto

# Beyond these no page is an article, and some make trafilatura slow.
_LARGEST = 1_500_000
_MOST_ELEMENTS = 20_000
_LEAST_WORDS = 60
_LONGEST_TITLE = 300
_MOST_AUTHORS, _LONGEST_NAME = 20, 100
_LONGEST_LINKED_DATA = 200_000
_LONGEST_CREDIT = 200


def read_general(markup: str, hints: Hints, *, url: str | None, source: str) -> ReadArticle:
    """Read a page by its structure and by what its head says; raises NoArticle.

    The date is the one that the page declares, never one that happens to stand in its text.
    """
    if len(markup) > _LARGEST:
        raise NoArticle("no article: a page this long is none")
    root = parse_document(markup)
    if sum(1 for _ in zip(root.iter(), range(_MOST_ELEMENTS + 1), strict=False)) > _MOST_ELEMENTS:
        raise NoArticle("no article: a page of so many elements is none")
    said = _metadata(markup, url)
    title = one_line(said.title or next(iter(hints.titles), ""))[:_LONGEST_TITLE]
    blocks = _text(markup, url, title)
    marked = with_headings(blocks)
    body = compose(marked)
    if not title or body.words < _LEAST_WORDS or not any(block.is_prose for block in blocks):
        raise NoArticle("no article: no title above a text of some length was found")
    authors, loose = _authors(said.author or "; ".join(hints.authors))
    day = _declared_day(said.date, markup)
    return ReadArticle(
        source=source,
        title=title,
        body_html=body.html,
        body_text=body.text,
        standfirst=choose_standfirst(marked, hints.summary or said.description),
        words=body.words,
        url=url,
        published_on=day,
        published_precision="day" if day else None,
        authors=authors,
        photo=_photo(root, hints, url),
        language=hints.language,
        flags=tuple(f"authors: {name!r} may be no person's name" for name in loose),
        printed={"general": True, "site": said.sitename, "date": said.date},
    )


def _metadata(markup: str, url: str | None) -> Any:  # noqa: ANN401 - trafilatura's own type
    from trafilatura.metadata import extract_metadata

    _hush()
    try:
        # Dates are looked for in the markup alone: a text names many.
        return extract_metadata(
            markup, default_url=url, date_config={"original_date": True}, extensive=False
        )
    except Exception as error:  # whatever a hostile page makes it raise
        raise NoArticle("no article: its head cannot be read") from error


def _text(markup: str, url: str | None, title: str) -> list[Block]:
    """Return the blocks of the main text, without the title over it."""
    from trafilatura import extract

    try:
        found = extract(
            markup,
            url=url,
            output_format="html",
            include_comments=False,
            include_tables=True,
            include_links=True,
            include_formatting=True,
        )
    except Exception as error:  # as above
        raise NoArticle("no article: its text cannot be told from the rest") from error
    if not found:
        raise NoArticle("no article: its text cannot be told from the rest")
    blocks = read_page(found, url=url).blocks
    while blocks and blocks[0].kind is Kind.HEADING and folded(blocks[0].text) == folded(title):
        blocks.pop(0)
    return [block for block in blocks if not photo_credit(block.text)]


def _hush() -> None:
    """Keep the libraries' remarks on strange pages off the standard error."""
    for name in ("trafilatura", "htmldate", "courlan", "justext"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _authors(told: str) -> tuple[tuple[ReadAuthor, ...], tuple[str, ...]]:
    names = [one_line(name) for name in told.split(";")]
    kept = [name for name in dict.fromkeys(names) if name and len(name) <= _LONGEST_NAME]
    kept = kept[:_MOST_AUTHORS]
    return tuple(map(ReadAuthor, kept)), tuple(name for name in kept if not is_name(name))


def _declared_day(text: str | None, markup: str) -> date | None:
    """Return a date that the page declares as such; one found in running words is a guess."""
    day = (text or "")[:10]
    if not day or day not in markup:
        return None
    try:
        return date.fromisoformat(day)
    except ValueError:
        return None


def _photo(root: HtmlElement, hints: Hints, url: str | None) -> ReadPhoto:
    """Return the lead image: the one that the head names, else the first in a figure."""
    address = hints.image
    figure = _figure_of(root, address, url)
    image = next(figure.iter("img"), None) if figure is not None else None
    if address is None and image is not None:
        address = web_address(image.get("src"), url)
    if address is None:
        return ReadPhoto()
    caption = next(figure.iter("figcaption"), None) if figure is not None else None
    text = one_line(str(caption.text_content())) if caption is not None else ""
    alt = one_line((image.get("alt") if image is not None else None) or "")
    return ReadPhoto(
        url=address,
        credit=photo_credit(text) or _linked_credit(root),
        alt=hints.image_alt or alt or None,
    )


def _figure_of(root: HtmlElement, address: str | None, url: str | None) -> HtmlElement | None:
    """Return the figure that shows an image, or the first one where it is not known which."""
    for figure in root.iter("figure"):
        image = next(figure.iter("img"), None)
        if image is not None and address in {None, web_address(image.get("src"), url)}:
            return figure
    return None


def _linked_credit(root: HtmlElement) -> str | None:
    """Return the credit that linked data (JSON-LD) gives for an image."""
    for script in root.iter("script"):
        text = script.text or ""
        if "ld+json" not in (script.get("type") or "") or len(text) > _LONGEST_LINKED_DATA:
            continue
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            continue
        for entry in _objects(document):
            credit = entry.get("creditText")
            if isinstance(credit, str) and credit.strip():
                return one_line(credit)[:_LONGEST_CREDIT]
    return None


def _objects(document: object) -> Iterator[dict[str, object]]:
    """Yield every object in a JSON document, without recursion."""
    left = [document]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            yield one
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)
