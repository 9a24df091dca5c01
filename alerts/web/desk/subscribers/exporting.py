"""All readers as CSV, sent as they are read: neither memory nor a transaction grows with them."""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.staff.sessions import require_recent
from alerts.subscribers.exporting import exported_text
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, requires
from alerts.web.headers import PERSONAL

Writing = Annotated[Desk, requires(Permission.SUBSCRIBERS_WRITE)]
router = APIRouter(prefix="/subscribers", route_class=DeskRoute)


@router.get("/export.csv")
def export(desk: Writing) -> Response:
    """Send everybody who is, or may become, a reader, in the columns that an import reads."""
    runtime = desk.site.runtime
    require_recent(desk.visit, runtime.clock)
    with runtime.database.transaction() as session:
        subject = Subject("subscriber", "all")
        record(session, desk.actor, "subscriber.exported", subject, clock=runtime.clock)
    name = f"subscribers-{runtime.clock.now():%Y-%m-%d}.csv"
    return StreamingResponse(
        exported_text(runtime.database),
        media_type="text/csv; charset=utf-8",
        headers=PERSONAL | {"Content-Disposition": f'attachment; filename="{name}"'},
    )
