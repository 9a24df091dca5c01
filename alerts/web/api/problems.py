"""Failures of the API, told to programs: problem documents (RFC 9457)."""

import json
from collections.abc import Callable
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.articles.fetching.answers import FetchFailed
from alerts.errors import AlertsError, Invalid, NotFound, Refused
from alerts.staff.sessions import NotAllowed

log = structlog.get_logger(__name__)

PROBLEM = "application/problem+json"
_MOST_ERRORS = 20
_LONGEST_LINE = 1_000


class WrongField(Invalid):
    """A field, header or parameter is wrong; `field` says which."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Stale(Refused):
    """What is to be changed is no longer what the program saw (412)."""


def problem(
    request: Request,
    status: HTTPStatus,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a problem document; `errors` name the fields that are wrong, and how."""
    document: dict[str, object] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": " ".join(detail.split())[:_LONGEST_LINE],
    }
    if errors:
        document["errors"] = errors
    return JSONResponse(
        document,
        status_code=status,
        headers={
            "Cache-Control": "no-store",
            **getattr(request.state, "rate", {}),
            **(headers or {}),
        },
        media_type=PROBLEM,
    )


def register_problems(api: FastAPI) -> None:
    """Have every error of the API answered by a problem document."""
    api.add_exception_handler(RequestValidationError, _wrong_fields)
    api.add_exception_handler(WrongField, _wrong_field)
    api.add_exception_handler(HTTPException, http_problem)
    api.add_exception_handler(NotAllowed, _told(HTTPStatus.FORBIDDEN))
    api.add_exception_handler(NotFound, _told(HTTPStatus.NOT_FOUND))
    api.add_exception_handler(Stale, _told(HTTPStatus.PRECONDITION_FAILED))
    api.add_exception_handler(FetchFailed, _told(HTTPStatus.UNPROCESSABLE_ENTITY))
    api.add_exception_handler(Invalid, _told(HTTPStatus.UNPROCESSABLE_ENTITY))
    api.add_exception_handler(Refused, _told(HTTPStatus.CONFLICT))
    api.add_exception_handler(OperationalError, _database_away)
    api.add_exception_handler(IntegrityError, _at_the_same_moment)
    api.add_exception_handler(DataError, _out_of_range)
    api.add_exception_handler(OverflowError, _out_of_range)
    api.add_exception_handler(Exception, _unexpected)


def _wrong_fields(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [
        {
            "field": ".".join(str(part)[:80] for part in one["loc"][1:]) or "body",
            "message": str(one["msg"]).removeprefix("Value error, ")[:_LONGEST_LINE],
        }
        for one in found[:_MOST_ERRORS]
    ]
    # A path that can be no number or name leads to nothing.
    if found and found[0]["loc"][0] == "path":
        line = "there is nothing at this address"
        return problem(request, HTTPStatus.NOT_FOUND, line)
    first = f"{errors[0]['field']}: {errors[0]['message']}" if errors else "not understood"
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, first, errors=errors)


def _wrong_field(request: Request, error: Exception) -> Response:
    field = error.field if isinstance(error, WrongField) else "body"
    errors = [{"field": field, "message": str(error)}]
    line = f"{field}: {error}"
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, line, errors=errors)


def http_problem(request: Request, error: Exception) -> Response:
    """Tell an error of HTTP itself, such as 404 or 405, as a problem."""
    status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus(500)
    detail = str(error.detail) if isinstance(error, HTTPException) else status.phrase
    if detail == HTTPStatus.NOT_FOUND.phrase:
        detail = "there is nothing at this address; /api/docs shows what there is"
    if detail == HTTPStatus.METHOD_NOT_ALLOWED.phrase:
        detail = f"this address takes no {request.method}; the Allow header says what it takes"
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return problem(request, status, detail, headers=headers)


def _told(status: HTTPStatus) -> Callable[[Request, Exception], Response]:
    def handler(request: Request, error: Exception) -> Response:
        line = str(error) if isinstance(error, AlertsError) else status.phrase
        return problem(request, status, line)

    return handler


def _database_away(request: Request, error: Exception) -> Response:
    log.error("database_away", error=type(error).__name__)
    return problem(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the database does not answer; try again in half a minute",
        headers={"Retry-After": "30"},
    )


def _at_the_same_moment(request: Request, error: Exception) -> Response:
    log.warning("api_conflict", error=type(error).__name__)
    line = "somebody else changed the same at this moment; look at it and try again"
    return problem(request, HTTPStatus.CONFLICT, line)


def _out_of_range(request: Request, error: Exception) -> Response:
    log.warning("api_out_of_range", error=type(error).__name__)
    line = "a text is too long or a number too large to be kept"
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, line)


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("api_failed", error=type(error).__name__)
    line = "something went wrong here; it is noted"
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, line)


class TooLargeAsProblem:
    """ASGI middleware around all: to programs, a body turned away unread is a problem too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; put a problem document in the place of a bare 413."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        replaced = False

        async def completed(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and _is_bare_413(message):
                replaced = True
                body = json.dumps(_TOO_LARGE).encode()
                headers = [
                    (b"content-type", PROBLEM.encode()),
                    (b"content-length", str(len(body)).encode()),
                    (b"cache-control", b"no-store"),
                ]
                await send({**message, "headers": headers})
                await send({"type": "http.response.body", "body": body})
            elif not replaced:
                await send(message)

        await self._app(scope, receive, completed)


_TOO_LARGE = {
    "type": "about:blank",
    "title": HTTPStatus.REQUEST_ENTITY_TOO_LARGE.phrase,
    "status": HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value,
    "detail": "the body is larger than 2 MB; no article is",
}


def _is_bare_413(message: Message) -> bool:
    kinds = [value for name, value in message["headers"] if name.lower() == b"content-type"]
    is_problem = any(value.startswith(PROBLEM.encode()) for value in kinds)
    return message["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and not is_problem
