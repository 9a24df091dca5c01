"""Tables of the intake: articles, their authors, their parts, their revisions."""

import enum
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from alerts.database import Base, BigKey, JsonColumn, UtcDateTime, state_column


class ArticleState(enum.StrEnum):
    """Whether an article may stand in an issue."""

    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class Article(Base):
    """A published piece, as understood; what was printed is kept beside it in `printed`.

    `identity` tells two articles apart, whichever way they came: from the canonical URL, or,
    without one, from the normalised title, date and authors. `likeness` is that of the title and
    whoever signed: by it a text copy, which has no address, finds the page it was copied from.
    """

    __tablename__ = "articles"
    __table_args__ = (
        Index("ix_articles_noticed_at", "noticed_at"),
        CheckConstraint("published_precision IN ('day', 'month')", name="precision"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    identity: Mapped[str] = mapped_column(String(64), unique=True)
    likeness: Mapped[str] = mapped_column(String(64), index=True)
    url: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    series: Mapped[str | None] = mapped_column(String(200), index=True)
    number: Mapped[str | None] = mapped_column(String(40))
    volume: Mapped[str | None] = mapped_column(String(40))
    volume_number: Mapped[str | None] = mapped_column(String(40))
    published_on: Mapped[date | None]
    published_precision: Mapped[str | None] = mapped_column(String(10))
    team: Mapped[str | None] = mapped_column(String(200))
    photo_url: Mapped[str | None] = mapped_column(Text)
    photo_credit: Mapped[str | None] = mapped_column(Text)
    photo_alt: Mapped[str | None] = mapped_column(Text)
    standfirst: Mapped[str] = mapped_column(Text, default="")
    body_html: Mapped[str] = mapped_column(Text)
    body_text: Mapped[str] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(String(20))
    regions: Mapped[list[str]] = mapped_column(JsonColumn, default=list)
    countries: Mapped[list[str]] = mapped_column(JsonColumn, default=list)
    topics: Mapped[list[str]] = mapped_column(JsonColumn, default=list)
    related: Mapped[list[dict[str, Any]]] = mapped_column(JsonColumn, default=list)
    flags: Mapped[list[str]] = mapped_column(JsonColumn, default=list)
    # What an editor has looked at: the same flag is not raised again.
    settled_flags: Mapped[list[str]] = mapped_column(
        JsonColumn, default=list, server_default=text("'[]'")
    )
    printed: Mapped[dict[str, Any]] = mapped_column(JsonColumn, default=dict)
    words: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int] = mapped_column(default=1)
    checksum: Mapped[str] = mapped_column(String(64))
    state: Mapped[ArticleState] = mapped_column(
        state_column(ArticleState), default=ArticleState.PUBLISHED
    )
    # A daily or a running alert: new parts come to it, and each is news.
    grows: Mapped[bool] = mapped_column(default=False, server_default=false())
    withdrawn_because: Mapped[str | None] = mapped_column(Text)
    noticed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    authors: Mapped[list["ArticleAuthor"]] = relationship(
        order_by="ArticleAuthor.position", cascade="all, delete-orphan", lazy="selectin"
    )
    parts: Mapped[list["ArticlePart"]] = relationship(
        order_by="ArticlePart.position", cascade="all, delete-orphan", lazy="selectin"
    )


class ArticleAddress(Base):
    """A further address under which the same article stands; `key` is that of its page."""

    __tablename__ = "article_addresses"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    article_id: Mapped[int] = mapped_column(
        ForeignKey("articles.id", ondelete="CASCADE"), index=True
    )
    url: Mapped[str] = mapped_column(Text)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ArticleAuthor(Base):
    """A person who signed an article, in the printed order."""

    __tablename__ = "article_authors"
    __table_args__ = (UniqueConstraint("article_id", "position"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(300), index=True)
    about: Mapped[str | None] = mapped_column(Text)


class ArticlePart(Base):
    """One piece of a roundup, or one block of a page that grows; a digest may pick it singly.

    Positions count from 1, in the order in which the parts came; a part is known again by its
    `key` and keeps its position, since issues hold it by that.
    """

    __tablename__ = "article_parts"
    __table_args__ = (UniqueConstraint("article_id", "position"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    position: Mapped[int]
    key: Mapped[str] = mapped_column(String(200), default="", server_default="")
    dated_on: Mapped[date | None]
    noticed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    title: Mapped[str] = mapped_column(Text)
    in_focus: Mapped[bool] = mapped_column(default=False)
    authors: Mapped[list[str]] = mapped_column(JsonColumn, default=list)
    country: Mapped[str | None] = mapped_column(String(2))
    regions: Mapped[list[str]] = mapped_column(JsonColumn, default=list)
    standfirst: Mapped[str] = mapped_column(Text, default="")
    body_html: Mapped[str] = mapped_column(Text)
    body_text: Mapped[str] = mapped_column(Text)


class ArticleRevision(Base):
    """What an article said before a correction; the newest state stands in `articles`.

    `replaced_by` is the editor who made the correction at the desk, None when the page did.
    """

    __tablename__ = "article_revisions"
    __table_args__ = (UniqueConstraint("article_id", "revision"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    revision: Mapped[int]
    snapshot: Mapped[dict[str, Any]] = mapped_column(JsonColumn)
    replaced_at: Mapped[datetime] = mapped_column(UtcDateTime)
    replaced_by: Mapped[str | None] = mapped_column(String(200))


class ArticleEdit(Base):
    """An editor's word on one field of an article, which goes before the page's.

    `printed` is what the page said when the editor looked at it, `page_now` what it has said since,
    where that is something else: then an editor is asked. All values as `editing.py` has them.
    """

    __tablename__ = "article_edits"

    article_id: Mapped[int] = mapped_column(
        ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True
    )
    field: Mapped[str] = mapped_column(String(40), primary_key=True)
    edited: Mapped[dict[str, Any]] = mapped_column(JsonColumn)
    printed: Mapped[dict[str, Any]] = mapped_column(JsonColumn)
    page_now: Mapped[dict[str, Any] | None] = mapped_column(JsonColumn)
    by: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ArticleCard(Base):
    """What an article is found by at the desk, in one narrow row, kept beside it.

    To look through all of these takes milliseconds where the articles themselves, with their texts,
    would be read from the disk. `words` are folded; `places` are codes and slugs between spaces.
    """

    __tablename__ = "article_cards"
    __table_args__ = (
        Index("ix_article_cards_series", "series"),
        Index(
            "ix_article_cards_flagged",
            "article_id",
            postgresql_where=text("flagged"),
            sqlite_where=text("flagged"),
        ),
    )

    article_id: Mapped[int] = mapped_column(
        ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    words: Mapped[str] = mapped_column(Text)
    series: Mapped[str | None] = mapped_column(String(200))
    places: Mapped[str] = mapped_column(Text, default="")
    flagged: Mapped[bool] = mapped_column(default=False)
    withdrawn: Mapped[bool] = mapped_column(default=False)
