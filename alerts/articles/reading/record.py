"""What a reader makes of a page, as plain data, before it is placed and stored."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from alerts.errors import Invalid


class NoArticle(Invalid):
    """What was given is no article; the message says in one line what it seems to be."""


@dataclass(frozen=True, slots=True)
class ReadAuthor:
    """A person who signed, with what the page says about them."""

    name: str
    about: str | None = None


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """The page's photo; a text copy prints the credit alone."""

    url: str | None = None
    credit: str | None = None
    alt: str | None = None


@dataclass(frozen=True, slots=True)
class ReadPart:
    """One piece of a roundup page, or one dated block of a page that grows.

    `key` tells the same block from others when the page is read again; `dated_on` is its day.
    """

    title: str
    body_html: str
    body_text: str
    standfirst: str
    authors: tuple[str, ...] = ()
    in_focus: bool = False
    key: str = ""
    dated_on: date | None = None


@dataclass(frozen=True, slots=True)
class Related:
    """Another piece that the page lists; `date` is ISO 8601, `2024-03` where a month is printed."""

    title: str
    date: str | None = None
    series: str | None = None
    number: str | None = None
    authors: tuple[str, ...] = ()
    team: str | None = None
    url: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the entry as a JSON document."""
        return {
            "date": self.date,
            "series": self.series,
            "number": self.number,
            "authors": list(self.authors),
            "team": self.team,
            "title": self.title,
            "url": self.url,
        }


@dataclass(frozen=True, slots=True)
class ReadArticle:
    """An article as understood; `printed` keeps the page's own words, `flags` what stayed open.

    `published_precision` is `day` or `month` (then the date is the first of it), or None.
    `body_text` are the paragraphs, separated by a blank line. `source` is where it was read from.
    `is_copy` tells a text copy, which can know neither addresses nor emphasis. A page that `grows`
    gets a new part each day, under the same address.
    """

    source: str
    title: str
    body_html: str
    body_text: str
    standfirst: str
    words: int
    url: str | None = None
    series: str | None = None
    number: str | None = None
    volume: str | None = None
    volume_number: str | None = None
    published_on: date | None = None
    published_precision: str | None = None
    authors: tuple[ReadAuthor, ...] = ()
    team: str | None = None
    photo: ReadPhoto = field(default_factory=ReadPhoto)
    language: str | None = None
    parts: tuple[ReadPart, ...] = ()
    related: tuple[Related, ...] = ()
    flags: tuple[str, ...] = ()
    printed: dict[str, Any] = field(default_factory=dict)
    is_copy: bool = False
    grows: bool = False
