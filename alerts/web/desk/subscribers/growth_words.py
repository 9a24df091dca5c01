"""How newsletters grow, as rows of a table and lines of a chart: days, or weeks of many. Pure."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

from alerts.subscribers.growth import DayOfGrowth

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
# A chart, or a table, of more is read by nobody.
_MOST_ROWS = 62


@dataclass(slots=True)
class Growth:
    """What happened in a span that begins on a day (UTC)."""

    day: date
    signed_up: int = 0
    confirmed: int = 0
    departed: int = 0
    bounced: int = 0
    complained: int = 0

    @property
    def is_eventful(self) -> bool:
        """Whether anything happened at all."""
        counts = (self.signed_up, self.confirmed, self.departed, self.bounced, self.complained)
        return any(counts)


Returned = Mapping[tuple[date, str], tuple[int, int]]


def rows_of(
    days: Iterable[DayOfGrowth],
    returned: Returned,
    *,
    newsletter: str,
    since: date,
    until: date,
) -> list[Growth]:
    """Return every span from a day to another, both included; `newsletter` empty for all.

    Spans are days, and weeks where there would be more than two months of days.
    """
    span = _DAY if (until - since).days < _MOST_ROWS else _WEEK
    rows = [Growth(since + span * n) for n in range((until - since) // span + 1)]

    def at(day: date) -> Growth | None:
        inside = since <= day <= until
        return rows[(day - since) // span] if inside else None

    for one in days:
        row = at(one.day)
        if row is not None and newsletter in {"", one.newsletter}:
            row.signed_up += one.signed_up
            row.confirmed += one.confirmed
            row.departed += one.departed
    for (day, slug), (bounced, complained) in returned.items():
        row = at(day)
        if row is not None and newsletter in {"", slug}:
            row.bounced += bounced
            row.complained += complained
    return rows


def total_of(rows: Sequence[Growth]) -> Growth:
    """Return the sum of rows."""
    return Growth(
        rows[0].day,
        sum(row.signed_up for row in rows),
        sum(row.confirmed for row in rows),
        sum(row.departed for row in rows),
        sum(row.bounced for row in rows),
        sum(row.complained for row in rows),
    )


def days_csv(days: Iterable[DayOfGrowth], returned: Returned) -> str:
    """Return what happened on each day to each newsletter as CSV."""
    known = {(one.day, one.newsletter): one for one in days}
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    names = ("signed_up", "confirmed", "departed", "bounced", "complained")
    writer.writerow(("day", "newsletter", *names))
    for day, newsletter in sorted(known.keys() | returned.keys()):
        one = known.get((day, newsletter)) or DayOfGrowth(day, newsletter)
        bounced, complained = returned.get((day, newsletter), (0, 0))
        counts = asdict(one) | {"bounced": bounced, "complained": complained}
        writer.writerow((day.isoformat(), newsletter, *(counts[name] for name in names)))
    return buffer.getvalue()
