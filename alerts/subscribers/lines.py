"""CSV as people's programs write it: rows with their line, each readable or refused by itself."""

import csv
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TextIO

from alerts.errors import Invalid

_DELIMITERS = (",", ";", "\t")
# Of a longer line the rest is dropped: no memory is spent on a file that is something else.
_LONGEST_LINE = 1 << 20
# A quotation mark that is not closed within so many lines was not meant as one.
_MOST_LINES = 10

Row = tuple[int, list[str] | Invalid]


@contextmanager
def csv_rows(path: Path) -> Iterator[Iterator[Row]]:
    """Open a file and yield its rows that are not empty; raises Invalid when it cannot be read.

    A row comes with the number of its first line: its cells, or why it is none. One without its
    closing quotation mark is refused alone, and takes none of the next ones with it.
    """
    if path.exists() and not path.is_file():
        raise Invalid(f"{path} is no file")
    try:
        # Errors only mark the bytes that are not UTF-8, for `_line` to read them another way.
        file = path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror or error}") from error
    with file:
        yield _rows(_Lines(file))


class _Lines:
    """The lines of a file, which can be looked at before they are taken."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._ahead: deque[str] = deque()
        self.number = 1

    def ahead(self, count: int) -> list[str]:
        """Return the next lines, as many as there are."""
        while len(self._ahead) < count and (line := _line(self._file)):
            self._ahead.append(line)
        return list(islice(self._ahead, count))

    def drop(self, count: int) -> None:
        """Take the next lines."""
        for _ in range(count):
            self._ahead.popleft()
        self.number += count


def _rows(lines: _Lines) -> Iterator[Row]:
    while (first := lines.ahead(1)) and not first[0].strip():
        lines.drop(1)
    delimiter = max(_DELIMITERS, key="".join(first).count)
    while lines.ahead(1):
        number = lines.number
        count, cells = _row(lines, delimiter)
        lines.drop(count)
        if isinstance(cells, Invalid) or any(cell.strip() for cell in cells):
            yield number, cells


def _row(lines: _Lines, delimiter: str) -> tuple[int, list[str] | Invalid]:
    """Return the next row, and how many lines it takes."""
    for count in range(1, _MOST_LINES + 1):
        piece = lines.ahead(count)
        if len(piece) < count:
            break
        try:
            return count, next(csv.reader(piece, delimiter=delimiter, strict=True), [])
        except csv.Error as error:
            if count == 1 and piece[0].count('"') % 2 == 0:
                return 1, Invalid(f"no CSV row: {error}")
    return 1, Invalid("a quotation mark is opened and not closed")


def _line(file: TextIO) -> str:
    """Return the next line, empty at the end; Windows-1252 where it is not UTF-8."""
    line = file.readline(_LONGEST_LINE)
    rest = line
    while len(rest) == _LONGEST_LINE and not rest.endswith(("\n", "\r")):
        rest = file.readline(_LONGEST_LINE)
    if line.isascii():
        return line
    try:
        line.encode()
    except UnicodeEncodeError:
        return line.encode(errors="surrogateescape").decode("cp1252", errors="replace")
    return line
