"""What somebody at the desk sees when something is not possible: a page in the same frame."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import DataError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from typing_extensions import override

from alerts.errors import AlertsError, Invalid, NotFound
from alerts.staff.sessions import ConfirmFirst, NotAllowed
from alerts.web.desk.frame import Desk, LogInFirst, StaleForm, form_session
from alerts.web.desk.kept import KeptForm, kept_form, seal_form
from alerts.web.desk.log_in_page import log_in_page
from alerts.web.forms import Fields, read_fields
from alerts.web.headers import PERSONAL
from alerts.web.site import Site, site_of

# A number that no row can have is a number that no row has.
_OUT_OF_RANGE = (OverflowError, DataError)
_TOLD = (
    LogInFirst,
    StaleForm,
    AlertsError,
    HTTPException,
    RequestValidationError,
    *_OUT_OF_RANGE,
)
_TITLES = {
    HTTPStatus.FORBIDDEN: "This is not for you",
    HTTPStatus.NOT_FOUND: "This is not here",
    HTTPStatus.CONFLICT: "Not possible at the moment",
    HTTPStatus.UNPROCESSABLE_ENTITY: "That was not understood",
}
_LINES = {
    HTTPStatus.FORBIDDEN: "The form came from another site, and was not looked at.",
    HTTPStatus.NOT_FOUND: "The address may be mistyped, or what stood here was removed.",
}
_STALE = (
    "This form was handed out to an earlier log-in, or lay open for more than a day. Nothing was"
    " done yet. Below is what you typed; press the button if it still holds."
)


class DeskRoute(APIRoute):
    """A route of the desk: what goes wrong in it is told at the desk."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with every expected error answered by a page."""
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except _TOLD as error:
                fields = await _typed(request)
                return await run_in_threadpool(_answer, request, fields, error)

        return answered


def show_kept(desk: Desk, form: KeptForm, why: str, *, status: int = HTTPStatus.OK) -> Response:
    """Show a form again that could not be taken, with what was typed, ready to be sent."""
    return desk.page("kept.html", {"form": form, "why": why}, status=status)


async def _typed(request: Request) -> Fields:
    """Return what was posted; of a form with a file only what its route has read already."""
    known: Fields | None = getattr(request.state, "fields", None)
    if known is not None:
        return known
    kind = request.headers.get("content-type", "")
    if request.method != "POST" or kind.lower().startswith("multipart/"):
        return Fields()
    try:
        return await read_fields(request)
    except (HTTPException, RuntimeError):
        # A body that broke off in the middle of reading, or was no form: it can be read only once.
        return Fields()


def _answer(request: Request, fields: Fields, error: Exception) -> Response:
    site = site_of(request)
    if isinstance(error, LogInFirst):
        return _log_in_first(site, request, fields)
    desk: Desk | None = getattr(request.state, "desk", None)
    if desk is None:
        # The reader's frame: whoever is not logged in is told nothing of the desk.
        raise error
    form = kept_form(_own_address(request), fields)
    if isinstance(error, StaleForm):
        return show_kept(desk, form, _STALE, status=HTTPStatus.CONFLICT)
    if isinstance(error, ConfirmFirst):
        kept = seal_form(site.guard, form) if request.method == "POST" else ""
        return desk.page("confirm.html", {"kept": kept}, status=HTTPStatus.FORBIDDEN)
    return _told(desk, error)


def _log_in_first(site: Site, request: Request, fields: Fields) -> Response:
    """Lead to the log-in; a form that the desk itself handed out is carried along."""
    if request.method != "POST":
        query = urlencode({"next": _own_address(request)})
        return RedirectResponse(f"/desk/login?{query}", HTTPStatus.SEE_OTHER, headers=PERSONAL)
    is_ours = form_session(site, fields) is not None
    form = kept_form(_own_address(request), fields) if is_ours else None
    kept = seal_form(site.guard, form) if form else ""
    notice = "Your log-in has ended. Log in again" + (
        ", and what you typed is shown again; nothing of it is lost." if kept else "."
    )
    return log_in_page(site, kept=kept, notice=notice, status=HTTPStatus.FORBIDDEN)


def _told(desk: Desk, error: Exception) -> Response:
    status = _status(error)
    line = str(error) if isinstance(error, AlertsError) else _LINES.get(status, "")
    context = {"title": _TITLES.get(status, status.phrase), "line": line}
    return desk.page("failure.html", context, status=status)


def _status(error: Exception) -> HTTPStatus:
    if isinstance(error, HTTPException):
        return HTTPStatus(error.status_code)
    if isinstance(error, NotAllowed):
        return HTTPStatus.FORBIDDEN
    if isinstance(error, (NotFound, RequestValidationError, *_OUT_OF_RANGE)):
        return HTTPStatus.NOT_FOUND
    return HTTPStatus.UNPROCESSABLE_ENTITY if isinstance(error, Invalid) else HTTPStatus.CONFLICT


def _own_address(request: Request) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")
