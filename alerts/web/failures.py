"""What a person sees when something is missing or goes wrong: a page, and no traceback."""

from collections.abc import Callable
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from alerts.errors import AlertsError, Invalid, NotFound, Refused
from alerts.web.api.problems import http_problem
from alerts.web.headers import PERSONAL
from alerts.web.site import Site, site_of

log = structlog.get_logger(__name__)

_API = "/api/"
_TITLES = {
    HTTPStatus.BAD_REQUEST: "That was not understood",
    HTTPStatus.NOT_FOUND: "This page is not here",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address takes no such request",
    HTTPStatus.CONFLICT: "Not possible at the moment",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "That was too much at once",
    HTTPStatus.MISDIRECTED_REQUEST: "This page has another address",
    HTTPStatus.TOO_MANY_REQUESTS: "That was very often",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong on our side",
    HTTPStatus.SERVICE_UNAVAILABLE: "Back in a moment",
}
_LINES = {
    HTTPStatus.BAD_REQUEST: "Please go back and try once more.",
    HTTPStatus.NOT_FOUND: "The address may be mistyped, or the page may have moved.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Please go back and try once more.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "A form on these pages is never this long.",
    HTTPStatus.MISDIRECTED_REQUEST: (
        "Caught mail is shown to whoever asks for localhost, for an address in numbers, or for the "
        "host of ALERTS_BASE_URL. By any other name somebody else's page might ask."
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "From your network this was asked for many times in the last hour. "
        "Please try again in an hour; nothing is lost."
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "Nothing you did was wrong, and we have a note of it. Please try again in a few minutes."
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "The service is not reachable for a short while. Please try again in a minute."
    ),
}


class BadLink(Exception):
    """A personal link that is forged, cut, expired or of nobody; which one is not told."""


def failure_page(
    site: Site,
    status: HTTPStatus,
    *,
    line: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return the page for a failure, with a way on."""
    context = {
        "title": _TITLES.get(status, status.phrase),
        "line": line or _LINES.get(status, ""),
    }
    return site.pages.page("failure.html", context, status=status, headers=headers)


def register_failures(app: FastAPI) -> None:
    """Have every error of the application answered by a page."""
    app.add_exception_handler(BadLink, _bad_link)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _answer(HTTPStatus.NOT_FOUND))
    app.add_exception_handler(NotFound, _answer(HTTPStatus.NOT_FOUND))
    app.add_exception_handler(Invalid, _told(HTTPStatus.BAD_REQUEST))
    app.add_exception_handler(Refused, _told(HTTPStatus.CONFLICT))
    # A number that no row can have is a number that no row has.
    app.add_exception_handler(OverflowError, _answer(HTTPStatus.NOT_FOUND))
    app.add_exception_handler(DataError, _answer(HTTPStatus.NOT_FOUND))
    app.add_exception_handler(OperationalError, _database_away)
    app.add_exception_handler(Exception, _unexpected)


def _bad_link(request: Request, _: Exception) -> Response:
    return site_of(request).pages.page(
        "bad_link.html", status=HTTPStatus.NOT_FOUND, headers=PERSONAL
    )


def _http(request: Request, error: Exception) -> Response:
    if request.url.path.startswith(_API):
        # An address that the API's own router does not see, such as one with a line feed in it.
        return http_problem(request, error)
    code = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else None
    return failure_page(site_of(request), HTTPStatus(code), headers=headers)


def _answer(status: HTTPStatus) -> Callable[[Request, Exception], Response]:
    def handler(request: Request, _: Exception) -> Response:
        return failure_page(site_of(request), status)

    return handler


def _told(status: HTTPStatus) -> Callable[[Request, Exception], Response]:
    def handler(request: Request, error: Exception) -> Response:
        line = str(error) if isinstance(error, AlertsError) else None
        return failure_page(site_of(request), status, line=line)

    return handler


def _database_away(request: Request, error: Exception) -> Response:
    log.error("database_away", error=type(error).__name__)
    return failure_page(
        site_of(request), HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "30"}
    )


def _unexpected(request: Request, error: Exception) -> Response:
    # The route, not the path: a path may hold a person's token.
    route = getattr(request.scope.get("route"), "path", "unknown")
    log.error("page_failed", route=route, error=type(error).__name__)
    return failure_page(site_of(request), HTTPStatus.INTERNAL_SERVER_ERROR)
