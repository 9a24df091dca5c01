"""Pages that are the same for everybody: kept for some minutes, and sent again only if changed.

RFC 9110, 8.8 and 13.1: strong entity tags, and dates for whoever has no tag.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

FOR_EVERYBODY = "public, max-age=300"
# Beyond this a header is no list of tags that a browser keeps.
_LONGEST_CONDITION = 4_000


@dataclass(frozen=True, slots=True)
class SharedPage:
    """A page for everybody, ready to be sent to any number of them; see `cacheable`."""

    body: bytes
    headers: Mapping[str, str]
    tag: str
    changed_at: datetime | None

    @classmethod
    def of(cls, response: Response, *, changed_at: datetime | None) -> "SharedPage":
        """Return what is to be sent instead of a response: the same, with what caches go by."""
        body = bytes(response.body)
        tag = f'"{hashlib.sha256(body).hexdigest()[:40]}"'
        headers = {**response.headers, "etag": tag, "cache-control": FOR_EVERYBODY}
        if changed_at is not None:
            changed_at = changed_at.astimezone(UTC).replace(microsecond=0)
            headers["last-modified"] = format_datetime(changed_at, usegmt=True)
        return cls(body, headers, tag, changed_at)

    def answer(self, request: Request) -> Response:
        """Return the answer to a request: the page, or 304 where the client has it."""
        if not is_known(request.headers, self.tag, self.changed_at):
            return Response(self.body, headers=self.headers)
        kept = {
            name: value
            for name, value in self.headers.items()
            if name not in {"content-length", "content-type"}
        }
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)


def cacheable(request: Request, response: Response, *, changed_at: datetime | None) -> Response:
    """Return the answer with ETag, Last-Modified and Cache-Control; 304 where it is known.

    The tag is that of the very bytes. `changed_at` (in UTC) is when the content last changed;
    without it, no date is told. Never to be used for what is personal.
    """
    return SharedPage.of(response, changed_at=changed_at).answer(request)


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
