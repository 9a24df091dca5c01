"""A report on an import, row by row, as a CSV file that a spreadsheet may open."""

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alerts.errors import Invalid
from alerts.subscribers.files.cells import with_formula_mark
from alerts.subscribers.storing.planning import Outcome

REPORT_COLUMNS = ("line", "email", "what", "why")


@contextmanager
def open_report(path: Path, *, beside: Path) -> Iterator[Callable[[Outcome], None]]:
    """Yield what writes one row; an old file is replaced, and only its owner may read the new one.

    What stands in it when an import is stopped is true as far as it goes. Raises Invalid when it
    cannot be written, and when it is the file that is imported, `beside`.
    """
    if path.exists() and beside.exists() and path.samefile(beside):
        raise Invalid(f"{path} is the file to import; write the report to another one")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        # A file that was there before keeps its mode otherwise.
        os.fchmod(handle, 0o600)
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror or error}") from error
    with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(REPORT_COLUMNS)
        yield lambda outcome: rows.writerow(_row(outcome))


def _row(outcome: Outcome) -> tuple[int, str, str, str]:
    line, email, what, why = outcome
    return line, with_formula_mark(email), what, with_formula_mark(why)
