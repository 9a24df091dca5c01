"""The mails that came in, each a row before anybody is told that it was taken; and from where."""

import enum
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from alerts.claims import Claimable
from alerts.database import Base, BigKey, UtcDateTime, state_column

LONGEST_NOTE = 500


class MailState(enum.StrEnum):
    """Where an inbound mail stands; one that failed is worked on again by hand alone."""

    NEW = "new"
    DONE = "done"
    FAILED = "failed"


class Owed(enum.StrEnum):
    """What is still to be sent because of a mail."""

    HELP = "help"
    FORWARD = "forward"


# Written out, in the index and in what is asked: of a value that comes along with a statement
# SQLite cannot tell that the index holds all such rows.
IS_NEW = text(f"state = '{MailState.NEW}'")


class InboundMail(Base):
    """A mail as it came, or what a provider's webhook said, and what became of it.

    `digest` is the SHA-256 of `raw`: the same mail twice is one. `way` is how it came, for
    webhooks with the provider's name. `envelope_to` holds the recipients of the envelope, separated
    by spaces. `owed` is what is to be mailed to `owed_to` since `owed_at`. After `expires_at` the
    mail is removed; with the subscriber it is about it goes at once.
    """

    __tablename__ = "inbound_mails"
    __table_args__ = (
        # What is still to be worked on; nearly all mails are done.
        Index(
            "ix_inbound_mails_new",
            "id",
            postgresql_where=IS_NEW,
            sqlite_where=IS_NEW,
        ),
        Index(
            "ix_inbound_mails_owed_at",
            "owed_at",
            postgresql_where=text("owed_at IS NOT NULL"),
            sqlite_where=text("owed_at IS NOT NULL"),
        ),
        Index("ix_inbound_mails_expires_at", "expires_at"),
        Index("ix_inbound_mails_subscriber_id", "subscriber_id"),
        Index("ix_inbound_mails_kind", "kind", "id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int]
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    way: Mapped[str] = mapped_column(String(40))
    envelope_from: Mapped[str | None] = mapped_column(String(320))
    envelope_to: Mapped[str | None] = mapped_column(Text)
    state: Mapped[MailState] = mapped_column(state_column(MailState), default=MailState.NEW)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    enqueued_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    kind: Mapped[str | None] = mapped_column(String(20))
    # The class of a bounce: hard, soft or policy.
    bounce: Mapped[str | None] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(String(LONGEST_NOTE), default="")
    subscriber_id: Mapped[int | None] = mapped_column(
        ForeignKey("subscribers.id", ondelete="CASCADE")
    )
    owed: Mapped[Owed | None] = mapped_column(state_column(Owed))
    owed_to: Mapped[str | None] = mapped_column(String(320))
    owed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Mailbox(Claimable, Base):
    """A mailbox that mail is fetched from, as the settings name it; `shown` is without password.

    One at a time looks into it. `place` and `position` say how far a file was read. `taken` counts
    the mails that were fetched.
    """

    __tablename__ = "mailboxes"

    key: Mapped[str] = mapped_column(String(64), unique=True)
    shown: Mapped[str] = mapped_column(Text)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    place: Mapped[str] = mapped_column(String(80), default="")
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    taken: Mapped[int] = mapped_column(BigInteger, default=0)
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)
