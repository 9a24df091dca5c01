"""Reading a backup: everything is checked before anybody believes any of it."""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

from alerts.errors import Invalid
from alerts.operations.backup.form import (
    LARGEST_FILE,
    MANIFEST,
    Manifest,
    Part,
    read,
    read_manifest,
)

# A row is held in memory; the longest there is carries the text of an edition.
_LONGEST_LINE = 256 * 1024 * 1024
_LARGEST_MANIFEST = 4 * 1024 * 1024
# Bytes that are unpacked, and lines that are read, at a time.
_PIECE = 256 * 1024
_SLICE = 1_000
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError)

# Of a slice of rows, the values of each column.
Columns = list[list[Any]]
Progress = Callable[[int, int | None], None]


class BackupFile:
    """An open backup; `check` goes through all of it, `rows` gives a table in slices.

    Raises Invalid, with the file's name, for what is no backup, cut off or altered.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._archive = archive

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Open a file and read its manifest; raises Invalid."""
        try:
            archive = zipfile.ZipFile(path)
        except OSError as error:
            raise Invalid(f"{path} cannot be read: {error.strerror}") from error
        except _BROKEN as error:
            raise Invalid(f"{path} is no backup, or was cut off: {error}") from error
        with archive:
            yield cls(path, archive, _manifest_of(path, archive))

    def check(self, progress: Progress, *, values: bool = False) -> None:
        """Go through all of it: each part's entry, length, number of rows and sum.

        That is enough to know that the file is what was written. With `values` each of them is
        looked at too, which takes several times as long.
        """
        expected = {part.path for part in self.manifest.parts} | {MANIFEST}
        found = self._archive.namelist()
        if sorted(found) != sorted(expected):
            odd = ", ".join(sorted(expected.symmetric_difference(found))) or "an entry twice"
            raise Invalid(f"{self.path} was altered: its manifest does not agree about {odd}")
        done = 0
        for part in self.manifest.tables:
            counted = map(_length, self.rows(part)) if values else self._counted(part)
            for count in counted:
                done += count
                progress(done, self.manifest.rows)
        for part in self.manifest.files:
            self.file(part)

    def rows(self, part: Part) -> Iterator[Columns]:
        """Yield a table's rows in slices, each as columns of values; raises Invalid for bad ones.

        At the end too, when the sum is another.
        """
        done = 0
        for lines in self._lines(part):
            for first in range(0, len(lines), _SLICE):
                some = lines[first : first + _SLICE]
                try:
                    yield read(part.columns, some)
                except (ValueError, RecursionError):
                    raise self._odd_row(part, some, done) from None
                done += len(some)

    def _odd_row(self, part: Part, lines: list[bytes], before: int) -> Invalid:
        """Return what is wrong with the first bad line of some, by its number."""
        for number, line in enumerate(lines, start=before + 1):
            try:
                read(part.columns, [line])
            except (ValueError, RecursionError) as error:
                return Invalid(f"{self.path} was altered: row {number} of {part.table}: {error}")
        return Invalid(f"{self.path} was altered: rows of {part.table} run into each other")

    def _lines(self, part: Part) -> Iterator[list[bytes]]:
        rest: list[bytes] = []
        kept = 0
        for piece in self._pieces(part):
            first, *others = piece.split(b"\n")
            rest.append(first)
            kept += len(first)
            if kept > _LONGEST_LINE:
                raise Invalid(f"{self.path} was altered: a row of {part.table} has no end")
            if others:
                lines = [b"".join(rest), *others]
                rest = [lines.pop()]
                kept = len(rest[0])
                yield lines
        if kept:
            yield [b"".join(rest)]

    def _counted(self, part: Part) -> Iterator[int]:
        return (piece.count(b"\n") for piece in self._pieces(part))

    def _pieces(self, part: Part) -> Iterator[bytes]:
        """Yield a table's part as it is; raises Invalid at the end when it is another."""
        digest = hashlib.sha256()
        count = 0
        with self._entry(part) as entry:
            while piece := entry.read(_PIECE):
                digest.update(piece)
                count += piece.count(b"\n")
                yield piece
        if count != part.rows or digest.hexdigest() != part.sha256:
            raise Invalid(f"{self.path} was altered: {part.path} is not what was written")

    def file(self, part: Part) -> bytes:
        """Return a file of the installation; raises Invalid when its sum is another."""
        with self._entry(part) as entry:
            content = entry.read(LARGEST_FILE)
        if hashlib.sha256(content).hexdigest() != part.sha256:
            raise Invalid(f"{self.path} was altered: {part.path} is not what was written")
        return content

    @contextmanager
    def _entry(self, part: Part) -> Iterator[IO[bytes]]:
        try:
            if self._archive.getinfo(part.path).file_size != part.size:
                raise Invalid(f"{self.path} was altered: {part.path} has another length")
            with self._archive.open(part.path) as entry:
                yield entry
        except _BROKEN as error:
            raise Invalid(f"{self.path} is damaged at {part.path}: {error}") from error
        except OSError as error:
            raise Invalid(f"{self.path} cannot be read: {error.strerror}") from error


def _manifest_of(path: Path, archive: zipfile.ZipFile) -> Manifest:
    try:
        with archive.open(MANIFEST) as entry:
            return read_manifest(json.loads(entry.read(_LARGEST_MANIFEST)))
    except Invalid as error:
        raise Invalid(f"{path} cannot be restored: {error}") from error
    except (*_BROKEN, ValueError, OSError) as error:
        # Where its head is gone, the directory at its end points before the file's beginning.
        raise Invalid(f"{path} is no backup of this program, or damaged: {error}") from error


def _length(columns: Columns) -> int:
    return len(columns[0])
