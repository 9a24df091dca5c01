"""A mail taken apart into its parts, whatever somebody put into it. Pure; never raises.

The work is bounded before it begins: only the first two megabytes are looked at, a hundred parts,
and twelve levels of them. A report stands at the beginning of a mail and is small; what lies
beyond is somebody's attachment. Nothing that is compressed is ever unpacked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from alerts.inbound.reading.charsets import decoded, transferred
from alerts.inbound.reading.headers import Headers, looks_like_field, parse_headers
from alerts.inbound.reading.markup import text_of_html

LARGEST = 2 * 1024 * 1024
_MOST_PARTS = 100
_DEEPEST = 12
_LONGEST_HEADERS = 256 * 1024
_LONGEST_BOUNDARY = 200
_LONGEST_TEXT = 400_000
_ORIGINALS = frozenset({"message/rfc822", "text/rfc822-headers", "message/rfc822-headers"})
_REPORTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RECEIPTS = frozenset({"message/disposition-notification"})
# What stands in for a boundary that is not the one announced: a line of dashes and a word, with a
# field of a part after it.
_GUESSED_BOUNDARY = re.compile(
    rb"^--(?!-*\n)([^\s][^\n]{0,198}?)[ \t]*\n(?=content-(?:type|transfer|desc))",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part that holds no others: its header and its content, still encoded."""

    headers: Headers
    content: bytes
    # Parts of one multipart/alternative have the same number; 0 elsewhere.
    choice: int = 0

    @property
    def kind(self) -> str:
        """The media type in small letters."""
        return self.headers.content_type

    def data(self) -> bytes:
        """Return the content with its transfer encoding undone."""
        return transferred(self.content, self.headers.get("content-transfer-encoding"))

    def text(self) -> str:
        """Return the content as text; HTML as the text that a reader sees."""
        text = self.markup()
        return text_of_html(text) if self.kind == "text/html" else text

    def markup(self) -> str:
        """Return the content as it stands, decoded."""
        charset = self.headers.parameter("content-type", "charset")
        return decoded(self.data()[:_LONGEST_TEXT], charset).replace("\r\n", "\n")


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail in parts, by what they are for."""

    headers: Headers
    texts: tuple[Part, ...] = ()
    originals: tuple[bytes, ...] = ()
    reports: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    receipts: tuple[str, ...] = ()
    truncated: bool = False


@dataclass(slots=True)
class _Sorting:
    texts: list[Part] = field(default_factory=list)
    originals: list[bytes] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)

    def add(self, part: Part) -> None:
        if part.kind in _ORIGINALS:
            self.originals.append(_plain_lines(part.data()))
        elif part.kind in _REPORTS:
            self.reports.append(part.markup())
        elif part.kind == "message/feedback-report":
            self.complaints.append(part.markup())
        elif part.kind in _RECEIPTS:
            self.receipts.append(part.markup())
        elif part.kind in {"text/plain", "text/html"} or (
            # Some call the text of a report so, or nothing that is a media type; and a multipart
            # in which there is no boundary is text as well.
            part.kind.startswith(("text/", "multipart/")) and not self.texts
        ):
            self.texts.append(part)


def read_parts(raw: bytes) -> Mail:
    """Take a mail apart; its header and its parts, of which there may be none."""
    data = _plain_lines(raw[:LARGEST])
    if data.startswith((b"From ", b">From ")):
        # The line that an mbox file puts before each mail.
        data = data.partition(b"\n")[2]
    headers, _ = _entity(data)
    sorting = _Sorting()
    for part in _leaves(data):
        sorting.add(part)
    return Mail(
        headers,
        _chosen(sorting.texts),
        tuple(sorting.originals),
        tuple(sorting.reports),
        tuple(sorting.complaints),
        tuple(sorting.receipts),
        truncated=len(raw) > LARGEST,
    )


def _plain_lines(data: bytes) -> bytes:
    return data.replace(b"\0", b"").replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip()


def _entity(data: bytes) -> tuple[Headers, bytes]:
    """Split a mail or a part into its header and its content."""
    if data.startswith(b"\n"):
        return Headers(), data[1:]
    if not looks_like_field(data[:200].decode("latin-1")):
        return Headers(), data
    end = data.find(b"\n\n", 0, _LONGEST_HEADERS)
    if end >= 0:
        return parse_headers(data[:end]), data[end + 2 :]
    if len(data) <= _LONGEST_HEADERS:
        return parse_headers(data), b""
    # A header without end: what is in its first part counts, the content is found if it is there.
    far = data.find(b"\n\n")
    return parse_headers(data[:_LONGEST_HEADERS]), data[far + 2 :] if far >= 0 else b""


def _leaves(data: bytes) -> Iterator[Part]:
    """Yield the parts that hold no others, in their order, at most so many."""
    waiting = [(data, 0, 0)]
    given = opened = 0
    while waiting and given < _MOST_PARTS:
        entity, depth, choice = waiting.pop()
        headers, content = _entity(entity)
        inner = _inside(headers, content) if depth < _DEEPEST else []
        if inner:
            opened += 1
            alike = opened if headers.content_type == "multipart/alternative" else 0
            room = max(0, _MOST_PARTS - given - len(waiting))
            waiting += [(piece, depth + 1, alike) for piece in reversed(inner[:room])]
        else:
            given += 1
            yield Part(headers, content, choice)


def _inside(headers: Headers, content: bytes) -> list[bytes]:
    """Return the parts of a multipart; none if it is none, or nothing in it is a boundary."""
    if not headers.content_type.startswith("multipart/"):
        return []
    boundary = headers.parameter("content-type", "boundary").encode("utf-8", errors="replace")
    boundary = boundary.rstrip()[:_LONGEST_BOUNDARY]
    pieces = _between(content, boundary) if boundary else []
    if not pieces and (guessed := _GUESSED_BOUNDARY.search(content)):
        pieces = _between(content, guessed[1])
    return pieces


def _between(content: bytes, boundary: bytes) -> list[bytes]:
    """Cut the content at its boundaries (RFC 2046 section 5.1.1); one never closed is closed."""
    mark = b"\n--" + boundary
    content = b"\n" + content
    pieces: list[bytes] = []
    at = content.find(mark)
    while at >= 0 and len(pieces) < _MOST_PARTS:
        after = at + len(mark)
        line_end = content.find(b"\n", after)
        line = content[after : line_end if line_end >= 0 else len(content)].strip()
        if line.startswith(b"--") or line_end < 0:
            break
        following = content.find(mark, line_end)
        if not line:
            # Something after the boundary is another boundary that begins alike.
            pieces.append(content[line_end + 1 : following if following >= 0 else len(content)])
        at = following
    return pieces


def _chosen(texts: list[Part]) -> tuple[Part, ...]:
    """Leave out the HTML where the same is there as plain text."""
    plain = {p.choice for p in texts if p.kind == "text/plain" and p.choice and p.text().strip()}
    return tuple(p for p in texts if p.kind == "text/plain" or p.choice not in plain)
