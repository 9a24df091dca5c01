"""The hour that readers named: their deliveries wait in the ledger until it comes where they are.

A reader's moment follows from the issue's start alone, so a taking that is repeated comes to the
same; an hour that the clocks skip or repeat is one moment.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from alerts.delivery.models import IssueHour
from alerts.newsletters.models import Issue
from alerts.newsletters.wall_clock import resolve

_DAY = timedelta(days=1)
_JUST_NOW = timedelta(hours=1)


def next_at_hour(start: datetime, zone: ZoneInfo, hour: int) -> datetime:
    """Return the first moment (UTC), from `start` on, at which it is that hour in a zone.

    An hour that began a little before counts: an issue planned for 08:00 starts seconds after, or
    when its editor came to approve it, and nobody who said eight wants it a day later.
    """
    day = start.astimezone(zone).date() - _DAY
    while True:
        at = resolve(datetime.combine(day, time(hour)), zone).at.astimezone(UTC)
        if at > start - _JUST_NOW:
            return at
        day += _DAY


def note_hours(
    session: Session, issue: Issue, wished: Iterable[tuple[str | None, int]], *, usual_zone: str
) -> None:
    """Write down when readers of each zone and hour get an issue, where that is not there yet."""
    start = issue.started_at or issue.until
    stored = select(IssueHour.time_zone, IssueHour.send_hour).where(IssueHour.issue_id == issue.id)
    known = {(zone, hour) for zone, hour in session.execute(stored)}
    rows = [
        {
            "issue_id": issue.id,
            "time_zone": zone or "",
            "send_hour": hour,
            "not_before": next_at_hour(start, ZoneInfo(zone or usual_zone), hour),
        }
        for zone, hour in wished
        if (zone or "", hour) not in known
    ]
    if rows:
        session.execute(insert(IssueHour), rows)
