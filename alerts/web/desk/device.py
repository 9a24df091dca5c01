"""The second factor of one's own account: set up with a QR code, its recovery codes, taken off."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import Response

from alerts.errors import Invalid
from alerts.staff.codes import (
    begin_second_factor,
    finish_second_factor,
    renew_recovery_codes,
    take_off_second_factor,
)
from alerts.staff.queries import get_account
from alerts.staff.sessions import require_recent
from alerts.web.desk.account import HERE
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import Desk, DeskVisit, PostedForm
from alerts.web.desk.words import sentence

router = APIRouter(prefix="/account/device", route_class=DeskRoute)


@router.post("")
def begin(desk: DeskVisit, fields: PostedForm) -> Response:  # noqa: ARG001 - the form's token is checked
    """Make a secret for a device, and show it as a QR code and to be typed."""
    made = begin_second_factor(desk.site.guard, desk.visit, issuer=desk.site.pages.site_name)
    return desk.page("device.html", {"qr": made.qr_svg, "secret": made.secret})


@router.post("/finish")
def finish(desk: DeskVisit, fields: PostedForm) -> Response:
    """Put the device in force with its first code; show the recovery codes this once."""
    try:
        codes = finish_second_factor(desk.site.guard, desk.visit, fields.one("code"))
    except Invalid as error:
        context = {"qr": "", "secret": "", "problem": sentence(error)}
        return desk.page("device.html", context, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _codes(desk, codes)


@router.post("/codes")
def renew(desk: DeskVisit, fields: PostedForm) -> Response:  # noqa: ARG001 - the form's token is checked
    """Make new recovery codes; the old ones serve no longer."""
    return _codes(desk, renew_recovery_codes(desk.site.guard, desk.visit))


@router.post("/off")
def take_off(desk: DeskVisit, fields: PostedForm) -> Response:  # noqa: ARG001 - the form's token is checked
    """Let the password suffice again; other sessions end."""
    clock = desk.site.runtime.clock
    require_recent(desk.visit, clock)
    with desk.site.runtime.database.transaction() as session:
        account = get_account(session, desk.visit.account_id)
        taken = take_off_second_factor(
            session, account, actor=desk.actor, clock=clock, but=desk.visit.session_id
        )
    return desk.done(
        HERE, "The second factor is taken off." if taken else "There was no second factor."
    )


def _codes(desk: Desk, codes: tuple[str, ...]) -> Response:
    return desk.page("codes.html", {"codes": codes})
