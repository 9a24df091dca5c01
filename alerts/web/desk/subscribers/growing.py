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
from alerts.web.chart_shapes import Part
from alerts.web.charts import Lines, Row
from alerts.web.desk.charting import image_of
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, requires
from alerts.web.desk.subscribers.growth_words import Growth, Returned, days_csv, rows_of, total_of
from alerts.web.headers import PERSONAL

SPANS = ((30, "30 days"), (90, "90 days"), (365, "a year"))
_USUAL = 30
_LINES = {
    "signed_up": Part("one", "signed up", dashes="none"),
    "confirmed": Part("sent", "confirmed", dashes="10,3"),
    "departed": Part("hard", "departed", dashes="3,3"),
    "bounced": Part("soft", "bounced", dashes="2,6"),
}
_ALL = "all"
# What is no page is worth waiting for, in seconds: it would be wrong for good.
_ALL_THE_TIME = 30.0
Reading = Annotated[Desk, requires(Permission.SUBSCRIBERS_READ)]
Days = Annotated[int, Query(ge=7, le=366)]
router = APIRouter(prefix="/subscribers", route_class=DeskRoute)


@dataclass(frozen=True, slots=True)
class _Story:
    """What happened from a day to today, to all newsletters; `at` is None while it is counted."""

    days: Sequence[DayOfGrowth]
    returned: Returned
    since: date
    until: date
    at: datetime | None

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
        "chart": _chart(rows),
        "chart_address": f"/desk/subscribers/growth/{chosen or _ALL}.svg?days={days}",
    }
    return desk.page("subscriber/growth.html", context)


@router.get("/growth.csv")
def as_csv(desk: Reading, days: Days = _USUAL) -> Response:
    """Send the same as CSV: a line for each day and newsletter."""
    story = _story(desk, days, patience=_ALL_THE_TIME)
    headers = PERSONAL | {"Content-Disposition": 'attachment; filename="growth.csv"'}
    text = days_csv(story.days, story.returned)
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/growth/{newsletter}.svg")
def chart(desk: Reading, newsletter: str, days: Days = _USUAL, narrow: bool = False) -> Response:
    """Draw the chart; `all` for all newsletters, `narrow` for a phone."""
    with desk.site.runtime.database.read() as session:
        if newsletter != _ALL and newsletter not in offers(session):
            raise NotFound("there is no such newsletter")
    rows = _story(desk, days, patience=_ALL_THE_TIME).rows("" if newsletter == _ALL else newsletter)
    drawn = _chart(rows)
    return image_of(drawn, narrow=narrow)


def _chart(rows: Sequence[Growth]) -> Lines:
    """Return a chart with a line for each thing that happens to a newsletter."""
    return Lines(
        [Row(f"{row.day:%-d %b}", {name: getattr(row, name) for name in _LINES}) for row in rows],
        _LINES,
    )


def _story(desk: Desk, days: int, *, patience: float | None = None) -> _Story:
    """Return what happened in so many days, today included; nothing while it is counted."""
    runtime = desk.site.runtime
    until = runtime.clock.now().date()
    since = until - timedelta(days=days - 1)

    def count() -> tuple[list[DayOfGrowth], Returned]:
        with runtime.database.read() as session:
            known = growth(session, since=since, clock=runtime.clock)
            return known, returned_by_day(session, since=since)

    name = f"growth since {since}"
    counted = desk.site.counts.get(name, count, clock=runtime.clock, patience=patience)
    known, returned = counted.value if counted else ((), {})
    return _Story(known, returned, since, until, counted.at if counted else None)
