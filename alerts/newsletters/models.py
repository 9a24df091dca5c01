"""Tables of what is published and when: newsletters, schedules, runs, issues and their items."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from alerts.articles.models import Article
from alerts.database import Base, BigKey, JsonColumn, UtcDateTime, state_column
from alerts.newsletters.missed import USUAL
from alerts.staff.models import ActorKind
from alerts.subscribers.models import Frequency


class IssueState(enum.StrEnum):
    """The life of an issue; `lifecycle.py` holds the table of its transitions."""

    DRAFT = "draft"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    CANCELLED = "cancelled"


class RunOutcome(enum.StrEnum):
    """How a scheduled run ended; every due run leaves a row.

    One that was missed is merged into another run, or is not made up at all: `missed`.
    """

    CLAIMED = "claimed"
    DRAFTED = "drafted"
    SENDING = "sending"
    SKIPPED = "skipped"
    FAILED = "failed"
    MERGED = "merged"
    MISSED = "missed"


class VersionKind(enum.StrEnum):
    """How a version of an issue came about."""

    DRAFTED = "drafted"
    AUTO = "auto"
    SAVED = "saved"
    RESTORED = "restored"
    REOPENED = "reopened"
    WITHDRAWN = "withdrawn"


class Newsletter(Base):
    """A newsletter; `definition` is the validated content of its TOML file without schedules."""

    __tablename__ = "newsletters"

    slug: Mapped[str] = mapped_column(String(64), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    definition: Mapped[dict[str, Any]] = mapped_column(JsonColumn)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    schedules: Mapped[list["Schedule"]] = relationship(
        order_by="(Schedule.frequency, Schedule.name)",
        cascade="all, delete-orphan",
        lazy="selectin",
    )


class Schedule(Base):
    """When issues of a newsletter at a frequency are made; `next_at` is kept by the scheduler.

    A frequency has one schedule without a name, the usual one, and any number of others. `missed`
    is what becomes of runs that nobody made in time (`missed.py`).
    """

    __tablename__ = "schedules"
    __table_args__ = (
        UniqueConstraint("newsletter", "frequency", "name"),
        Index("ix_schedules_next_at", "next_at"),
        # A name is told without its frequency, so it stands for one schedule of a newsletter.
        Index(
            "ix_schedules_newsletter_name",
            "newsletter",
            "name",
            unique=True,
            postgresql_where=text("name <> ''"),
            sqlite_where=text("name <> ''"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    newsletter: Mapped[str] = mapped_column(ForeignKey("newsletters.slug"))
    frequency: Mapped[Frequency] = mapped_column(state_column(Frequency))
    name: Mapped[str] = mapped_column(String(40), default="", server_default="")
    rule: Mapped[str] = mapped_column(Text)
    missed: Mapped[str] = mapped_column(Text, default=USUAL, server_default=USUAL)
    paused: Mapped[bool] = mapped_column(default=False)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Run(Base):
    """One due moment of a schedule and what came of it.

    Unique on newsletter, frequency and local period: two beats, or an hour the clocks repeat,
    make one run, and so do two schedules at one moment. `schedule` is the name of the one that
    claimed it. A run that made no issue says why in `reason`.
    """

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("newsletter", "frequency", "period"),
        Index("ix_runs_newsletter_due_at", "newsletter", "due_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    newsletter: Mapped[str] = mapped_column(ForeignKey("newsletters.slug"))
    frequency: Mapped[Frequency] = mapped_column(state_column(Frequency))
    schedule: Mapped[str] = mapped_column(String(40), default="", server_default="")
    period: Mapped[str] = mapped_column(String(100))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    outcome: Mapped[RunOutcome] = mapped_column(state_column(RunOutcome))
    reason: Mapped[str] = mapped_column(Text, default="")
    issue_id: Mapped[int | None] = mapped_column(ForeignKey("issues.id"))


class Issue(Base):
    """One issue of a newsletter at a frequency.

    `content` is set at approval: the frozen texts from which every edition is made, with its
    checksum. `message_domain` is fixed then too, so that Message-IDs never change afterwards.
    `version` counts every change of what a draft says: who saves names the one they began with.
    `set_aside` are pieces that an editor took out and may put back, as in `IssueVersion`.
    `links_version` is the version whose links were asked for by themselves.
    """

    __tablename__ = "issues"
    __table_args__ = (
        UniqueConstraint("newsletter", "frequency", "number"),
        Index("ix_issues_state_send_at", "state", "send_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    newsletter: Mapped[str] = mapped_column(ForeignKey("newsletters.slug"))
    frequency: Mapped[Frequency] = mapped_column(state_column(Frequency))
    state: Mapped[IssueState] = mapped_column(state_column(IssueState), default=IssueState.DRAFT)
    # NULL once a dropped draft has given its number back.
    number: Mapped[int | None]
    volume: Mapped[int | None]
    volume_number: Mapped[int | None]
    # A double issue stands for two numbers, of which those above are the first.
    number_count: Mapped[int] = mapped_column(SmallInteger, default=1, server_default="1")
    subject: Mapped[str] = mapped_column(Text)
    preheader: Mapped[str] = mapped_column(Text, default="")
    editors_note: Mapped[str] = mapped_column(Text, default="")
    since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    send_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Why an editor should look: what happened to the issue without anybody's doing.
    attention: Mapped[str | None] = mapped_column(Text)
    content: Mapped[dict[str, Any] | None] = mapped_column(JsonColumn)
    content_checksum: Mapped[str | None] = mapped_column(String(64))
    message_domain: Mapped[str | None] = mapped_column(String(255))
    approved_by: Mapped[str | None] = mapped_column(String(200))
    approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    set_aside: Mapped[list[dict[str, Any]]] = mapped_column(
        JsonColumn, default=list, server_default="[]"
    )
    links_version: Mapped[int] = mapped_column(default=0, server_default="0")
    # The audience is taken in order of the subscribers' numbers: up to here so far, and whole
    # since `audience_at`.
    audience_upto: Mapped[int] = mapped_column(BigKey, default=0, server_default="0")
    audience_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # When somebody last had failed deliveries tried again.
    retried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    items: Mapped[list["IssueItem"]] = relationship(
        order_by="IssueItem.position", cascade="all, delete-orphan", lazy="selectin"
    )
    texts: Mapped[list["IssueText"]] = relationship(
        order_by="IssueText.position", cascade="all, delete-orphan"
    )


class IssueNumber(Base):
    """A number that an issue bears: one row, for a double issue two.

    The keys see to it that no number is given twice. One whose draft was dropped stays without an
    issue, and the next issue takes it.
    """

    __tablename__ = "issue_numbers"
    __table_args__ = (
        UniqueConstraint("newsletter", "frequency", "volume", "volume_number"),
        Index("ix_issue_numbers_issue_id", "issue_id"),
    )

    newsletter: Mapped[str] = mapped_column(ForeignKey("newsletters.slug"), primary_key=True)
    frequency: Mapped[Frequency] = mapped_column(state_column(Frequency), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    volume: Mapped[int | None]
    volume_number: Mapped[int | None]
    issue_id: Mapped[int | None] = mapped_column(ForeignKey("issues.id", ondelete="SET NULL"))


class IssueItem(Base):
    """An article, or one part of a roundup, in a section of an issue. Part 0 is the whole.

    `title` and `standfirst` are what this issue says instead of the article; NULL for its own.
    `paragraphs` is how many of its text are shown where a section shows it in full; NULL for all.
    Positions count through the whole issue, over items and texts.
    """

    __tablename__ = "issue_items"
    __table_args__ = (
        UniqueConstraint("issue_id", "article_id", "part"),
        Index("ix_issue_items_article_id", "article_id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"))
    section: Mapped[str] = mapped_column(String(64))
    position: Mapped[int]
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"))
    part: Mapped[int] = mapped_column(default=0)
    late: Mapped[bool] = mapped_column(default=False)
    title: Mapped[str | None] = mapped_column(Text)
    standfirst: Mapped[str | None] = mapped_column(Text)
    paragraphs: Mapped[int | None]

    article: Mapped[Article] = relationship(lazy="selectin")


class IssueText(Base):
    """Words of the editors' own between the pieces of a section, in Markdown.

    `key` tells it from the issue's other texts, and stays through all versions.
    """

    __tablename__ = "issue_texts"
    __table_args__ = (UniqueConstraint("issue_id", "key"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(20))
    section: Mapped[str] = mapped_column(String(64))
    position: Mapped[int]
    markdown: Mapped[str] = mapped_column(Text)


class IssueVersion(Base):
    """What a draft said after a change, who made it and when.

    `number` is the issue's version then. What a page's script saves, one soon after the other, is
    one version to people: all but its last row are `passing`, and serve for a day as what forms
    were begun from. `request` is the digest of the form that made it, after the
    name of the page where that page's script sent it: the same form posted twice is one change.
    """

    __tablename__ = "issue_versions"
    __table_args__ = (UniqueConstraint("issue_id", "number"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"))
    number: Mapped[int]
    kind: Mapped[VersionKind] = mapped_column(state_column(VersionKind))
    actor: Mapped[ActorKind] = mapped_column(state_column(ActorKind))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("staff_accounts.id"))
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    passing: Mapped[bool] = mapped_column(default=False)
    request: Mapped[str] = mapped_column(String(64), default="")
    document: Mapped[dict[str, Any]] = mapped_column(JsonColumn)
