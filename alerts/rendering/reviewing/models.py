"""Tables of what was found out about mails before they went out."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from alerts.database import Base, BigKey, UtcDateTime, state_column
from alerts.rendering.lint.known import LinkVerdict


class Overruling(Base):
    """A warning of the lint that somebody let stand for one issue, with the reason.

    `fingerprint` is that of the finding: once what it is about changes, it is another, and comes
    back. `by` is the name on record, which stays when the account goes.
    """

    __tablename__ = "lint_overrulings"
    __table_args__ = (UniqueConstraint("issue_id", "fingerprint"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"))
    fingerprint: Mapped[str] = mapped_column(String(64))
    rule: Mapped[str] = mapped_column(String(60))
    message: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(String(500))
    by: Mapped[str] = mapped_column(String(320))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class LinkCheck(Base):
    """An address that stands in some mail, and what came of asking for it; one row for all issues.

    It is asked for when `due_at` is set, by whoever holds the claim; `asked_at` is when somebody
    last wanted to know. `words` say why it is not fine, `size` is in bytes where the server told.
    """

    __tablename__ = "link_checks"
    __table_args__ = (
        Index(
            "ix_link_checks_due_at",
            "due_at",
            postgresql_where=text("due_at IS NOT NULL"),
            sqlite_where=text("due_at IS NOT NULL"),
        ),
        Index("ix_link_checks_asked_at", "asked_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    url: Mapped[str] = mapped_column(Text)
    host: Mapped[str] = mapped_column(String(255))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    verdict: Mapped[LinkVerdict | None] = mapped_column(state_column(LinkVerdict))
    status: Mapped[int | None] = mapped_column(SmallInteger)
    words: Mapped[str] = mapped_column(String(300), default="")
    moved_to: Mapped[str] = mapped_column(Text, default="")
    size: Mapped[int | None] = mapped_column(BigKey)
