"""Articles and sources as the API shows and takes them."""

from typing import Annotated, Any, Literal

from pydantic import Field

from alerts.web.api.shapes.common import Given, Reason, Shape, example


class AuthorShape(Shape):
    """Somebody who signed."""

    name: str
    about: str | None


class PhotoShape(Shape):
    """The lead photo."""

    url: str | None
    credit: str | None
    alt: str | None


class PartShape(Shape):
    """One piece of a roundup."""

    title: str
    authors: list[str]
    country: str | None
    regions: list[str]


class ArticleShape(Shape):
    """An article as it was understood; what is unknown is null."""

    id: int = Field(examples=[12])
    url: str | None = Field(examples=["https://news.example.org/view?recordNo=12"])
    title: str = Field(examples=["Who pays for the cranes?"])
    series: str | None
    number: str | None = Field(description="As understood: `1251`; a double issue `85-86`.")
    volume: str | None
    volume_number: str | None
    published_on: str | None = Field(
        description="`2023-10-31`, or `2024-03` where only the month is printed."
    )
    authors: list[AuthorShape]
    team: str | None
    photo: PhotoShape | None
    standfirst: str
    regions: list[str]
    countries: list[str] = Field(description="ISO 3166 alpha-2, the most important first.")
    topics: list[str]
    parts: list[PartShape]
    related: list[dict[str, Any]]
    flags: list[str] = Field(description="What was not understood.")
    words: int
    revision: int
    state: Literal["published", "withdrawn"]
    withdrawn_because: str | None


class ShownArticle(ArticleShape):
    """An article with its further addresses."""

    addresses: list[str]


class PushedShape(Shape):
    """What came of handing an article in."""

    outcome: Literal["added", "updated", "unchanged"]
    article: ArticleShape


class Articles(Shape):
    """A page of articles, the newest first."""

    items: list[ArticleShape]
    next: str | None = Field(description="Where the next page is; null on the last.")


class ReadAddress(
    Given, json_schema_extra=example({"url": "https://news.example.org/view?recordNo=12"})
):
    """A page on the web that is to be read and taken in."""

    url: Annotated[str, Field(max_length=2_000, examples=["https://news.example.org/12"])]


class Withdrawal(Given, json_schema_extra=example({"reason": "a figure was wrong"})):
    """Why an article is withdrawn; editors of issues that held it are told."""

    reason: Reason = "withdrawn by hand"


class FieldChange(Shape):
    """A field that a correction changed."""

    name: str
    before: Any
    after: Any


class TextChange(Shape):
    """Words that a correction took out and put in, with some that stand around them."""

    before: str
    removed: str
    added: str
    after: str


class RevisionShape(Shape):
    """A correction: what it changed."""

    since: int = Field(alias="from")
    to: int
    at: str
    fields: list[FieldChange]
    text: list[TextChange]


class SourceShape(Shape):
    """A place that is looked at again and again, with what it brought in."""

    id: int
    url: str
    kind: Literal["feed", "listing", "page", "folder"]
    every: str = Field(examples=["15 minutes"])
    state: Literal["active", "paused"]
    shown: int
    articles: int
    refused: int
    next_poll_at: str
    last_success_at: str | None
    failing_since: str | None
    failures: int
    last_error: str | None
    moved_from: str | None


class NotTakenIn(Shape):
    """A page of a source that was not taken in, and why."""

    url: str
    reason: str | None


class ShownSource(SourceShape):
    """A source with the pages that were not taken in, the newest first."""

    not_taken_in: list[NotTakenIn]


class Sources(Shape):
    """A page of sources, in the order in which they were added."""

    items: list[SourceShape]
    next: str | None


class NewSource(
    Given,
    json_schema_extra=example(
        {"url": "https://news.example.org/feed", "kind": "feed", "every": "15m"}
    ),
):
    """A place to be looked at; folders are added at the command line alone."""

    url: Annotated[str, Field(max_length=2_000, examples=["https://news.example.org/feed"])]
    kind: Literal["auto", "feed", "listing", "page"] = "auto"
    every: Annotated[str, Field(max_length=40, examples=["15m"])] = "15m"
