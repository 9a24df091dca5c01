"""Pages that are the same for everybody: kept for some minutes, and sent again only if changed.

RFC 9110, 8.8 and 13.1: strong entity tags, and dates for whoever has no tag.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

FOR_EVERYBODY = "public, max-age=300"
# Beyond this a header is no list of tags that a browser keeps.
_LONGEST_CONDITION = 4_000


def cacheable(request: Request, response: Response, *, changed_at: datetime | None) -> Response:
    """Return the answer with ETag, Last-Modified and Cache-Control; 304 where it is known.

    The tag is that of the very bytes. `changed_at` (in UTC) is when the content last changed;
    without it, no date is told. Never to be used for what is personal.
    """
    tag = f'"{hashlib.sha256(response.body).hexdigest()[:40]}"'
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = FOR_EVERYBODY
    if changed_at is not None:
        changed_at = changed_at.astimezone(UTC).replace(microsecond=0)
        response.headers["Last-Modified"] = format_datetime(changed_at, usegmt=True)
    if not is_known(request.headers, tag, changed_at):
        return response
    kept = {
        name: value
        for name, value in response.headers.items()
        if name not in {"content-length", "content-type"}
    }
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)


def is_known(headers: Mapping[str, str], tag: str, changed_at: datetime | None) -> bool:
    """Tell whether the client has this content by its conditions.

    A date counts only where no tag is named (RFC 9110, 13.1.3); what is no condition is none.
    """
    tags = headers.get("if-none-match")
    if tags is not None:
        named = {one.strip().removeprefix("W/") for one in tags[:_LONGEST_CONDITION].split(",")}
        return tag in named or named == {"*"}
    since = _moment(headers.get("if-modified-since", ""))
    return since is not None and changed_at is not None and changed_at <= since


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text[:100])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
