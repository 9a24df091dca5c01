"""Tables of the files of subscribers that were handed in at the desk."""

import enum
from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from alerts.database import Base, BigKey, JsonColumn, UtcDateTime, state_column


class UploadState(enum.StrEnum):
    """The life of a file: looked at in a dry run, then imported; a worker has it in between."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    IMPORTING = "importing"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"


class PieceKind(enum.StrEnum):
    """What a piece belongs to."""

    FILE = "file"
    REPORT = "report"


class SubscriberUpload(Base):
    """A file of subscribers, how it is to be taken, and what came of it.

    `mapping` names the column of each field, `newsletters` are for rows that name none.
    `claimed_until` and `fence` keep two workers from it, as with sources. After `expires_at` the
    row goes, with all that it holds.
    """

    __tablename__ = "subscriber_uploads"
    __table_args__ = (
        Index("ix_subscriber_uploads_state", "state"),
        Index("ix_subscriber_uploads_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    file_name: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigKey)
    state: Mapped[UploadState] = mapped_column(
        state_column(UploadState), default=UploadState.UPLOADED
    )
    mapping: Mapped[dict[str, str]] = mapped_column(JsonColumn, default=dict)
    newsletters: Mapped[list[str]] = mapped_column(JsonColumn, default=list)
    confirmed: Mapped[bool] = mapped_column(default=False)
    consent: Mapped[str] = mapped_column(Text, default="")
    by: Mapped[str] = mapped_column(String(200))
    rows_done: Mapped[int] = mapped_column(default=0)
    rows_expected: Mapped[int | None]
    added: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    notes: Mapped[list[str]] = mapped_column(JsonColumn, default=list)
    # The first rows that were refused: line, address, reason.
    refusals: Mapped[list[list[str]]] = mapped_column(JsonColumn, default=list)
    # Why it failed, in one line.
    problem: Mapped[str | None] = mapped_column(Text)
    fence: Mapped[int] = mapped_column(default=0)
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    enqueued_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UploadPiece(Base):
    """A megabyte of the file, or of the report: workers on other hosts find it here."""

    __tablename__ = "subscriber_upload_pieces"

    upload_id: Mapped[int] = mapped_column(
        ForeignKey("subscriber_uploads.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[PieceKind] = mapped_column(state_column(PieceKind), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
