"""`alerts subscriber import` and `export`: readers by the file."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typing_extensions import override

from alerts.cli.common import JsonOption, note, print_json, program, progress_bar, say
from alerts.errors import Invalid
from alerts.newsletters.service import offers
from alerts.runtime import Runtime
from alerts.subscribers.exporting import export_subscribers
from alerts.subscribers.files.columns import FIELDS, NoAddressColumn
from alerts.subscribers.files.rows import open_file
from alerts.subscribers.importing import ImportResult, Tell, import_subscribers
from alerts.subscribers.models import SubscriberState
from alerts.subscribers.storing.reporting import open_report

_INTERRUPTED = 130
_STANDARD_INPUT = "standard input"


def register(app: typer.Typer) -> None:
    """Add the commands to `alerts subscriber`."""
    app.command("import")(import_command)
    app.command("export")(export_command)


def import_command(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="The file to read, or - for stdin.")
    ],
    consent: Annotated[
        str, typer.Option(metavar="TEXT", help="On what basis they are mailed; kept on record.")
    ] = "",
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FIELD=COLUMN",
            help=f"Which column holds a field ({', '.join(FIELDS)}); may be given several times.",
        ),
    ] = None,
    newsletter: Annotated[
        list[str] | None,
        typer.Option(help="For rows that name no newsletter: only these; default: all."),
    ] = None,
    confirmed: Annotated[
        bool,
        typer.Option("--confirmed", help="Rows that do not say so are confirmed too."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; tell what would be done.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="REPORT.csv", help="Write there what became of each row, and why."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Add the subscribers of a CSV file, or of another service's export.

    A row that is refused is named and stops nothing. Stopped half-way, the same command goes on.
    """
    named = _mapping(columns or [])
    with ExitStack() as stack:
        given = stack.enter_context(_given(file))
        mapping = _find_addresses(given, named)
        order = _Order(given, consent.strip(), mapping, newsletter or [], confirmed, dry_run)
        runtime = stack.enter_context(program())
        tell = stack.enter_context(open_report(report, beside=given.path)) if report else None
        bar = stack.enter_context(progress_bar("importing"))
        result = order.run(runtime, bar, tell)
    if json:
        print_json(_imported(result, dry_run=dry_run))
    else:
        counts = f"added {result.added}, updated {result.updated}, unchanged {result.unchanged}"
        say(f"{counts}, refused {len(result.refused)}")
    if dry_run:
        note("nothing was written: --dry-run")
    for remark in result.notes:
        note(f"{given}: {remark}")
    for row in result.refused:
        note(f"{given}, line {row.line}: {row.email}: {row.reason}")


def export_command(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The file to write.")],
    json: JsonOption = False,
) -> None:
    """Write all readers as CSV, in the columns that `import` reads."""
    with program() as runtime, progress_bar("exporting") as bar:
        count = export_subscribers(runtime.database, file, progress=bar)
    if json:
        print_json({"file": str(file), "exported": count})
    else:
        say(f"exported {count} to {file}")


@dataclass(frozen=True, slots=True)
class _Given:
    """The file to read; `called` is its name for people, where it lies in a place of ours."""

    path: Path
    called: str = ""

    @override
    def __str__(self) -> str:
        return self.called or str(self.path)


@contextmanager
def _given(file: Path) -> Iterator[_Given]:
    """Yield the file; `-` is all of standard input, laid where only we read it meanwhile.

    A file is read more than once: to see what it is made of, and then row by row.
    """
    if str(file) != "-":
        yield _Given(file)
        return
    with tempfile.NamedTemporaryFile(prefix="alerts-import-", suffix=".csv") as copy:
        try:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            copy.flush()
        except OSError as error:
            raise Invalid(f"{_STANDARD_INPUT} cannot be read: {error.strerror or error}") from error
        yield _Given(Path(copy.name), _STANDARD_INPUT)


@dataclass(slots=True)
class _Order:
    """An import as it was ordered."""

    given: _Given
    consent: str
    mapping: Mapping[str, str]
    newsletters: Sequence[str]
    confirmed: bool
    dry_run: bool

    def run(
        self, runtime: Runtime, bar: Callable[[int, int | None], None], tell: Tell | None
    ) -> ImportResult:
        done = 0

        def show(rows: int, total: int | None) -> None:
            nonlocal done
            done = rows
            bar(rows, total)

        with runtime.database.read() as session:
            offered = offers(session)
        try:
            return import_subscribers(
                runtime.database,
                self.given.path,
                called=self.given.called,
                offers=offered,
                consent=self.consent,
                clock=runtime.clock,
                suppression_keys=runtime.settings.secret_key,
                columns=self.mapping,
                newsletters=self.newsletters,
                otherwise=SubscriberState("confirmed" if self.confirmed else "unconfirmed"),
                dry_run=self.dry_run,
                progress=show,
                tell=tell,
            )
        except KeyboardInterrupt:
            note(f"stopped after {done} rows; the same command again goes on from there")
            raise typer.Exit(_INTERRUPTED) from None


def _mapping(options: Sequence[str]) -> dict[str, str]:
    """Return columns by field; raises Invalid for what is no FIELD=COLUMN."""
    mapping: dict[str, str] = {}
    for option in options:
        field, equals, column = option.partition("=")
        if not equals or not column.strip():
            raise Invalid(f"--map {option}: write FIELD=COLUMN, such as email=Spalte1")
        mapping[field.strip().lower()] = column.strip()
    return mapping


def _find_addresses(given: _Given, mapping: Mapping[str, str]) -> Mapping[str, str]:
    """Ask which column holds the addresses, when nothing tells and somebody is there to ask.

    Whoever typed the rows themselves has ended what they type.
    """
    try:
        open_file(given.path, mapping, called=given.called)
    except NoAddressColumn as error:
        named = [name for name in error.columns if name]
        if not named or given.called or not sys.stdin.isatty():
            raise
        return {**mapping, "email": _ask(given, named)}
    return mapping


def _ask(given: _Given, columns: Sequence[str]) -> str:
    note(f"{given} has no column that is known to hold the addresses. Its columns are:")
    for number, column in enumerate(columns, 1):
        note(f"  {number}  {column}")
    while True:
        answer = str(typer.prompt("Which one holds the addresses", err=True)).strip()
        if answer in columns:
            return answer
        if answer.isdecimal() and 1 <= int(answer) <= len(columns):
            return columns[int(answer) - 1]
        note(f"answer with a number from 1 to {len(columns)}, or with a column's name")


def _imported(result: ImportResult, *, dry_run: bool) -> dict[str, Any]:
    return {
        "added": result.added,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "refused": [
            {"line": row.line, "email": row.email, "reason": row.reason} for row in result.refused
        ],
        "notes": result.notes,
        "dry_run": dry_run,
    }
