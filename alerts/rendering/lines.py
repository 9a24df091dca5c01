"""Lines of a document kept short, so that it can travel as it is (RFC 5322 section 2.1.1)."""

import re
from functools import lru_cache

# Where an encoded line of 998 octets would end the freedom to send 8 bits, this leaves room for
# the readers' values, for letters of several octets, and for a style that cannot be broken.
_COMFORTABLE = 200
# The editions of an issue hold the same lines, in ever other company; so many are remembered, each
# of at most so many characters.
_KEPT_LINES = 4_096
_REMEMBERED = 2_000
# Here each space counts.
_KEPT_AS_IS = re.compile(
    r"<(pre|textarea|style|script|title)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL
)
# Looked for from its hyphen on: there are few, and letters of either case are slow to look for.
_SPACES_COUNT = re.compile(r"-(?i:(?<=white-)space\s*:\s*(?:pre|break-spaces))")
_TAG = re.compile(r"<(?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+>")


def with_short_lines(html: str) -> str:
    """Return a document that shows the same, its long lines broken at spaces between words.

    `html` is as a serialiser writes it: a "<" that opens no tag stands as an entity. A space
    inside a tag is never touched, nor one where a style says that spaces count. A dot that would
    begin a line gets a space before it, or SMTP would have to double it (RFC 5321 section 4.5.2).
    """
    if _SPACES_COUNT.search(html):
        return html
    pieces, at, column = list[str](), 0, 0
    for kept in _KEPT_AS_IS.finditer(html):
        column = _break(html[at : kept.start()], pieces, column)
        is_style = (kept[1] or "").lower() == "style"
        pieces.append(kept[0].replace("\n.", "\n .") if is_style else kept[0])
        column = _column(kept[0], column)
        at = kept.end()
    _break(html[at:], pieces, column)
    return "".join(pieces)


def _break(html: str, pieces: list[str], column: int) -> int:
    """Append markup with its long lines broken; return the column that it ends in."""
    first, *others = html.split("\n")
    lines = [_broken(line) if len(line) <= _REMEMBERED else _break_line(line) for line in others]
    if None in lines or "<" in _TAG.sub("", first):
        # A tag goes over several lines.
        return _break_at_once(html, pieces, column)
    column = _break_at_once(first, pieces, column)
    for line in lines:
        pieces += ("\n", line or "")
    return _column(lines[-1] or "", 0) if lines else column


@lru_cache(maxsize=_KEPT_LINES)
def _broken(line: str) -> str | None:
    return _break_line(line)


def _break_line(line: str) -> str | None:
    """Return a line with what it is broken into; None where a tag is open at its end."""
    if "<" in _TAG.sub("", line):
        return None
    pieces: list[str] = []
    _break_at_once(f" {line}" if line.startswith(".") else line, pieces, 0)
    return "".join(pieces)


def _break_at_once(html: str, pieces: list[str], column: int) -> int:
    at = 0
    for tag in _TAG.finditer(html):
        column = _break_text(html[at : tag.start()], pieces, column)
        pieces.append(tag[0])
        column = _column(tag[0], column)
        at = tag.end()
    return _break_text(html[at:], pieces, column)


def _break_text(text: str, pieces: list[str], column: int) -> int:
    if column + len(text) <= _COMFORTABLE and "\n" not in text:
        # Most of what stands between two tags.
        pieces.append(text)
        return column + len(text)
    for number, line in enumerate(text.replace("\n.", "\n .").split("\n")):
        if number:
            pieces.append("\n")
            column = 0
        begin, space = 0, line.find(" ", max(0, _COMFORTABLE + 1 - column))
        while space >= 0:
            if line.startswith(".", space + 1):
                space = line.find(" ", space + 1)
                continue
            pieces += (line[begin:space], "\n")
            begin, column = space + 1, 0
            space = line.find(" ", begin + _COMFORTABLE + 1)
        pieces.append(line[begin:])
        column += len(line) - begin
    return column


def _column(text: str, column: int) -> int:
    end = text.rfind("\n")
    return column + len(text) if end < 0 else len(text) - end - 1
