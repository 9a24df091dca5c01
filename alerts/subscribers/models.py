"""Tables of the subscriber store: people, their subscriptions, their consent, suppression."""

import enum
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from alerts.database import Base, BigKey, UtcDateTime, state_column


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
    `public_id` stands in tokens instead of the row's number.
    """

    __tablename__ = "subscribers"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str | None] = mapped_column(String(300))
    state: Mapped[SubscriberState] = mapped_column(state_column(SubscriberState))
    time_zone: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Since when a confirmation mail is owed; NULL once it is sent. The sweeper looks at it.
    confirmation_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)

    subscriptions: Mapped[list["Subscription"]] = relationship(
        order_by="Subscription.newsletter", cascade="all, delete-orphan", lazy="selectin"
    )


class Subscription(Base):
    """What a subscriber asked of one newsletter; ended, never deleted, when they leave.

    `wish` is the canonical text of the wished regions, slugs sorted and joined by `;`, empty for
    everything: readers with the same wish share an edition, and SQL can group by it.
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
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id", ondelete="CASCADE"))
    newsletter: Mapped[str] = mapped_column(ForeignKey("newsletters.slug"))
    frequency: Mapped[Frequency] = mapped_column(state_column(Frequency))
    wish: Mapped[str] = mapped_column(String(500), default="")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def regions(self) -> list[str]:
        """The wished regions as slugs; an empty list means all."""
        return [slug for slug in self.wish.split(";") if slug]


class ConsentRecord(Base):
    """One change of consent: what, in which words, by which way, from where; never changed."""

    __tablename__ = "consent_records"

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
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Suppression(Base):
    """An address that is not mailed, whoever asks; kept as a keyed hash."""

    __tablename__ = "suppressions"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    address_hash: Mapped[str] = mapped_column(String(64), unique=True)
    reason: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
