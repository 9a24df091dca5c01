"""A caught mail taken apart to be looked at. Whatever it holds, looking at it must not fail."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.policy import compat32

_SHOWN_SOURCE = 400_000
_DEEPEST = 20
_HEAD = re.compile(r"<head(?:\s[^>]*)?>", re.IGNORECASE)
# Links open beside the frame that shows the mail, where they work as in a mail program.
_BASE = '<base target="_blank">'


@dataclass(frozen=True, slots=True)
class MailView:
    """A mail's parts as text: `html` and `text` are None where the mail has no such part."""

    headers: tuple[tuple[str, str], ...]
    html: str | None
    text: str | None


def view_of(raw: bytes) -> MailView:
    """Take a mail apart; one that cannot be parsed shows no parts, only its source."""
    try:
        message = message_from_bytes(raw, policy=compat32)
        return MailView(
            headers=tuple((name, _decoded(str(value))) for name, value in message.raw_items()),
            html=_first(message, "text/html"),
            text=_first(message, "text/plain"),
        )
    except (RecursionError, ValueError, LookupError, MessageError):
        return MailView((), None, None)


def source_of(raw: bytes) -> tuple[str, bool]:
    """Return the mail's source as text, and whether it was cut because of its length."""
    return raw[:_SHOWN_SOURCE].decode("utf-8", "replace"), len(raw) > _SHOWN_SOURCE


def framed(html: str) -> str:
    """Return a mail's HTML with a base that has its links open beside the frame."""
    found = _HEAD.search(html)
    return html[: found.end()] + _BASE + html[found.end() :] if found else _BASE + html


def _first(message: Message, kind: str) -> str | None:
    for part in _leaves(message, 0):
        if part.get_content_type() == kind and part.get_content_disposition() != "attachment":
            return _text(part)
    return None


def _leaves(message: Message, depth: int) -> Iterator[Message]:
    payload = message.get_payload()
    if not isinstance(payload, list):
        yield message
        return
    if depth < _DEEPEST:
        for part in payload:
            if isinstance(part, Message):
                yield from _leaves(part, depth + 1)


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    body = payload if isinstance(payload, bytes) else b""
    try:
        return body.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return body.decode("latin-1")


def _decoded(value: str) -> str:
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", value)
    with suppress(ValueError, LookupError, MessageError):
        unfolded = str(make_header(decode_header(unfolded)))
    # Bytes that are no text arrive as lone surrogates, which no page can hold.
    return unfolded.encode("utf-8", "replace").decode()
