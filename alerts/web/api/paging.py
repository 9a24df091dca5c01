"""Lists by the page: a signed cursor says where the next page begins (keyset, never an offset)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request
from starlette.responses import Response

from alerts.kept_answers import Answer
from alerts.tokens import CURSOR, BadToken
from alerts.web.api.call import Call, as_json, respond
from alerts.web.api.problems import WrongField

LARGEST_PAGE = 200
Limit = Annotated[
    int, Query(ge=1, le=LARGEST_PAGE, description="How many a page holds at most.", examples=[50])
]
Cursor = Annotated[
    str | None,
    Query(
        max_length=500,
        description="Where a page begins: taken from `next` of the page before, never made up.",
    ),
]


@dataclass(frozen=True)
class Paging:
    """A page that is asked for; `after` is the key of the last row of the page before."""

    call: Call
    limit: int
    after: str | None

    def number(self) -> int | None:
        """Return where the page begins as a row's number."""
        return int(self.after) if self.after else None

    def answer(self, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Response:
        """Answer with rows, `limit` + 1 of them where there are more, each with its key."""
        shown = rows[: self.limit]
        url = self._next_url(shown[-1][0]) if len(rows) > self.limit else None
        body = as_json({"items": [document for _, document in shown], "next": url})
        headers = {"Link": f'<{url}>; rel="next"'} if url else {}
        return respond(Answer(200, body, headers))

    def _next_url(self, key: str) -> str:
        request, runtime = self.call.request, self.call.site.runtime
        token = runtime.tokens.lasting(CURSOR, _about(request), key)
        asked = [(name, value) for name, value in _filters(request) if name != "limit"]
        query = urlencode([*asked, ("limit", self.limit), ("cursor", token)])
        return f"{runtime.settings.base_url}{request.url.path}?{query}"


def page_of(call: Call, *, limit: int, cursor: str | None) -> Paging:
    """Return the page that a request asks for; raises WrongField for a cursor that is not ours."""
    if cursor is None:
        return Paging(call, limit, None)
    wrong = "it belongs to no page of this list with these filters; begin without a cursor"
    try:
        parts = call.site.runtime.tokens.read_lasting(CURSOR, cursor)
    except BadToken as error:
        raise WrongField("cursor", wrong) from error
    if len(parts) != 2 or parts[0] != _about(call.request):  # noqa: PLR2004 - the list and the key
        raise WrongField("cursor", wrong)
    return Paging(call, limit, parts[1])


def _filters(request: Request) -> list[tuple[str, str]]:
    return [pair for pair in request.query_params.multi_items() if pair[0] != "cursor"]


def _about(request: Request) -> str:
    """Return what a cursor is good for: this list with these filters, whatever the limit."""
    filters = sorted(pair for pair in _filters(request) if pair[0] != "limit")
    text = f"{request.url.path}?{urlencode(filters)}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
