"""The ledger: a row for every subscriber of every issue's audience, and the batches they go in."""

import enum
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from alerts.database import Base, BigKey, UtcDateTime, state_column
from alerts.subscribers.interests import LONGEST_WISH


class DeliveryState(enum.StrEnum):
    """Where a delivery stands; everybody ends in sent, failed, skipped or uncertain."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNCERTAIN = "uncertain"


class BatchState(enum.StrEnum):
    """Where a batch stands; a leased one whose lease ran out may be taken over."""

    READY = "ready"
    LEASED = "leased"
    DONE = "done"


class IssueWish(Base):
    """What a wish comes to in an issue: the edition its readers get, or none and the reason.

    `had` names the editions of other issues that its readers got with some of the same pieces.
    The audience is taken by joining subscriptions with these rows, in one pass.
    """

    __tablename__ = "issue_wishes"

    issue_id: Mapped[int] = mapped_column(
        ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True
    )
    wish: Mapped[str] = mapped_column(String(LONGEST_WISH), primary_key=True)
    had: Mapped[str] = mapped_column(String(1_000), primary_key=True, default="", server_default="")
    reason: Mapped[str | None] = mapped_column(String(100))
    edition_id: Mapped[int | None] = mapped_column(ForeignKey("editions.id"))


class IssueHour(Base):
    """When readers get an issue who named an hour, by their zone; empty is the newsletter's."""

    __tablename__ = "issue_hours"

    issue_id: Mapped[int] = mapped_column(
        ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True
    )
    time_zone: Mapped[str] = mapped_column(String(64), primary_key=True)
    send_hour: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)


class Batch(Base):
    """A slice of an issue's ledger, worked on under a lease by one worker at a time.

    `fence` grows with each lease: a worker that lost its lease finds another number and may not
    write any more. `not_before` holds back a batch whose deliveries are to be tried again later.
    `lease_seconds` is for how long whoever leased it last holds it without a sign of life.
    """

    __tablename__ = "batches"
    __table_args__ = (
        UniqueConstraint("issue_id", "number"),
        Index("ix_batches_state_not_before", "state", "not_before"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"))
    number: Mapped[int]
    state: Mapped[BatchState] = mapped_column(state_column(BatchState), default=BatchState.READY)
    fence: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_seconds: Mapped[int] = mapped_column(default=60, server_default="60")
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    enqueued_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Delivery(Base):
    """One issue for one subscriber: exactly one row, exactly one end, with a reason."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("issue_id", "subscriber_id"),
        # No index holds a column that sending changes, and each page has room for one more
        # version of its rows: PostgreSQL then rewrites rows in place, at a fifth of the cost.
        Index("ix_deliveries_batch_id", "batch_id"),
        Index("ix_deliveries_subscriber_id", "subscriber_id"),
        {"postgresql_with": {"fillfactor": 45}},
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    # No foreign keys: the statement that writes the rows reads all four from their tables, and to
    # look at each again was most of what taking a large audience took.
    issue_id: Mapped[int] = mapped_column(BigKey)
    # NULL once the person is erased (`erasing.py`): the issue's totals stay true.
    subscriber_id: Mapped[int | None] = mapped_column(BigKey)
    edition_id: Mapped[int | None] = mapped_column(BigKey)
    batch_id: Mapped[int | None] = mapped_column(BigKey)
    state: Mapped[DeliveryState] = mapped_column(
        state_column(DeliveryState), default=DeliveryState.PENDING
    )
    reason: Mapped[str | None] = mapped_column(String(100))
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_answer: Mapped[str | None] = mapped_column(Text)
    last_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OutcomeCount(Base):
    """How often handing over came to something: kept beside the ledger, so that nobody scans it.

    Each group of deliveries adds rows of its own (not `settled`), so that workers never wait for
    each other over a total; the tick adds them up by the hour, and after days over all issues.
    `hour` begins the hour, `last_at` is when the last of them was counted.
    """

    __tablename__ = "outcome_counts"
    __table_args__ = (
        Index("ix_outcome_counts_settled_hour", "settled", "hour"),
        Index("ix_outcome_counts_issue_id", "issue_id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    hour: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # NULL once it is added up over all issues.
    issue_id: Mapped[int | None] = mapped_column(BigKey)
    provider: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(20))
    count: Mapped[int] = mapped_column(BigKey)
    settled: Mapped[bool] = mapped_column(default=False)


class DeliveryTotal(Base):
    """How many of an issue's deliveries ended alike, once their rows are no longer kept.

    Empty and 0 stand for NULL in the ledger: a UNIQUE constraint takes no NULL for the same.
    """

    __tablename__ = "delivery_totals"
    __table_args__ = (UniqueConstraint("issue_id", "state", "reason", "attempts", "edition_id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    issue_id: Mapped[int] = mapped_column(BigKey)
    state: Mapped[DeliveryState] = mapped_column(state_column(DeliveryState))
    reason: Mapped[str] = mapped_column(String(100), default="")
    attempts: Mapped[int]
    edition_id: Mapped[int] = mapped_column(BigInteger, default=0)
    count: Mapped[int] = mapped_column(BigInteger)


class CanaryCopy(Base):
    """The copy of an issue that goes to the operator's own address, and when it came."""

    __tablename__ = "canary_copies"

    issue_id: Mapped[int] = mapped_column(
        ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True
    )
    message_id: Mapped[str] = mapped_column(String(320), unique=True)
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)
    arrived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
