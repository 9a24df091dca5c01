"""How newsletters grow: who came, confirmed, left, and what bounced, over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from alerts.delivery.returned import returned_by_day
from alerts.errors import NotFound
from alerts.newsletters.service import offers
from alerts.staff.permissions import Permission
from alerts.subscribers.growth import DayOfGrowth, growth
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, requires
from alerts.web.desk.subscribers.charts import CHART_POLICY, growth_chart
from alerts.web.desk.subscribers.growth_words import Growth, Returned, days_csv, rows_of, total_of
from alerts.web.headers import PERSONAL

SPANS = ((30, "30 days"), (90, "90 days"), (365, "a year"))
_USUAL = 30
_ALL = "all"
Reading = Annotated[Desk, requires(Permission.SUBSCRIBERS_READ)]
Days = Annotated[int, Query(ge=7, le=366)]
router = APIRouter(prefix="/subscribers", route_class=DeskRoute)


@dataclass(frozen=True, slots=True)
class _Story:
    """What happened from a day to today, to all newsletters."""

    days: Sequence[DayOfGrowth]
    returned: Returned
    since: date
    until: date
    at: datetime

    def rows(self, newsletter: str) -> list[Growth]:
        return rows_of(
            self.days, self.returned, newsletter=newsletter, since=self.since, until=self.until
        )


@router.get("/growth")
def show(
    desk: Reading,
    newsletter: Annotated[str, Query(max_length=64)] = "",
    days: Days = _USUAL,
) -> Response:
    """Show a chart with its table beside it, of one newsletter or of all."""
    with desk.site.runtime.database.read() as session:
        offered = offers(session)
    chosen = newsletter if newsletter in offered else ""
    story = _story(desk, days)
    rows = story.rows(chosen)
    context = {
        "rows": [row for row in reversed(rows) if row.is_eventful],
        "total": total_of(rows),
        "in_weeks": len(rows) > 1 and (rows[1].day - rows[0].day).days > 1,
        "offers": offered,
        "newsletter": chosen,
        "title": offered[chosen].title if chosen else "All newsletters",
        "days": days,
        "spans": SPANS,
        "counted_at": story.at,
        "chart": f"/desk/subscribers/growth/{chosen or _ALL}.svg?days={days}",
    }
    return desk.page("subscriber/growth.html", context)


@router.get("/growth.csv")
def as_csv(desk: Reading, days: Days = _USUAL) -> Response:
    """Send the same as CSV: a line for each day and newsletter."""
    story = _story(desk, days)
    headers = PERSONAL | {"Content-Disposition": 'attachment; filename="growth.csv"'}
    text = days_csv(story.days, story.returned)
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/growth/{newsletter}.svg")
def chart(desk: Reading, newsletter: str, days: Days = _USUAL, narrow: bool = False) -> Response:
    """Draw the chart; `all` for all newsletters, `narrow` for a phone."""
    with desk.site.runtime.database.read() as session:
        if newsletter != _ALL and newsletter not in offers(session):
            raise NotFound("there is no such newsletter")
    rows = _story(desk, days).rows("" if newsletter == _ALL else newsletter)
    headers = PERSONAL | {"Content-Security-Policy": CHART_POLICY}
    return Response(growth_chart(rows, narrow=narrow), media_type="image/svg+xml", headers=headers)


def _story(desk: Desk, days: int) -> _Story:
    """Return what happened in so many days, today included; at most a minute old."""
    runtime = desk.site.runtime
    until = runtime.clock.now().date()
    since = until - timedelta(days=days - 1)

    def count() -> tuple[list[DayOfGrowth], Returned]:
        with runtime.database.read() as session:
            known = growth(session, since=since, clock=runtime.clock)
            return known, returned_by_day(session, since=since)

    name = f"growth since {since}"
    (known, returned), at = desk.site.counts.get(name, count, clock=runtime.clock)
    return _Story(known, returned, since, until, at)
