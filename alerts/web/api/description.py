"""The API's description (OpenAPI 3.1), completed where FastAPI leaves something out."""

from typing import Any

from pydantic.json_schema import models_json_schema

from alerts.web.api.shapes.common import Problem

ABOUT = """\
Programs do here what people do at the desk, with a token of one of the staff
(`Authorization: Bearer gpa_…`), whose scopes say what it may do and whose owner's role is the
limit. Every act is written into the audit log.

* **Lists** come by the page: `limit` (1 to 200), and `next`, also as a `Link` header, where the
  next page is.
* **Acts** take an `Idempotency-Key`: the same key gives the same answer for a day. With another
  request it is refused (422); while the first is still under way, 409.
* **Changes** to issues and newsletters take `If-Match` with the `ETag` that was seen: 412 when
  somebody else was first.
* **Errors** are problem documents (RFC 9457) with one line in `detail` that says what is wrong and
  what to do.
* **How often**: each answer says in `RateLimit` what is left of the minute.
"""
TAGS: list[dict[str, Any]] = [
    {"name": "articles", "description": "What was published: handed in, read, withdrawn."},
    {"name": "sources", "description": "Where newly published articles come from."},
    {"name": "newsletters", "description": "Newsletters as data."},
    {"name": "schedules", "description": "When newsletters go out."},
    {"name": "issues", "description": "Issues, from a draft to the books of what was sent."},
    {"name": "subscribers", "description": "Readers: subscribed, exported, erased."},
    {"name": "segments", "description": "Readers chosen by a query."},
    {"name": "suppressions", "description": "What is not mailed, whoever asks."},
    {"name": "reports", "description": "How the newsletters grow."},
]
_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "gpa_…",
        "description": "A token of the staff's, made at the desk or with `alerts staff token`.",
    },
    "push": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token from ALERTS_PUSH_TOKENS: articles alone.",
    },
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any text of your own; the same key gives the same answer for a day.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
}
_RATE = {
    "RateLimit": {
        "description": "What is left of the minute, and for how many seconds it lasts.",
        "schema": {"type": "string"},
        "example": '"token";r=598;t=42',
    }
}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Return the description with security schemes, the shape of problems, and headers."""
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    schemas = components.setdefault("schemas", {})
    _, shapes = models_json_schema(
        [(Problem, "serialization")], ref_template="#/components/schemas/{model}"
    )
    schemas.update(shapes["$defs"])
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path in document["paths"].values():
        for method, operation in path.items():
            if method == "post":
                operation.setdefault("parameters", []).append(_KEY)
            for response in operation["responses"].values():
                response.setdefault("headers", {}).update(_RATE)
    return document
