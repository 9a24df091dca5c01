"""Tables of what operations remember between one look and the next."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from alerts.database import Base, BigKey, JsonColumn, UtcDateTime, state_column

LONGEST_WORDS = 500


class Beat(Base):
    """When something that is to happen again and again last did, such as the tick."""

    __tablename__ = "beats"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Occasion(enum.StrEnum):
    """Why somebody is told of an alarm."""

    OPENED = "opened"
    REMINDER = "reminder"
    OVER = "over"


class Alarm(Base):
    """Something that is broken, from the moment it was noticed until it was whole again.

    One is open for each kind and subject. `what` says it in a line, `mend` what to do.
    `noted_at` is when notes about it were last written, `told_at` when the last of them went out.
    Nobody is told before `silenced_until`, for the reason that somebody gave.
    """

    __tablename__ = "alarms"
    __table_args__ = (
        Index(
            "ix_alarms_open",
            "kind",
            "subject",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
            sqlite_where=text("closed_at IS NULL"),
        ),
        Index("ix_alarms_closed_at", "closed_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(200))
    what: Mapped[str] = mapped_column(String(LONGEST_WORDS))
    mend: Mapped[str] = mapped_column(String(LONGEST_WORDS))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    noted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    silenced_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    silence_reason: Mapped[str] = mapped_column(String(LONGEST_WORDS), default="")


class AlarmNote(Base):
    """One message about an alarm, to one address or to the webhook; kept until it went out.

    `number` counts reminders. A note is in hand until `not_before`; `failure` is what kept it back
    the last time.
    """

    __tablename__ = "alarm_notes"
    __table_args__ = (
        UniqueConstraint("alarm_id", "occasion", "number", "target"),
        Index(
            "ix_alarm_notes_owed",
            "not_before",
            postgresql_where=text("sent_at IS NULL"),
            sqlite_where=text("sent_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    alarm_id: Mapped[int] = mapped_column(ForeignKey("alarms.id", ondelete="CASCADE"))
    occasion: Mapped[Occasion] = mapped_column(state_column(Occasion))
    number: Mapped[int] = mapped_column(default=0)
    target: Mapped[str] = mapped_column(String(320))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failure: Mapped[str] = mapped_column(String(LONGEST_WORDS), default="")


class DoctorReport(Base):
    """What the doctor found when somebody asked at the desk; `result` is NULL until it is done."""

    __tablename__ = "doctor_reports"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[dict[str, Any] | None] = mapped_column(JsonColumn)


class PruningRound(Base):
    """One removal of what is old: how far it has come, and what went, by its kind.

    `way` is `night` or `command`. The nightly one takes many short turns, so that it keeps no
    worker from what is more urgent: `turn` counts them, `stage` is the kind that the next one goes
    on with, and `seen_at` when one was last begun, ended or asked for.
    `moved_at` is when something last came of it, `tries` how many turns were begun since, and
    `failure` what the last of them failed with, in a line.
    """

    __tablename__ = "pruning_rounds"
    __table_args__ = (
        Index(
            "ix_pruning_rounds_night",
            "way",
            unique=True,
            postgresql_where=text("ended_at IS NULL AND way = 'night'"),
            sqlite_where=text("ended_at IS NULL AND way = 'night'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    way: Mapped[str] = mapped_column(String(20))
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    turn: Mapped[int] = mapped_column(default=0)
    stage: Mapped[str] = mapped_column(String(40), default="")
    counts: Mapped[dict[str, int]] = mapped_column(JsonColumn)
    moved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0)
    failure: Mapped[str] = mapped_column(String(LONGEST_WORDS), default="")
