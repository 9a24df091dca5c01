"""How a newsletter grows: sign-ups, confirmations and departures by day (UTC).

Days that are over are counted once and kept; the last ones are counted from the records of consent.
What an erased person did stays counted, without the person.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from alerts.clock import Clock
from alerts.database import among
from alerts.subscribers.models import ConsentAction, ConsentRecord, GrowthDay

SIGNED_UP, CONFIRMED, DEPARTED = "signed up", "confirmed", "departed"
_KINDS = {ConsentAction.REQUESTED: SIGNED_UP, ConsentAction.WITHDRAWN: DEPARTED}
# A row of its own says that a day is over and counted, even one on which nothing happened.
_SETTLED = "settled"
_DAY = timedelta(days=1)

# Newsletter and kind of what happened.
Event = tuple[str, str]


@dataclass(frozen=True, slots=True)
class DayOfGrowth:
    """What happened to one newsletter on one day (UTC)."""

    day: date
    newsletter: str
    signed_up: int = 0
    confirmed: int = 0
    departed: int = 0

    def to_json(self) -> dict[str, object]:
        """Return the day as a JSON document."""
        return asdict(self) | {"day": self.day.isoformat()}


def growth_csv(days: Iterable[DayOfGrowth]) -> str:
    """Return days as CSV, a line each."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [field.name for field in fields(DayOfGrowth)])
    writer.writeheader()
    writer.writerows(day.to_json() for day in days)
    return buffer.getvalue()


def growth(
    session: Session, *, since: date, newsletter: str | None = None, clock: Clock
) -> list[DayOfGrowth]:
    """Return the days since then on which something happened, the oldest first."""
    counts: Counter[tuple[date, str, str]] = Counter()
    kept = select(GrowthDay).where(GrowthDay.day >= since)
    settled = set()
    for row in session.scalars(kept):
        if row.kind == _SETTLED:
            settled.add(row.day)
        else:
            counts[row.day, row.newsletter, row.kind] += row.count
    for day in _days(since, clock.now().date() + _DAY):
        if day not in settled:
            for (slug, kind), count in _counted(session, day).items():
                counts[day, slug, kind] += count
    pairs = sorted({(day, slug) for day, slug, _ in counts if newsletter in {None, slug}})
    return [
        DayOfGrowth(
            day,
            slug,
            counts[day, slug, SIGNED_UP],
            counts[day, slug, CONFIRMED],
            counts[day, slug, DEPARTED],
        )
        for day, slug in pairs
    ]


def settle_days(session: Session, *, clock: Clock, limit: int | None = None) -> int:
    """Count days that are over and keep the counts; returns how many days. Safe to repeat.

    With a limit it is the first so many that are not counted yet.
    """
    first = _first_open_day(session)
    if first is None:
        return 0
    settled = 0
    busy = _busy_day(session, first)
    for day in islice(_days(first, clock.now().date()), limit):
        if day == busy:
            _add(session, day, _counted(session, day))
            busy = _busy_day(session, day + _DAY)
        session.add(GrowthDay(day=day, newsletter="", kind=_SETTLED, count=0))
        settled += 1
    session.flush()
    return settled


def carry_over(session: Session, subscriber_ids: Sequence[int], *, clock: Clock) -> None:
    """Keep what people did on days not yet settled, before their records go."""
    last = _last_settled(session)
    began = (
        select(ConsentRecord.subscriber_id, func.min(ConsentRecord.at))
        .where(among(session, ConsentRecord.subscriber_id, subscriber_ids))
        .group_by(ConsentRecord.subscriber_id)
    )
    if last is not None:
        # Most of those who are forgotten did nothing for years.
        began = began.where(ConsentRecord.at >= datetime.combine(last + _DAY, time(), UTC))
    for number, first in session.execute(began).all():
        for day in _days(first.date(), clock.now().date() + _DAY):
            _add(session, day, _counted(session, day, number))
    session.flush()


def _first_open_day(session: Session) -> date | None:
    last = _last_settled(session)
    if last is not None:
        return last + _DAY
    began: datetime | None = session.scalar(select(func.min(ConsentRecord.at)))
    return began.date() if began else None


def _busy_day(session: Session, since: date) -> date | None:
    """Return the first day from one on of which there is a record, None for none."""
    start = datetime.combine(since, time(), UTC)
    query = select(func.min(ConsentRecord.at)).where(ConsentRecord.at >= start)
    found: datetime | None = session.scalar(query)
    return found.date() if found else None


def _last_settled(session: Session) -> date | None:
    return session.scalar(select(func.max(GrowthDay.day)).where(GrowthDay.kind == _SETTLED))


def _days(first: date, end: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((end - first).days))


def _counted(session: Session, day: date, subscriber_id: int | None = None) -> Mapping[Event, int]:
    start = datetime.combine(day, time(), UTC)
    record = ConsentRecord
    within = [record.at >= start, record.at < start + _DAY]
    if subscriber_id is not None:
        within.append(record.subscriber_id == subscriber_id)
    plain = (
        select(record.newsletter, record.action, func.count())
        .where(*within, record.newsletter.is_not(None), record.action.in_(_KINDS))
        .group_by(record.newsletter, record.action)
    )
    counts = {
        (slug, _KINDS[action]): count for slug, action, count in session.execute(plain) if slug
    }
    # A confirmation is on record once for all that had been asked for by then.
    asked = aliased(ConsentRecord)
    confirmed = (
        select(asked.newsletter, func.count(record.id.distinct()))
        .join(asked, asked.subscriber_id == record.subscriber_id)
        .where(*within, record.action == ConsentAction.CONFIRMED, asked.newsletter.is_not(None))
        .where(asked.action == ConsentAction.REQUESTED, asked.at <= record.at)
        .group_by(asked.newsletter)
    )
    return counts | {(slug, CONFIRMED): count for slug, count in session.execute(confirmed) if slug}


def _add(session: Session, day: date, counts: Mapping[Event, int]) -> None:
    for (slug, kind), count in counts.items():
        row = session.get(GrowthDay, (day, slug, kind))
        if row is None:
            session.add(GrowthDay(day=day, newsletter=slug, kind=kind, count=count))
        else:
            row.count += count
    session.flush()
