"""What every command shares: the JSON switch, tables, one clear line for an error."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from alerts.runtime import Runtime, open_runtime

# Seconds after which something that moves is wanted.
_PATIENCE = 1.0

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON document on standard output.")
]


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


def print_json_lists(document: Mapping[str, Iterable[object]]) -> None:
    """Print one JSON document of arrays, an element at a time: it may be longer than the memory."""
    separator = "{"
    for name, elements in document.items():
        sys.stdout.write(f"{separator}\n  {json.dumps(name)}: [")
        between = ""
        for element in elements:
            sys.stdout.write(between + "\n" + json.dumps(element, ensure_ascii=False))
            between = ","
        sys.stdout.write("\n  ]")
        separator = ","
    sys.stdout.write("\n}\n")


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


@contextmanager
def progress_stages(
    *, after: float = _PATIENCE
) -> Iterator[Callable[[str], Callable[[int, int | None], None]]]:
    """Show a bar on standard error, when that is a terminal, for one stage after the other.

    Yields what gives, by a stage's label, what moves its bar (done, total). It appears when the
    work has taken `after` seconds: what is done at once needs none.
    """
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        # Nothing moves on a log file or in a pipe.
        disable=not sys.stderr.isatty() or "CI" in os.environ,
    )
    task = progress.add_task("", total=None)
    began = time.monotonic()
    shown = ""

    def begin(label: str) -> Callable[[int, int | None], None]:
        def move(done: int, total: int | None) -> None:
            nonlocal shown
            if shown != label:
                # What is left is reckoned by this stage's own pace.
                shown = label
                progress.reset(task, description=label)
            progress.update(task, completed=done, total=total or None)
            if time.monotonic() - began >= after:
                progress.start()

        return move

    try:
        yield begin
    finally:
        progress.stop()


@contextmanager
def progress_bar(
    label: str, *, after: float = _PATIENCE
) -> Iterator[Callable[[int, int | None], None]]:
    """Show one bar as `progress_stages` does; yield what moves it (done, total)."""
    with progress_stages(after=after) as begin:
        yield begin(label)
