"""The desk's first page: what comes next, what is under way, what wants a look."""

from fastapi import APIRouter
from starlette.responses import Response

from alerts.operations.alarms.books import title_of
from alerts.operations.overview import standing_of
from alerts.web.desk.counting import subscribers_by_state
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.first_steps import first_steps
from alerts.web.desk.frame import DeskVisit
from alerts.web.desk.queries import has_readers, issues_under_way, newsletters_next

router = APIRouter(route_class=DeskRoute)
_RUNS = 10
# Of a night when all goes wrong; the rest stands in the room Operations.
_ALARMS = 5


@router.get("/")
def show(desk: DeskVisit) -> Response:
    """Show what everybody at the desk wants to know first."""
    clock = desk.site.runtime.clock
    counted = subscribers_by_state(desk)
    known = counted.value if counted else {}
    with desk.site.runtime.database.read() as session:
        standing = standing_of(session, clock=clock, runs=_RUNS, subscribers=known)
        context = {
            "standing": standing,
            "alarms": [(title_of(alarm), alarm) for alarm in standing.alarms[:_ALARMS]],
            "more_alarms": len(standing.alarms[_ALARMS:]),
            "is_counted": counted is not None,
            "steps": first_steps(standing, desk.may, has_readers=has_readers(session)),
            "newsletters": newsletters_next(session, after=clock.now()),
            "under_way": issues_under_way(session),
        }
    return desk.page("overview.html", context)
