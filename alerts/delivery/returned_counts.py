"""How much came back of late, from the counts that are kept: by day, by domain, by code."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from alerts.delivery.returned import Returned, ReturnedCount

# Two years back there is nothing that anybody would compare with.
KEPT_FOR = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Line:
    """What came back under one name (a domain, a code, a day), by kind."""

    name: str
    counts: dict[Returned, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All kinds together."""
        return sum(self.counts.values())

    def of(self, kind: Returned) -> int:
        """Return the count of one kind."""
        return self.counts.get(kind, 0)


@dataclass(frozen=True, slots=True)
class CameBack:
    """What came back since a day: in sum, from which domains, with which codes, on which days."""

    since: date
    sums: Line
    domains: Sequence[Line]
    codes: Sequence[Line]
    days: Sequence[Line]


def came_back_since(session: Session, since: date, *, until: date, most: int = 12) -> CameBack:
    """Return what came back since a day, in UTC; of domains and codes the `most` frequent."""
    days = _by(session, ReturnedCount.day, since)
    every = [since + timedelta(days=n) for n in range((until - since).days + 1)]
    by_day = {line.name: line for line in days}
    sums: dict[Returned, int] = {}
    for line in days:
        for kind, count in line.counts.items():
            sums[kind] = sums.get(kind, 0) + count
    return CameBack(
        since,
        Line("all", sums),
        _largest(_by(session, ReturnedCount.domain, since), most),
        _largest(_by(session, ReturnedCount.code, since), most),
        [by_day.get(day.isoformat(), Line(day.isoformat())) for day in every],
    )


def old_returned_counts(now: datetime) -> ColumnElement[bool]:
    """Return the condition that counts are too old to be compared with."""
    return ReturnedCount.day < (now - KEPT_FOR).date()


def _by(
    session: Session,
    column: InstrumentedAttribute[str] | InstrumentedAttribute[date],
    since: date,
) -> list[Line]:
    total: ColumnElement[int] = func.sum(ReturnedCount.count)
    rows = session.execute(
        select(column, ReturnedCount.kind, total)
        .where(ReturnedCount.day >= since)
        .group_by(column, ReturnedCount.kind)
    )
    found: dict[str, Line] = {}
    for name, kind, count in rows:
        shown = name.isoformat() if isinstance(name, date) else str(name)
        found.setdefault(shown, Line(shown)).counts[Returned(kind)] = int(count)
    return list(found.values())


def _largest(lines: list[Line], most: int) -> list[Line]:
    return sorted(lines, key=lambda line: (-line.total, line.name))[:most]
