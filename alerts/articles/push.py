"""Articles that another program hands in: checked field by field, cleaned, stored once.

The address, or else title, date and authors, tell what was handed in before.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)
from sqlalchemy.orm import Session

from alerts.articles.reading.blocks import one_line
from alerts.articles.reading.body import choose_standfirst, compose, with_headings
from alerts.articles.reading.cleaning import repair, web_address
from alerts.articles.reading.markup import read_page
from alerts.articles.reading.pieces import LEAST_PIECES, find_starts, take_parts
from alerts.articles.reading.plain import read_lines
from alerts.articles.reading.record import ReadArticle, ReadAuthor, ReadPhoto
from alerts.articles.serialise import article_json
from alerts.articles.service import add_article
from alerts.articles.topics import Topics
from alerts.clock import Clock

LARGEST = 2 * 1024 * 1024
_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Web = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PushedAuthor(_Strict):
    """A person who signed, with what is said about them."""

    name: Line
    about: Annotated[str, StringConstraints(max_length=2_000)] | None = None


class PushedPhoto(_Strict):
    """The lead photo; the credit as it is to be printed."""

    url: Web | None = None
    credit: Line | None = None
    alt: Annotated[str, StringConstraints(max_length=500)] | None = None

    @field_validator("url")
    @classmethod
    def _on_the_web(cls, value: str | None) -> str | None:
        return _checked_address(value)


class PushedArticle(_Strict):
    """An article as another program hands it in; the text as `html` or as `text`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://news.example.org/view?recordNo=12",
                    "title": "Who pays for the cranes?",
                    "html": "<p>Togo’s pier at Lomé is longer than the queue for it.</p>",
                    "authors": ["Afi Mensah"],
                    "published_on": "2026-11-20",
                }
            ]
        }
    )

    title: Line
    url: Web | None = Field(default=None, description="Where the article stands on the web.")
    html: str | None = None
    text: str | None = None
    summary: Annotated[str, StringConstraints(max_length=2_000)] | None = None
    authors: Annotated[list[PushedAuthor | Line], Field(max_length=50)] = []
    published_on: str | None = Field(default=None, description="`2026-11-23`, or `2026-11`.")
    series: Line | None = None
    number: Line | None = None
    volume: Line | None = None
    volume_number: Line | None = None
    team: Line | None = None
    photo: PushedPhoto | None = None
    language: Annotated[str, StringConstraints(max_length=20)] | None = None

    @field_validator("url")
    @classmethod
    def _on_the_web(cls, value: str | None) -> str | None:
        return _checked_address(value)

    @field_validator("published_on")
    @classmethod
    def _a_day_or_month(cls, value: str | None) -> str | None:
        if value is not None and not _MONTH.fullmatch(value):
            try:
                date.fromisoformat(value)
            except ValueError as error:
                raise ValueError("a day such as 2026-11-23, or a month such as 2026-11") from error
        return value

    @model_validator(mode="after")
    def _one_text(self) -> Self:
        if (self.html is None) == (self.text is None):
            raise ValueError("either html or text is needed, and not both")
        return self


@dataclass(frozen=True, slots=True)
class Pushed:
    """The answer to a push; `document` is the article in the form that scripts read."""

    kind: Literal["added", "updated", "unchanged"]
    document: dict[str, Any]


def push_article(
    session: Session,
    article: PushedArticle,
    *,
    topics: Topics | None = None,
    clock: Clock,
) -> Pushed:
    """Store what was handed in; raises NoArticle for a text that is none."""
    outcome = add_article(session, page_of(article), topics=topics, clock=clock)
    return Pushed(outcome.kind, article_json(outcome.article))


def page_of(article: PushedArticle) -> ReadArticle:
    """Return what was handed in as a page that was read: its markup cleaned, its pieces found."""
    if article.html is not None:
        blocks = read_page(repair(article.html), url=article.url).blocks
    else:
        blocks = read_lines(repair(article.text or ""))
    starts = find_starts(blocks)
    starts = starts if len(starts) >= LEAST_PIECES else []
    marked = with_headings(blocks, bylines=[start.text_at - 1 for start in starts])
    body = compose(marked)
    month = bool(article.published_on and _MONTH.fullmatch(article.published_on))
    return ReadArticle(
        source="push",
        title=one_line(repair(article.title)),
        body_html=body.html,
        body_text=body.text,
        standfirst=choose_standfirst(marked, repair(article.summary or "") or None),
        words=body.words,
        url=article.url,
        series=article.series,
        number=article.number,
        volume=article.volume,
        volume_number=article.volume_number,
        published_on=_day(article.published_on, month=month),
        published_precision=("month" if month else "day") if article.published_on else None,
        authors=_authors(article.authors),
        team=article.team,
        photo=_photo(article.photo),
        language=article.language,
        parts=take_parts(blocks, starts),
        printed={"pushed": True},
    )


def _authors(given: Sequence[PushedAuthor | str]) -> tuple[ReadAuthor, ...]:
    found = [one if isinstance(one, PushedAuthor) else PushedAuthor(name=one) for one in given]
    return tuple(ReadAuthor(one_line(repair(one.name)), one.about) for one in found)


def _photo(photo: PushedPhoto | None) -> ReadPhoto:
    return ReadPhoto(photo.url, photo.credit, photo.alt) if photo else ReadPhoto()


def _day(text: str | None, *, month: bool) -> date | None:
    if text is None:
        return None
    return date.fromisoformat(f"{text}-01" if month else text)


def _checked_address(value: str | None) -> str | None:
    if value is not None and web_address(value, None) is None:
        raise ValueError("a web address such as https://example.org/article is needed")
    return value
