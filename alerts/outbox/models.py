"""Tables of what other programs are told: who is told, what happened, and how telling it went.

`alerts.webhooks` delivers; this part lies below the stations, so that each of them can write down
what happens in the transaction in which it happens.
"""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from alerts.database import Base, BigKey, JsonColumn, UtcDateTime, state_column


class DeliveryEnd(enum.StrEnum):
    """Where telling one event to one endpoint has got to."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class WebhookEndpoint(Base):
    """An address that is told of events.

    `secrets` are sealed, the newest first; an older one signs beside it until its `until`. With
    `addresses` events about readers say who they are; without, only by a keyed hash. An endpoint
    is worked for by one worker at a time: `claimed_until` and `fence`. After a failure nothing is
    sent before `not_before`.
    """

    __tablename__ = "webhook_endpoints"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(String(200))
    events: Mapped[list[str]] = mapped_column(JsonColumn)
    addresses: Mapped[bool] = mapped_column(default=False, server_default=false())
    secrets: Mapped[list[dict[str, Any]]] = mapped_column(JsonColumn)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_because: Mapped[str | None] = mapped_column(Text)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fence: Mapped[int] = mapped_column(default=0, server_default="0")


class WebhookEvent(Base):
    """Something that happened; `public_id` is the `webhook-id` that a receiver knows it again by.

    `data` holds numbers and states. A reader stands in it by number alone: who that is is looked
    up when it is told, so that an erased person is in no outbox.
    """

    __tablename__ = "webhook_events"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[str] = mapped_column(String(64))
    data: Mapped[dict[str, Any]] = mapped_column(JsonColumn)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class WebhookDelivery(Base):
    """One event on its way to one endpoint, and what the endpoint answered last."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("event_id", "endpoint_id"),
        Index("ix_webhook_deliveries_endpoint_id", "endpoint_id", "id"),
        Index(
            "ix_webhook_deliveries_due",
            "endpoint_id",
            "not_before",
            postgresql_where=text("state = 'pending'"),
            sqlite_where=text("state = 'pending'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("webhook_events.id", ondelete="CASCADE"))
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    state: Mapped[DeliveryEnd] = mapped_column(state_column(DeliveryEnd))
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    # Until when it is tried: three days from the event, or from being sent again by hand.
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    last_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_status: Mapped[int | None]
    last_answer: Mapped[str | None] = mapped_column(Text)
