"""Refused rows, however many: the first ones in memory, the others in a temporary file."""

import json
import os
import weakref
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile

from alerts.subscribers.files.rows import RefusedRow

_IN_MEMORY = 1 << 20


class Refusals:
    """The rows that were refused, in the order of the file; can be gone through again."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(  # noqa: SIM115 - it lives as long as the rows do
            max_size=_IN_MEMORY, mode="w+", encoding="utf-8"
        )
        weakref.finalize(self, self._file.close)
        self._count = 0

    def append(self, row: RefusedRow) -> None:
        """Add a row."""
        self._file.seek(0, os.SEEK_END)
        self._file.write(json.dumps((row.line, row.email, row.reason)) + "\n")
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[RefusedRow]:
        self._file.seek(0)
        for _ in range(self._count):
            yield RefusedRow(*json.loads(self._file.readline()))
