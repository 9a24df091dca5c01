"""Tables of the subscriber store: people, their subscriptions, their consent, suppression."""

import enum
from datetime import date, datetime

from sqlalchemy import (
    Computed,
    Date,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from alerts.database import Base, BigKey, UtcDateTime, state_column
from alerts.subscribers.interests import LONGEST_WISH, Interests


class SubscriberState(enum.StrEnum):
    """Only a confirmed subscriber is ever mailed an issue."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"


class Frequency(enum.StrEnum):
    """How often a reader wants a newsletter."""

    IMMEDIATE = "immediate"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class ConsentAction(enum.StrEnum):
    """What a subscriber, or somebody for them, did."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"


class Subscriber(Base):
    """A person with one address.

    `email` is the address as the person writes it, `email_key` its canonical form for comparison.
    `domain` follows from `email_key`, by an expression that SQLite and PostgreSQL both know: all
    before the @ goes, then the @. `public_id` stands in tokens instead of the row's number.
    `send_hour` is the hour (0 to 23) on the wall clock of `time_zone` at which digests are wished,
    `language` (BCP 47) that of the frame around the articles. Until `paused_until` (UTC) nothing is
    sent.
    """

    __tablename__ = "subscribers"
    __table_args__ = (
        # Segments of readers are counted and read in pages by these.
        Index("ix_subscribers_state_id", "state", "id"),
        Index("ix_subscribers_created_at", "created_at"),
        # Addresses by how they begin; in SQLite the index of the UNIQUE constraint does it.
        Index(
            "ix_subscribers_email_key_begins",
            "email_key",
            postgresql_ops={"email_key": "text_pattern_ops"},
        ).ddl_if(dialect="postgresql"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320), unique=True)
    domain: Mapped[str | None] = mapped_column(
        String(320),
        Computed("ltrim(ltrim(email_key, replace(email_key, '@', '')), '@')"),
        index=True,
    )
    name: Mapped[str | None] = mapped_column(String(300))
    state: Mapped[SubscriberState] = mapped_column(state_column(SubscriberState))
    time_zone: Mapped[str | None] = mapped_column(String(64))
    send_hour: Mapped[int | None] = mapped_column(SmallInteger)
    language: Mapped[str | None] = mapped_column(String(35))
    plain_text: Mapped[bool] = mapped_column(default=False, server_default=false())
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Since when a confirmation mail is owed; NULL once it is sent. The sweeper looks at it.
    confirmation_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)

    subscriptions: Mapped[list["Subscription"]] = relationship(
        order_by="Subscription.newsletter", cascade="all, delete-orphan", lazy="selectin"
    )


class Subscription(Base):
    """What a subscriber asked of one newsletter; ended, never deleted, when they leave.

    `wish` is the canonical text of all that makes an edition differ (see `interests`), empty for
    everything in the usual form: readers with the same wish share an edition, and SQL can group
    by it. A welcome mail is owed since `welcome_due_at`.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        UniqueConstraint("subscriber_id", "newsletter"),
        # The audience of an issue is read by this index, in the order of subscribers.
        Index(
            "ix_subscriptions_audience",
            "newsletter",
            "frequency",
            "subscriber_id",
            "wish",
            postgresql_where=text("ended_at IS NULL"),
            sqlite_where=text("ended_at IS NULL"),
        ),
        # Who left, and when.
        Index(
            "ix_subscriptions_left",
            "ended_at",
            "subscriber_id",
            postgresql_where=text("ended_at IS NOT NULL"),
            sqlite_where=text("ended_at IS NOT NULL"),
        ),
        Index(
            "ix_subscriptions_welcome_due_at",
            "welcome_due_at",
            postgresql_where=text("welcome_due_at IS NOT NULL"),
            sqlite_where=text("welcome_due_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"))
    newsletter: Mapped[str] = mapped_column(ForeignKey("newsletters.slug"))
    frequency: Mapped[Frequency] = mapped_column(state_column(Frequency))
    wish: Mapped[str] = mapped_column(String(LONGEST_WISH), default="")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    welcome_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    welcomed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def interests(self) -> Interests:
        """What the reader wants of the newsletter, and in which form."""
        return Interests.read(self.wish)

    @property
    def regions(self) -> list[str]:
        """The wished regions as slugs; an empty list means all."""
        return list(self.interests.regions)


class ConsentRecord(Base):
    """One change of consent: what, in which words, by which way, from where; never changed."""

    __tablename__ = "consent_records"
    __table_args__ = (
        # Who left by a link in which issue.
        Index(
            "ix_consent_records_issue_id",
            "issue_id",
            postgresql_where=text("issue_id IS NOT NULL"),
            sqlite_where=text("issue_id IS NOT NULL"),
        ),
        # Network addresses that are to be emptied one day.
        Index(
            "ix_consent_records_networks",
            "at",
            postgresql_where=text("origin IS NOT NULL"),
            sqlite_where=text("origin IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(
        ForeignKey("subscribers.id", ondelete="CASCADE"), index=True
    )
    newsletter: Mapped[str | None] = mapped_column(String(64))
    action: Mapped[ConsentAction] = mapped_column(state_column(ConsentAction))
    wording: Mapped[str] = mapped_column(Text, default="")
    way: Mapped[str] = mapped_column(String(40))
    origin: Mapped[str | None] = mapped_column(String(100))
    issue_id: Mapped[int | None] = mapped_column(BigKey)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Suppression(Base):
    """An address that is not mailed, whoever asks; kept as a keyed hash."""

    __tablename__ = "suppressions"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    address_hash: Mapped[str] = mapped_column(String(64), unique=True)
    reason: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class BlockedDomain(Base):
    """A domain that nobody can subscribe from, and that is not mailed; subdomains included."""

    __tablename__ = "blocked_domains"

    domain: Mapped[str] = mapped_column(String(255), primary_key=True)
    reason: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class SuppressionChange(Base):
    """One step onto or off the list of what is not mailed, with its reason; never changed.

    `subject` is the keyed hash of an address, or a domain.
    """

    __tablename__ = "suppression_changes"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), index=True)
    action: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(200))
    way: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class GrowthDay(Base):
    """How often something happened to a newsletter on a day (UTC) that is over.

    Kept, not counted anew: the persons may have been erased since.
    """

    __tablename__ = "growth_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    newsletter: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    count: Mapped[int]


class PaceChange(Base):
    """A reader gets a newsletter at another frequency than before, since `changed_at`.

    What the former frequency would still have brought, and the new one had brought already, is
    owed; the next issue at the former one brings it, and the row goes.
    """

    __tablename__ = "pace_changes"
    __table_args__ = (Index("ix_pace_changes_newsletter_former", "newsletter", "former"),)

    subscriber_id: Mapped[int] = mapped_column(
        ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    newsletter: Mapped[str] = mapped_column(ForeignKey("newsletters.slug"), primary_key=True)
    former: Mapped[Frequency] = mapped_column(state_column(Frequency), primary_key=True)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
