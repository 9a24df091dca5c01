"""CSV as people's programs write it: rows with their line, each readable or refused by itself."""

import codecs
import csv
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, cast

from alerts.errors import Invalid
from alerts.subscribers.files.detecting import HEAD_BYTES, Shape, detect

# Of a longer line the rest is dropped: no memory is spent on a file that is something else.
_LONGEST_LINE = 1 << 20
# A quotation mark that is not closed within so many lines was not meant as one.
_MOST_LINES = 30
# Stands for octets that are no character of the file's encoding: no text has it by itself.
_LOST = "\udcff"
codecs.register_error("alerts.lost", lambda error: (_LOST, cast("UnicodeDecodeError", error).end))

_NUL = Invalid("there is a NUL in it, which no text has")
_LOST_CHARACTERS = Invalid("some characters are lost; save the file as UTF-8")
_UNCLOSED = Invalid("a quotation mark is opened and not closed")

Row = tuple[int, list[str] | Invalid]


class Rows:
    """The rows of an open file that are not empty, and how far the file is read."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        self.shape = detect(file.read(HEAD_BYTES))
        file.seek(0)
        errors = "surrogateescape" if self.shape.may_be_windows else "alerts.lost"
        # Kept, for whoever forgets it closes the file.
        self._text = TextIOWrapper(file, encoding=self.shape.encoding, errors=errors, newline="")
        self._rows = _rows(_line_reader(self._text, self.shape), self.shape)

    def __iter__(self) -> Iterator[Row]:
        """Yield rows with the number of their first line: the cells, or why there are none.

        A row without its closing quotation mark is refused alone, and takes none of the next ones
        with it.
        """
        return self._rows

    @property
    def position(self) -> int:
        """How many octets of the file are read."""
        return self.size if self._file.closed else self._file.tell()


@contextmanager
def csv_rows(path: Path) -> Iterator[Rows]:
    """Open a file; raises Invalid when it cannot be read."""
    if path.exists() and not path.is_file():
        raise Invalid(f"{path} is no file")
    try:
        file = path.open("rb")
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror or error}") from error
    with file:
        yield Rows(file, path.stat().st_size)


def _rows(read: Callable[[], str], shape: Shape) -> Iterator[Row]:
    ahead: deque[str] = deque()
    number, skips = 0, shape.names_delimiter
    while line := ahead.popleft() if ahead else read():
        number += 1
        if not line.strip():
            continue
        if skips:
            skips = False
            continue
        first, cells = number, _simple(line, shape.delimiter)
        if cells is None and shape.delimiter is not None:
            lines, cells = _quoted(line, ahead, read, shape.delimiter)
            number += lines - 1
        if isinstance(cells, Invalid) or (cells and any(map(str.strip, cells))):
            yield first, cells


def _simple(line: str, delimiter: str | None) -> list[str] | Invalid | None:
    """Return the cells of a line without quotation marks, five times as fast; None for others."""
    if "\0" in line:
        return _NUL
    if not line.isascii() and _LOST in line:
        return _LOST_CHARACTERS
    if delimiter is None:
        return [line.rstrip("\r\n")]
    if '"' in line or len(line) > csv.field_size_limit():
        return None
    return line.rstrip("\r\n").split(delimiter)


def _quoted(
    line: str, ahead: deque[str], read: Callable[[], str], delimiter: str
) -> tuple[int, list[str] | Invalid]:
    """Return a row with quotation marks, and how many lines it takes."""
    piece, marks = [line], line.count('"')
    while marks % 2 and len(piece) < _MOST_LINES:
        if len(piece) > len(ahead):
            ahead.append(read())
        if not (following := ahead[len(piece) - 1]):
            break
        piece.append(following)
        marks += following.count('"')
    if marks % 2:
        return 1, _UNCLOSED
    try:
        cells = next(csv.reader(piece, delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        if len(piece) == 1 and not marks % 2:
            return 1, Invalid(f"no CSV row: {error}")
        return 1, _UNCLOSED
    if any("\0" in cell for cell in cells):
        return 1, _NUL
    if any(_LOST in cell for cell in cells):
        return 1, _LOST_CHARACTERS
    for _ in piece[1:]:
        ahead.popleft()
    return len(piece), cells


def _line_reader(file: TextIOWrapper, shape: Shape) -> Callable[[], str]:
    """Return what reads the next line, empty at the end; Windows-1252 where it is not UTF-8."""

    def read() -> str:
        line = file.readline(_LONGEST_LINE)
        rest = line
        while len(rest) == _LONGEST_LINE and not rest.endswith(("\n", "\r")):
            rest = file.readline(_LONGEST_LINE)
        if line.isascii() or not shape.may_be_windows:
            return line
        try:
            line.encode()
        except UnicodeEncodeError:
            return line.encode(errors="surrogateescape").decode("cp1252", errors="alerts.lost")
        return line

    return read
