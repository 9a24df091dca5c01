"""Replies of an SMTP server (RFC 5321 section 4.2), put together from whatever pieces arrive."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

# RFC 5321 section 4.5.3.1.5 allows 512 octets a line; some servers write whole pages.
_LONGEST_LINE = 8_192
_MOST_LINES = 128
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?\r*", re.DOTALL)
# A server says a handful of things over and over; what is longer is not worth keeping.
_KEPT_THINGS, _KEPT_OCTETS = 256, 256


class BadReply(Exception):
    """The other side does not speak SMTP, or no longer does."""


class Reply(NamedTuple):
    """One reply, its lines joined by spaces."""

    code: int
    text: str

    @property
    def positive(self) -> bool:
        """Whether the command was carried out (RFC 5321 section 4.2.1: 2yz)."""
        return 200 <= self.code < 300  # noqa: PLR2004 - the class of the code


class ReplyReader:
    """Takes bytes as they come and gives back the replies that are whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []
        self._code = 0

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Yield the replies that `data` completes; raise BadReply for what is none.

        What came before the nonsense is heard: an acceptance stays one.
        """
        if not (self._rest or self._lines) and len(data) <= _KEPT_OCTETS:
            # Nearly always what comes is whole, and was heard before.
            whole = _kept_replies(data)
            if whole:
                yield from whole
                return
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            reply = self._line(line)
            if reply is not None:
                yield reply
        if len(self._rest) > _LONGEST_LINE:
            raise BadReply("a line without end")

    def _line(self, line: bytes) -> Reply | None:
        reply, goes_on = (_kept if len(line) <= _KEPT_OCTETS else _read)(line)
        if not (goes_on or self._lines):
            # Nearly all of them.
            return reply
        if self._lines and reply.code != self._code:
            raise BadReply(f"one reply with two codes: {self._code} and {reply.code}")
        self._code = reply.code
        self._lines.append(reply.text)
        if goes_on:
            if len(self._lines) > _MOST_LINES:
                raise BadReply("a reply without end")
            return None
        whole = Reply(reply.code, " ".join(self._lines))
        self._lines = []
        return whole


def _read(line: bytes) -> tuple[Reply, bool]:
    """Return what a line says by itself, and whether the reply goes on after it."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise BadReply(f"no reply: {line[:80]!r}")
    code, separator, octets = match.groups()
    text = str(octets or b"", "utf-8", "replace").strip()
    return Reply(int(code), text), separator == b"-"


_kept = lru_cache(_KEPT_THINGS)(_read)


@lru_cache(_KEPT_THINGS)
def _kept_replies(data: bytes) -> tuple[Reply, ...]:
    """Return the replies that data holds, each of one line and whole; none where it holds others.

    Those are heard one by one, for what comes before nonsense counts.
    """
    lines = data.split(b"\n")
    if lines.pop():
        return ()
    try:
        found = [_kept(line) for line in lines]
    except BadReply:
        return ()
    return () if any(goes_on for _, goes_on in found) else tuple(reply for reply, _ in found)
