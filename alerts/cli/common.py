"""What every command shares: the JSON switch, tables, one clear line for an error."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from alerts.runtime import Runtime, open_runtime

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON document on standard output.")
]

progress_console = Console(stderr=True)


@contextmanager
def program() -> Iterator[Runtime]:
    """Yield the program's parts, with the built-in newsletters in place."""
    from alerts.newsletters.service import ensure_built_in

    with open_runtime() as runtime:
        with runtime.database.transaction() as session:
            ensure_built_in(session, clock=runtime.clock)
        yield runtime


def print_json(document: object) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def say(line: str) -> None:
    """Print one line on standard output."""
    sys.stdout.write(line + "\n")


def note(line: str) -> None:
    """Print one line on standard error: progress, warnings, hints."""
    sys.stderr.write(line + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as a plain table on standard output."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    Console(markup=False, highlight=False).print(table)
