"""Setting a password by the link that an admin, or the command line, handed out."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from alerts.errors import Invalid
from alerts.staff.password_changes import BadLink, account_of_link, set_password_by_link
from alerts.staff.passwords import SHORTEST
from alerts.tokens import BadToken
from alerts.web.desk.failures import DeskRoute
from alerts.web.desk.frame import outside_page, refuse_other_sites
from alerts.web.desk.words import sentence, typed
from alerts.web.forms import AT_ONCE, Fields, PostedFields, form_token, read_form_token
from alerts.web.headers import PERSONAL
from alerts.web.site import CurrentSite, Origin, Site

_PURPOSE = "desk-password"
_TOO_OLD = "This page lay open for too long; type the password once more."
router = APIRouter(route_class=DeskRoute, prefix="/password")


@router.get("/{secret}")
def ask(site: CurrentSite, secret: str) -> Response:
    """Show the form to whoever holds a link; it is not used up by looking."""
    return _page(site, secret)


@router.post("/{secret}")
def save(
    site: CurrentSite, request: Request, origin: Origin, fields: PostedFields, secret: str
) -> Response:
    """Set the password; the link serves no longer, and the log-in comes next."""
    refuse_other_sites(request)
    problem = _problem(site, fields)
    if not problem:
        try:
            set_password_by_link(site.guard, secret, typed(fields, "password"), address=origin)
        except Invalid as error:
            problem = sentence(error)
        except BadLink:
            return _bad_link(site)
    if problem:
        return _page(site, secret, problem=problem, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return RedirectResponse("/desk/login?said=password", HTTPStatus.SEE_OTHER, headers=PERSONAL)


def _problem(site: Site, fields: Fields) -> str:
    runtime = site.runtime
    token = fields.one("form_token")
    try:
        about = read_form_token(runtime.tokens, runtime.clock, token, fastest=AT_ONCE)
    except BadToken:
        about = ()
    if about != (_PURPOSE,):
        return _TOO_OLD
    is_same = typed(fields, "password") == typed(fields, "password_again")
    return "" if is_same else "The two passwords are not the same."


def _page(site: Site, secret: str, *, problem: str = "", status: int = HTTPStatus.OK) -> Response:
    try:
        account = account_of_link(site.guard, secret)
    except BadLink:
        return _bad_link(site)
    runtime = site.runtime
    context = {
        "email": account.email,
        "shortest": SHORTEST,
        "problem": problem,
        "form_token": form_token(runtime.tokens, runtime.clock, _PURPOSE),
    }
    return outside_page(site, "password.html", context, status=status)


def _bad_link(site: Site) -> Response:
    return outside_page(site, "bad_link.html", {}, status=HTTPStatus.NOT_FOUND)
