"""What the shapes of the API share: moments, numbers of rows, problems, how a route describes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue
from starlette.responses import Response

from alerts.staff.permissions import Permission

LARGEST_ID = 2**63 - 1
_JSON = "application/json"
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _within_reason(moment: datetime) -> datetime:
    if not _EARLIEST <= moment <= _LATEST:
        raise ValueError("a moment between 1970 and 2200 is needed")
    return moment.astimezone(UTC)


Moment = Annotated[
    AwareDatetime,
    AfterValidator(_within_reason),
    Field(description="RFC 3339, with its offset.", examples=["2026-11-30T08:00:00Z"]),
]
RowId = Annotated[int, Field(ge=1, le=LARGEST_ID, examples=[12])]
PathId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The number of it.", examples=[1])]
PathSlug = Annotated[
    str,
    Path(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=64,
        description="The short name of it.",
        examples=["gp-alert"],
    ),
]
Reason = Annotated[str, Field(min_length=1, max_length=200, description="Why; kept on record.")]
Email = Annotated[str, Field(min_length=3, max_length=320, examples=["asha@example.org"])]


class Shape(BaseModel):
    """What the API gives; fields may be added, none is renamed or dropped."""


class Given(BaseModel):
    """What the API takes; a field that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def example(document: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return what shows one document that a shape takes, for the description."""
    return {"examples": [document]}


class FieldError(Shape):
    """A field that is wrong, and how."""

    field: str
    message: str


class Problem(Shape):
    """An error (RFC 9457), as `application/problem+json`; `detail` is one line for a person."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "there is no issue 12; see `alerts issue list`",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None


_WORDS = {
    HTTPStatus.BAD_REQUEST: "Not to be read at all.",
    HTTPStatus.UNAUTHORIZED: "No token, or none that is in force.",
    HTTPStatus.FORBIDDEN: "The token lacks the scope.",
    HTTPStatus.NOT_FOUND: "There is no such thing.",
    HTTPStatus.CONFLICT: "Understood, but not possible in the present state.",
    HTTPStatus.PRECONDITION_FAILED: "It was changed since you looked (If-Match).",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than 2 MB.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is no application/json.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A field, parameter or header is wrong; `errors` names it.",
    HTTPStatus.TOO_MANY_REQUESTS: "More requests than the token may send in a minute.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database is away for a moment.",
}
_LOOKING = (400, 401, 403, 404, 422, 429, 503)
_DOING = (400, 401, 403, 404, 409, 413, 415, 422, 429, 503)


def looks(
    permission: Permission,
    shape: Any,  # noqa: ANN401 - a model, or a list of one
    summary: str,
    *,
    kind: str = _JSON,
    push: bool = False,
) -> dict[str, Any]:
    """Return what describes a route that shows something."""
    described = _described(permission, {200: _good(shape, kind)}, summary, _LOOKING, push=push)
    # Without a type of its own, or the description would add JSON to it.
    return described if kind == _JSON else described | {"response_class": Response}


def acts(
    permission: Permission,
    shape: Any,  # noqa: ANN401 - a model; None for an answer without a body
    summary: str,
    *,
    status: int = 200,
    also: int | None = None,
    push: bool = False,
    conditional: bool = False,
) -> dict[str, Any]:
    """Return what describes a route that does something; `also` is another status of success."""
    good = {code: _good(shape) for code in (status, also) if code is not None}
    failing = (*_DOING, 412) if conditional else _DOING
    return _described(permission, good, summary, failing, push=push) | {"status_code": status}


def _described(
    permission: Permission,
    good: dict[int, dict[str, Any]],
    summary: str,
    failing: Sequence[int],
    *,
    push: bool,
) -> dict[str, Any]:
    security: list[dict[str, list[str]]] = [{"token": [permission.value]}]
    if push:
        security.append({"push": []})
    problems = {code: _bad(HTTPStatus(code)) for code in sorted(failing)}
    return {
        "summary": summary,
        "responses": good | problems,
        "response_model": None,
        "openapi_extra": {"security": security},
    }


def _good(shape: Any, kind: str = _JSON) -> dict[str, Any]:  # noqa: ANN401 - a model
    if kind != _JSON:
        return {"description": "As asked for.", "content": {kind: {"schema": {"type": "string"}}}}
    if shape is None:
        return {"description": "Done; there is nothing more to say."}
    return {"description": "As asked for.", "model": shape}


def _bad(status: HTTPStatus) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": _WORDS[status],
        "content": {"application/problem+json": {"schema": schema}},
    }
