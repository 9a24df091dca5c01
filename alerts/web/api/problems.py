"""Failures of the API, told to programs: problem documents (RFC 9457)."""

from collections.abc import Callable
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from alerts.articles.push import KeyUsedTwice
from alerts.errors import AlertsError, Invalid, NotFound, Refused

log = structlog.get_logger(__name__)

_MOST_ERRORS = 20


def problem(
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
        "detail": detail,
    }
    if errors:
        document["errors"] = errors
    return JSONResponse(
        document,
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type="application/problem+json",
    )


def register_problems(api: FastAPI) -> None:
    """Have every error of the API answered by a problem document."""
    api.add_exception_handler(RequestValidationError, _wrong_fields)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(KeyUsedTwice, _told(HTTPStatus.UNPROCESSABLE_ENTITY))
    api.add_exception_handler(NotFound, _told(HTTPStatus.NOT_FOUND))
    api.add_exception_handler(Invalid, _told(HTTPStatus.UNPROCESSABLE_ENTITY))
    api.add_exception_handler(Refused, _told(HTTPStatus.CONFLICT))
    api.add_exception_handler(OperationalError, _database_away)
    api.add_exception_handler(Exception, _unexpected)


def _wrong_fields(_: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [
        {
            "field": ".".join(str(part) for part in one["loc"][1:]) or "body",
            "message": str(one["msg"]).removeprefix("Value error, "),
        }
        for one in found[:_MOST_ERRORS]
    ]
    first = f"{errors[0]['field']}: {errors[0]['message']}" if errors else "not understood"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, first, errors=errors)


def _http(_: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus(500)
    detail = str(error.detail) if isinstance(error, HTTPException) else status.phrase
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return problem(status, detail, headers=headers)


def _told(status: HTTPStatus) -> Callable[[Request, Exception], Response]:
    def handler(_: Request, error: Exception) -> Response:
        return problem(status, str(error) if isinstance(error, AlertsError) else status.phrase)

    return handler


def _database_away(_: Request, error: Exception) -> Response:
    log.error("database_away", error=type(error).__name__)
    return problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the database does not answer; try again in half a minute",
        headers={"Retry-After": "30"},
    )


def _unexpected(_: Request, error: Exception) -> Response:
    log.error("api_failed", error=type(error).__name__)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here; it is noted")
