"""Posted forms, read the same way whatever the sender calls their type; and the form's own token.

A mail provider's one-click request may come as urlencoded, as multipart/form-data, or under a
wrong type or none: what was posted is kept raw beside the fields for such cases.
"""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from alerts.clock import Clock
from alerts.tokens import FORM, BadToken, Tokens

LARGEST_FORM = 64 * 1024
_MOST_FIELDS = 5_000
# RFC 8058, section 3.1: the one key and value; `=` in urlencoded, a blank line in multipart. White
# space has a limit: without one, a form of line feeds would be tried in every way, for seconds.
_ONE_CLICK = re.compile(
    rb'List-Unsubscribe"?[ \t]{0,8}(?:=|:|\r?\n\r?\n)\s{0,8}One-Click', re.IGNORECASE
)
# A person needs longer than this to fill in a form, in seconds; and leaves none open for longer.
_FASTEST = timedelta(seconds=2)
AT_ONCE = timedelta()
_SLOWEST = timedelta(days=1)


@dataclass(frozen=True)
class Fields:
    """The text fields of a posted form, in order; `raw` is the body as it came."""

    pairs: tuple[tuple[str, str], ...] = ()
    raw: bytes = field(default=b"", repr=False)

    def one(self, name: str) -> str:
        """Return the first value of a field without surrounding space, or an empty text."""
        return next((value.strip() for key, value in self.pairs if key == name), "")

    def every(self, name: str) -> list[str]:
        """Return all values of a field, each once, in order."""
        return list(dict.fromkeys(value.strip() for key, value in self.pairs if key == name))

    def has(self, name: str) -> bool:
        """Tell whether the field was posted at all."""
        return any(key == name for key, _ in self.pairs)

    @property
    def is_one_click(self) -> bool:
        """Whether this is the request that RFC 8058 describes, in whichever encoding."""
        return bool(_ONE_CLICK.search(self.raw))


async def read_fields(request: Request) -> Fields:
    """Read a posted form; what cannot be understood has no fields, only its raw body."""
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        pairs = await _multipart(request.headers, body)
    else:
        pairs = _urlencoded(body)
    # PostgreSQL keeps no NUL in a text, and no person types one.
    return Fields(tuple((name, value.replace("\0", "")) for name, value in pairs), body)


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        return []


async def _multipart(headers: Headers, body: bytes) -> list[tuple[str, str]]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(
            headers, stream(), max_files=0, max_fields=_MOST_FIELDS, max_part_size=LARGEST_FORM
        ).parse()
    except (MultiPartException, KeyError, ValueError):
        return []
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


PostedFields = Annotated[Fields, Depends(read_fields)]


def form_token(tokens: Tokens, clock: Clock, *about: str) -> str:
    """Return a signed note of when a form was handed out, and what it is about."""
    return tokens.lasting(FORM, str(int(clock.now().timestamp())), *about)


def read_form_token(
    tokens: Tokens, clock: Clock, token: str, *, fastest: timedelta = _FASTEST
) -> tuple[str, ...]:
    """Return what the form is about; raise BadToken when it is forged, too quick or too old."""
    made, *about = tokens.read_lasting(FORM, token)
    if not made.isdecimal():
        raise BadToken
    age = clock.now() - datetime.fromtimestamp(int(made), UTC)
    if not fastest <= age <= _SLOWEST:
        raise BadToken
    return tuple(about)
