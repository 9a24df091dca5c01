"""Tables of the web archive: what is out, as lists, feeds and the search read it.

Written when an issue starts on its way (`entering.py`), never changed afterwards. Nothing stands
here that readers do not have.
"""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from alerts.database import Base, BigKey, JsonColumn, UtcDateTime, state_column
from alerts.subscribers.models import Frequency


class ShelfKind(enum.StrEnum):
    """By what the pieces of the archive can be listed."""

    REGION = "region"
    SERIES = "series"
    AUTHOR = "author"
    YEAR = "year"


class ArchivedIssue(Base):
    """An issue that is out. Lists read this row alone, and never an issue's whole content.

    `date` is as it is printed, `pieces` what a feed says of each: `title`, `url`, `authors`,
    `standfirst`.
    """

    __tablename__ = "archive_issues"
    __table_args__ = (
        Index("ix_archive_issues_newsletter", "newsletter", "out_at", "issue_id"),
        Index("ix_archive_issues_out_at", "out_at", "issue_id"),
    )

    issue_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    newsletter: Mapped[str] = mapped_column(ForeignKey("newsletters.slug"))
    frequency: Mapped[Frequency] = mapped_column(state_column(Frequency))
    number: Mapped[int]
    number_count: Mapped[int] = mapped_column(SmallInteger, default=1, server_default="1")
    volume: Mapped[int | None]
    volume_number: Mapped[int | None]
    subject: Mapped[str] = mapped_column(Text)
    date: Mapped[str] = mapped_column(String(100))
    out_at: Mapped[datetime] = mapped_column(UtcDateTime)
    preheader: Mapped[str] = mapped_column(Text)
    pieces: Mapped[list[dict[str, Any]]] = mapped_column(JsonColumn)


class ArchivedPiece(Base):
    """A piece that is out: one row for each, beside the first issue that held it.

    `key` is that of the piece in its issue. The numbers rise in the order in which the pieces came
    out and are never given twice, since the index of the search knows a piece by its number alone.
    `authors` stand one in a line.
    """

    __tablename__ = "archive_pieces"
    __table_args__ = (
        Index("ix_archive_pieces_issue_id", "issue_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("archive_issues.issue_id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    authors: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text)
    series: Mapped[str] = mapped_column(String(200))
    date: Mapped[str] = mapped_column(String(100))
    standfirst: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)


class ArchiveMark(Base):
    """A piece on a shelf: of a region, a series, an author or a year; `name` as it is printed."""

    __tablename__ = "archive_marks"
    __table_args__ = (Index("ix_archive_marks_piece_id", "piece_id"),)

    kind: Mapped[ShelfKind] = mapped_column(state_column(ShelfKind), primary_key=True)
    slug: Mapped[str] = mapped_column(String(200), primary_key=True)
    piece_id: Mapped[int] = mapped_column(
        BigKey,
        ForeignKey("archive_pieces.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    name: Mapped[str] = mapped_column(String(300))
