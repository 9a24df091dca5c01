"""Logging in and out: the password, the code where a device is set up, the password once more."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from alerts.errors import Refused
from alerts.staff.logging_in import WrongCredentials, confirm_again, give_code, log_in
from alerts.staff.models import SessionStage
from alerts.staff.passwords import Busy
from alerts.staff.sessions import NewSession, half_way, log_out, visit_of
from alerts.staff.tries import Locked
from alerts.tokens import BadToken
from alerts.web.desk.cookies import forget_session, keep_session, secret_in
from alerts.web.desk.failures import DeskRoute, show_kept
from alerts.web.desk.frame import Desk, DeskVisit, PostedForm, outside_page, refuse_other_sites
from alerts.web.desk.kept import open_form
from alerts.web.desk.log_in_page import HOME, LOG_IN_PURPOSE, log_in_page, own_path
from alerts.web.desk.words import sentence, typed
from alerts.web.forms import AT_ONCE, Fields, PostedFields, form_token, read_form_token
from alerts.web.headers import PERSONAL
from alerts.web.site import CurrentSite, Origin, Site

router = APIRouter(route_class=DeskRoute)

_SAID = {
    "out": "You are logged out.",
    "password": "Your password is set. Log in with it.",
}
_AGAIN = "Here is what you had typed. It was not sent yet: look it over, and press the button."
_TOO_OLD = "This page lay open for too long; press the button once more."


@router.get("/login")
def ask(
    site: CurrentSite,
    request: Request,
    origin: Origin,
    wanted: Annotated[str, Query(alias="next")] = HOME,
    said: str = "",
) -> Response:
    """Show the form; whoever is logged in goes on at once."""
    if visit_of(site.guard, secret_in(site, request), address=origin) is not None:
        return RedirectResponse(own_path(wanted), HTTPStatus.SEE_OTHER, headers=PERSONAL)
    return log_in_page(site, wanted=wanted, notice=_SAID.get(said, ""))


@router.post("/login")
def give_password(
    site: CurrentSite, request: Request, origin: Origin, fields: PostedFields
) -> Response:
    """Check address and password; go on to the code, or to the page that was asked for."""
    refuse_other_sites(request)
    if not _is_log_in_form(site, fields):
        return _again(site, fields, _TOO_OLD, HTTPStatus.CONFLICT)
    try:
        new = log_in(
            site.guard,
            email=fields.one("email"),
            password=typed(fields, "password"),
            address=origin,
            browser=request.headers.get("user-agent"),
            previous=secret_in(site, request),
        )
    except (WrongCredentials, Locked, Busy) as error:
        return _again(site, fields, sentence(error), _status(error), headers=_wait(site, error))
    if new.stage is SessionStage.SECOND_FACTOR:
        return _handed(site, new, _code_page(site, fields))
    return _logged_in(site, request, origin, fields, new)


@router.get("/code")
def ask_code(
    site: CurrentSite,
    request: Request,
    origin: Origin,
    wanted: Annotated[str, Query(alias="next")] = HOME,
) -> Response:
    """Show the form for the code, to whoever has given the password."""
    if half_way(site.guard, secret_in(site, request), address=origin) is None:
        return RedirectResponse("/desk/login", HTTPStatus.SEE_OTHER, headers=PERSONAL)
    return _code_page(site, Fields((("next", wanted),)))


@router.post("/code")
def check_code(
    site: CurrentSite, request: Request, origin: Origin, fields: PostedFields
) -> Response:
    """Check the code; the session that it finishes has another secret."""
    refuse_other_sites(request)
    if not _is_log_in_form(site, fields):
        return _code_page(site, fields, problem=_TOO_OLD, status=HTTPStatus.CONFLICT)
    secret = secret_in(site, request)
    try:
        new = give_code(site.guard, secret, fields.one("code"), address=origin)
    except (WrongCredentials, Locked) as error:
        if half_way(site.guard, secret, address=origin) is None:
            return _again(site, fields, sentence(error), _status(error))
        return _code_page(site, fields, problem=sentence(error), status=_status(error))
    return _logged_in(site, request, origin, fields, new)


@router.post("/logout")
def leave(desk: DeskVisit, fields: PostedForm) -> Response:  # noqa: ARG001 - the form's token is checked
    """End this browser's session."""
    log_out(desk.site.guard, secret_in(desk.site, desk.request))
    answer = RedirectResponse("/desk/login?said=out", HTTPStatus.SEE_OTHER, headers=PERSONAL)
    forget_session(desk.site, answer)
    return answer


@router.post("/confirm")
def confirm(desk: DeskVisit, fields: PostedForm) -> Response:
    """Take the password once more; then the form it was asked for is shown again."""
    kept = fields.one("kept")
    try:
        confirm_again(desk.site.guard, desk.visit, typed(fields, "password"))
    except (WrongCredentials, Locked, Busy) as error:
        context = {"kept": kept, "problem": sentence(error)}
        return desk.page("confirm.html", context, status=_status(error))
    form = open_form(desk.site.guard, kept)
    if form is None:
        return desk.done(HOME, "Thank you; for a quarter of an hour you are not asked again.")
    return show_kept(desk, form, "Thank you. Press the button, and it is done.")


def _logged_in(
    site: Site, request: Request, origin: str | None, fields: Fields, new: NewSession
) -> Response:
    """Go on to the page that was asked for, or to the form that had to wait."""
    form = open_form(site.guard, fields.one("kept"))
    visit = visit_of(site.guard, new.secret, address=origin)
    if form is None or visit is None:
        path = own_path(fields.one("next"))
        answer: Response = RedirectResponse(path, HTTPStatus.SEE_OTHER, headers=PERSONAL)
    else:
        answer = show_kept(Desk(site, request, visit), form, _AGAIN)
    return _handed(site, new, answer)


def _handed(site: Site, new: NewSession, answer: Response) -> Response:
    keep_session(site, answer, new, now=site.runtime.clock.now())
    return answer


def _code_page(
    site: Site, fields: Fields, *, problem: str = "", status: int = HTTPStatus.OK
) -> Response:
    runtime = site.runtime
    context = {
        "wanted": own_path(fields.one("next")),
        "kept": fields.one("kept"),
        "problem": problem,
        "form_token": form_token(runtime.tokens, runtime.clock, LOG_IN_PURPOSE),
    }
    return outside_page(site, "code.html", context, status=status)


def _again(
    site: Site,
    fields: Fields,
    problem: str,
    status: int,
    *,
    headers: dict[str, str] | None = None,
) -> Response:
    return log_in_page(
        site,
        email=fields.one("email"),
        wanted=fields.one("next"),
        kept=fields.one("kept"),
        problem=problem,
        status=status,
        headers=headers,
    )


def _is_log_in_form(site: Site, fields: Fields) -> bool:
    runtime = site.runtime
    token = fields.one("form_token")
    try:
        about = read_form_token(runtime.tokens, runtime.clock, token, fastest=AT_ONCE)
    except BadToken:
        return False
    return about == (LOG_IN_PURPOSE,)


def _status(error: Refused) -> HTTPStatus:
    if isinstance(error, Locked):
        return HTTPStatus.TOO_MANY_REQUESTS
    if isinstance(error, Busy):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.UNPROCESSABLE_ENTITY


def _wait(site: Site, error: Refused) -> dict[str, str] | None:
    """Say by Retry-After when the next try counts (RFC 9110 section 10.2.3)."""
    if not isinstance(error, Locked):
        return None
    seconds = (error.until - site.runtime.clock.now()).total_seconds()
    return {"Retry-After": str(max(1, round(seconds)))}
