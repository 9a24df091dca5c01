"""Letting a restored system send again, at the desk: each due thing is decided."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from alerts.errors import Invalid, Refused
from alerts.holding import hold_of
from alerts.operations.releasing import due_things, release
from alerts.staff.audit import Subject, record
from alerts.staff.permissions import Permission
from alerts.staff.sessions import require_recent
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, PostedForm, requires
from alerts.web.desk.words import sentence
from alerts.web.forms import Fields

HERE = "/desk/operations/release"
_SEND, _SKIP = "send", "skip"
Acting = Annotated[Desk, requires(Permission.OPERATIONS_WRITE)]
router = APIRouter(prefix="/operations/release", route_class=DeskRoute)


@router.get("")
def show(desk: Acting) -> Response:
    """Show what a restored system believes to be due."""
    return _page(desk)


@router.post("")
def decide(desk: Acting, fields: PostedForm) -> Response:
    """Do as was decided for each due thing, and let the system send."""
    runtime = desk.site.runtime
    require_recent(desk.visit, runtime.clock)
    chosen = {key.removeprefix("do-"): value for key, value in fields.pairs if key[:3] == "do-"}
    send = [key for key, value in chosen.items() if value == _SEND]
    skip = [key for key, value in chosen.items() if value == _SKIP]
    try:
        with runtime.database.transaction() as session:
            release(session, send=send, skip=skip, clock=runtime.clock)
            about = Subject("system", "release")
            details = {"sent": send, "skipped": skip}
            record(session, desk.actor, "system.released", about, clock=runtime.clock, **details)
    except (Invalid, Refused) as error:
        return _page(desk, problem=sentence(error), fields=fields)
    return desk.done("/desk/operations", "Released: what was not skipped is sent from now on.")


def _page(desk: Desk, *, problem: str = "", fields: Fields | None = None) -> Response:
    with desk.site.runtime.database.read() as session:
        hold = hold_of(session)
        things = due_things(session, clock=desk.site.runtime.clock) if hold else []
    context = {"hold": hold, "things": things, "problem": problem, "typed": fields or Fields()}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return desk.page("operations_release.html", context, status=status)
