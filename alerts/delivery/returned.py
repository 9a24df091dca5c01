"""What came back for deliveries after they were accepted: a row for each report, never changed.

The inbound station writes them; the reports on issues count them. They stand here because what is
said of a delivery belongs to the ledger, and outlives the mail that said it.
"""

import enum
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from alerts.database import Base, BigKey, UtcDateTime, insert_into, state_column

LONGEST_DIAGNOSTIC = 300
_TO_COUNT = "returned.to_count"
_Key = tuple[date, str, str, str]


class Returned(enum.StrEnum):
    """What came back: a bounce of a class, or a reader's complaint."""

    HARD = "hard"
    SOFT = "soft"
    POLICY = "policy"
    COMPLAINT = "complaint"


class BounceEvent(Base):
    """What one mail, or one call of a provider, says of one recipient.

    `delivery_id` and `issue_id` are NULL where it names no message of an issue. `domain` is the
    recipient's, `diagnostic` what the server said, without addresses. `mail_id` is the inbound mail
    it stood in, which may be removed before the event; `position` counts the recipients in it.
    """

    __tablename__ = "bounce_events"
    __table_args__ = (
        UniqueConstraint("mail_id", "position"),
        Index("ix_bounce_events_subscriber_id_at", "subscriber_id", "at"),
        Index("ix_bounce_events_issue_id", "issue_id", "kind"),
        Index("ix_bounce_events_at", "at"),
        Index("ix_bounce_events_delivery_id", "delivery_id", "kind"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    mail_id: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(SmallInteger)
    delivery_id: Mapped[int | None] = mapped_column(BigInteger)
    issue_id: Mapped[int | None] = mapped_column(BigInteger)
    # NULL once the person is erased: the counts stay true.
    subscriber_id: Mapped[int | None] = mapped_column(
        ForeignKey("subscribers.id", ondelete="SET NULL")
    )
    newsletter: Mapped[str | None] = mapped_column(String(64))
    kind: Mapped[Returned] = mapped_column(state_column(Returned))
    code: Mapped[str | None] = mapped_column(String(40))
    domain: Mapped[str] = mapped_column(String(255), default="")
    diagnostic: Mapped[str] = mapped_column(String(LONGEST_DIAGNOSTIC), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ReturnedCount(Base):
    """How many deliveries came back on a day (UTC), by domain, kind and code; kept, not counted.

    `code` is empty where nothing was said. A delivery counts once in each kind.
    """

    __tablename__ = "returned_counts"
    __table_args__ = (
        UniqueConstraint("day", "domain", "kind", "code", name="uq_returned_counts_day"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    day: Mapped[date]
    domain: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(40))
    count: Mapped[int] = mapped_column(BigKey)


class BounceRise(Base):
    """An issue of which too much came back, and how much of that somebody has seen.

    `messages` and `bounces` are those up to the last time it was resumed, or had the refused tried
    again; `waits` while it is paused for them, since `paused_at` (UTC).
    """

    __tablename__ = "bounce_rises"

    issue_id: Mapped[int] = mapped_column(
        ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    messages: Mapped[int] = mapped_column(BigKey)
    bounces: Mapped[int] = mapped_column(BigKey)
    paused_at: Mapped[datetime] = mapped_column(UtcDateTime)
    waits: Mapped[bool]


def was_told_before(session: Session, delivery_id: int | None, kind: Returned) -> bool:
    """Tell whether a delivery came back in this kind before, by whichever way."""
    if delivery_id is None:
        return False
    told = select(BounceEvent.id).where(
        BounceEvent.delivery_id == delivery_id, BounceEvent.kind == kind
    )
    return session.scalar(told.limit(1)) is not None


def count_returned(session: Session, event: BounceEvent) -> None:
    """Have an event counted under its day, domain, kind and code, by `count_what_returned`."""
    key = (event.at.date(), event.domain, event.kind.value, event.code or "")
    session.info.setdefault(_TO_COUNT, []).append(key)


@contextmanager
def counted_last(session: Session) -> Iterator[None]:
    """Take back what was to be counted when an exception passes, as its savepoint is taken back."""
    waiting: list[_Key] = session.info.setdefault(_TO_COUNT, [])
    before = len(waiting)
    try:
        yield
    except BaseException:
        del waiting[before:]
        raise


def count_what_returned(session: Session) -> None:
    """Write the counts of a transaction, as the last thing in it.

    Many wait for the few rows of large domains, and all in the same order: nobody waits in a
    circle.
    """
    counts: Counter[_Key] = Counter(session.info.pop(_TO_COUNT, []))
    for (day, domain, kind, code), count in sorted(counts.items()):
        row = insert_into(session, ReturnedCount).values(
            day=day, domain=domain, kind=kind, code=code, count=count
        )
        session.execute(
            row.on_conflict_do_update(
                index_elements=["day", "domain", "kind", "code"],
                set_={"count": ReturnedCount.count + row.excluded["count"]},
            )
        )


def returned_of(session: Session, issue_id: int) -> Mapping[Returned, int]:
    """Count what came back for an issue: each delivery once in each class, however often told."""
    rows = session.execute(
        select(BounceEvent.kind, func.count(BounceEvent.delivery_id.distinct()))
        .where(BounceEvent.issue_id == issue_id)
        .group_by(BounceEvent.kind)
    )
    return dict.fromkeys(Returned, 0) | dict(rows.all())


def returned_domains(session: Session, issue_id: int, kind: Returned) -> list[tuple[str, int]]:
    """Return whose servers sent an issue's messages back in a class, the most frequent first."""
    deliveries = func.count(BounceEvent.delivery_id.distinct())
    rows = session.execute(
        select(BounceEvent.domain, deliveries)
        .where(BounceEvent.issue_id == issue_id, BounceEvent.kind == kind)
        .group_by(BounceEvent.domain)
        .order_by(deliveries.desc(), BounceEvent.domain)
    )
    return list(rows)


def worst_domains(session: Session, issue_id: int) -> list[tuple[str, int]]:
    """Return the three domains from which most of an issue came back, in any class of bounce."""
    deliveries = func.count(BounceEvent.delivery_id.distinct())
    rows = session.execute(
        select(BounceEvent.domain, deliveries)
        .where(BounceEvent.issue_id == issue_id, BounceEvent.kind != Returned.COMPLAINT)
        .group_by(BounceEvent.domain)
        .order_by(deliveries.desc(), BounceEvent.domain)
        .limit(3)
    )
    return list(rows)


def bounced_in(session: Session, issue_id: int) -> int:
    """Count the deliveries of an issue that came back in any class of bounce."""
    found = session.scalar(
        select(func.count(BounceEvent.delivery_id.distinct())).where(
            BounceEvent.issue_id == issue_id, BounceEvent.kind != Returned.COMPLAINT
        )
    )
    return found or 0


def returned_by_day(session: Session, *, since: date) -> dict[tuple[date, str], tuple[int, int]]:
    """Count bounces and complaints by day (UTC) and newsletter, from a day on, by their index.

    What names no newsletter is left out.
    """
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    at = func.timezone("UTC", BounceEvent.at) if is_postgresql else BounceEvent.at
    day, is_complaint = func.date(at), BounceEvent.kind == Returned.COMPLAINT
    rows = session.execute(
        select(
            day,
            BounceEvent.newsletter,
            func.count().filter(~is_complaint),
            func.count().filter(is_complaint),
        )
        .where(BounceEvent.at >= datetime.combine(since, time(), UTC))
        .where(BounceEvent.newsletter.is_not(None))
        .group_by(day, BounceEvent.newsletter)
    )
    return {
        (date.fromisoformat(str(on)), newsletter): (bounces, complaints)
        for on, newsletter, bounces, complaints in rows
        if newsletter
    }
