"""ETag and If-Match (RFC 9110 section 13): nobody overwrites what somebody else changed."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Header
from starlette.responses import Response

from alerts.kept_answers import Answer
from alerts.web.api.call import Call, as_json, respond
from alerts.web.api.problems import Stale

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=1_000,
        description="The ETag that was seen: the change is made only if it still holds (else 412).",
    ),
]
_LEFT_OUT = frozenset({"progress"})


def tag_of(document: Mapping[str, Any]) -> str:
    """Return the entity tag of a document; how far a sending has got makes no difference."""
    kept = {name: value for name, value in document.items() if name not in _LEFT_OUT}
    return f'"{hashlib.sha256(as_json(kept).encode()).hexdigest()[:32]}"'


def shown(call: Call, document: Mapping[str, Any]) -> Response:
    """Answer with a document and its tag; 304 to a program that has it already."""
    tag = tag_of(document)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in _tags(call.request.headers.get("If-None-Match", "")):
        return respond(Answer(304, "", headers))
    return respond(Answer(200, as_json(document), headers))


def check_match(wanted: str | None, document: Mapping[str, Any]) -> None:
    """Raise Stale unless the document, its row held, is the one that was seen."""
    if wanted is None or wanted.strip() == "*":
        return
    if tag_of(document) not in _tags(wanted):
        raise Stale("it was changed since you looked; get it again, and decide anew (If-Match)")


def _tags(field: str) -> set[str]:
    return {one.strip().removeprefix("W/") for one in field.split(",")}


def shown_list(documents: Sequence[Mapping[str, Any]]) -> Response:
    """Answer with a short list that has no pages."""
    return respond(Answer(200, as_json(documents)))
