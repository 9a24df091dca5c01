"""`/api/v1/reports`: how the newsletters grow. What became of an issue stands with the issue."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from alerts.kept_answers import Answer
from alerts.newsletters.service import get_newsletter
from alerts.staff.permissions import Permission
from alerts.subscribers.growth import growth as growth_since
from alerts.web.api.call import CurrentCall, as_json, respond
from alerts.web.api.problems import WrongField
from alerts.web.api.route import ApiRoute
from alerts.web.api.shapes.common import looks
from alerts.web.api.shapes.readers import Growth

router = APIRouter(prefix="/v1/reports", tags=["reports"], route_class=ApiRoute)
_USUAL, _LONGEST = timedelta(days=30), timedelta(days=3660)


@router.get("/growth", **looks(Permission.REPORTS_READ, Growth, "See how newsletters grow"))
def growth(
    call: CurrentCall,
    newsletter: Annotated[str | None, Query(max_length=64)] = None,
    since: Annotated[date | None, Query(description="The first day; else 30 days ago.")] = None,
) -> Response:
    """Return sign-ups, confirmations and departures by newsletter and day (UTC)."""
    today = call.clock.now().date()
    first = since or today - _USUAL
    if first < today - _LONGEST:
        raise WrongField("since", "ten years back at most")
    with call.read() as session:
        if newsletter is not None:
            get_newsletter(session, newsletter)
        days = growth_since(session, since=first, newsletter=newsletter, clock=call.clock)
    return respond(Answer(200, as_json({"items": [day.to_json() for day in days]})))
