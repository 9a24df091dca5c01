"""Text copies of pages, brought into blocks."""

import csv
import html
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from alerts.articles.reading.blocks import Block, Kind, one_line, paragraph
from alerts.articles.reading.boilerplate import without_debris
from alerts.articles.reading.record import NoArticle

_MARK_HEADING = re.compile(r"^(#{1,6})\s+(?=[^\d\s])(.+?)\s*#*$")
_MARK_ITEM = re.compile(r"^(?:[-*•●▪◦]|\d{1,2}\))\s+(.+)$")
_MARK_STRONG = re.compile(r"^(\*\*|__)([^*_].*?)\1$")
_LOG_LINE = re.compile(
    r"^\W?(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d\d:\d\d:\d\d|[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d"
    r"|\d{1,3}(?:\.\d{1,3}){3} - |(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL)\b)"
)
# From here on a line is long enough to have been wrapped by an editor or a mail program.
_WRAP_FROM, _WRAP_TO = 50, 100
_FEW_LINES = 3


def read_lines(text: str) -> list[Block]:
    """Return the blocks of a text copy, a block a line; raise NoArticle for tables, logs, code."""
    _refuse_data(text)
    lines = [without_debris(html.unescape(line)) for line in text.splitlines()]
    return [_block(line) for line in _unwrapped(lines) if one_line(line)]


def _block(line: str) -> Block:
    line = one_line(line)
    if match := _MARK_HEADING.match(line):
        return replace(paragraph(match[2]), kind=Kind.HEADING, level=len(match[1]))
    if match := _MARK_STRONG.match(line):
        return replace(paragraph(match[2]), strong=True)
    if match := _MARK_ITEM.match(line):
        return replace(paragraph(match[1]), kind=Kind.ITEM, ordered=line[0].isdigit())
    if line.startswith("> "):
        return replace(paragraph(line[2:]), kind=Kind.QUOTE)
    return paragraph(line)


def _unwrapped(lines: Sequence[str]) -> Iterator[str]:
    """Join the lines of hard-wrapped paragraphs; leave alone a copy with a paragraph a line."""
    full = [line for line in lines if _WRAP_FROM <= len(line) <= _WRAP_TO]
    if len(full) < _FEW_LINES or any(len(line) > _WRAP_TO for line in lines):
        yield from lines
        return
    held = ""
    for line in lines:
        joins = len(held.rpartition("\n")[2]) >= _WRAP_FROM and line and not _starts_anew(line)
        if held and not joins:
            yield held
            held = line
        else:
            held = f"{held}\n{line}" if held else line
    yield held


def _starts_anew(line: str) -> bool:
    return bool(_MARK_HEADING.match(line) or _MARK_ITEM.match(line) or line.startswith("> "))


def _refuse_data(text: str) -> None:
    """Raise NoArticle for what is a file of another kind."""
    stripped = text.strip()
    if not stripped:
        raise NoArticle("empty, there is nothing to read")
    if stripped[0] in "{[" and _is_json(stripped):
        raise NoArticle("JSON, not an article's text")
    lines = [line for line in stripped.splitlines() if line.strip()]
    if sum(bool(_LOG_LINE.match(line)) for line in lines) * 2 > len(lines) > 1:
        raise NoArticle("a log, not an article's text")
    if any(_is_separated(lines, mark) for mark in (",", ";", "\t")):
        raise NoArticle("a table of values (CSV), not an article's text")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_separated(lines: list[str], mark: str) -> bool:
    if len(lines) < _FEW_LINES or lines[0].count(mark) == 0:
        return False
    try:
        widths = [len(row) for row in csv.reader(lines[:200], delimiter=mark)]
    except csv.Error:
        return False
    return widths[0] > 1 and sum(width == widths[0] for width in widths) > 0.9 * len(widths)
