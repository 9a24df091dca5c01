"""Tables of the sources: where newly published articles come from, and what each has shown."""

import enum
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from alerts.claims import Claimable
from alerts.database import Base, BigKey, UtcDateTime, state_column


class SourceKind(enum.StrEnum):
    """What stands at a source's address."""

    FEED = "feed"
    LISTING = "listing"
    PAGE = "page"
    FOLDER = "folder"


class SourceState(enum.StrEnum):
    """Whether a source is polled by itself."""

    ACTIVE = "active"
    PAUSED = "paused"


class Source(Claimable, Base):
    """A place that is looked at again and again, by one at a time.

    `etag` and `last_modified` are the server's words about what was last taken in whole.
    """

    __tablename__ = "sources"
    __table_args__ = (Index("ix_sources_state_next_poll_at", "state", "next_poll_at"),)

    key: Mapped[str] = mapped_column(String(64), unique=True)
    url: Mapped[str] = mapped_column(Text)
    moved_from: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[SourceKind] = mapped_column(state_column(SourceKind))
    every_seconds: Mapped[int]
    state: Mapped[SourceState] = mapped_column(
        state_column(SourceState), default=SourceState.ACTIVE
    )
    etag: Mapped[str | None] = mapped_column(Text)
    last_modified: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_poll_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)


class SourceEntry(Base):
    """A page that a source has shown; by it a second poll fetches nothing that is known.

    `version` is what the source said of its state (a feed's `updated`, a file's size and time).
    The page is fetched when `look_at` has come, and never when it is NULL.
    """

    __tablename__ = "source_entries"
    __table_args__ = (
        UniqueConstraint("source_id", "key"),
        Index(
            "ix_source_entries_look_at",
            "source_id",
            "look_at",
            postgresql_where=text("look_at IS NOT NULL"),
            sqlite_where=text("look_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(64))
    url: Mapped[str] = mapped_column(Text)
    version: Mapped[str | None] = mapped_column(Text)
    article_id: Mapped[int | None] = mapped_column(ForeignKey("articles.id", ondelete="SET NULL"))
    etag: Mapped[str | None] = mapped_column(Text)
    last_modified: Mapped[str | None] = mapped_column(Text)
    shown_at: Mapped[datetime] = mapped_column(UtcDateTime)
    look_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(default=0)
    gone_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refused: Mapped[str | None] = mapped_column(Text)
