"""`alerts subscriber import` and `export`: readers by the file."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

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


def register(app: typer.Typer) -> None:
    """Add the commands to `alerts subscriber`."""
    app.command("import")(import_command)
    app.command("export")(export_command)


def import_command(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The file to read.")],
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
    mapping = _find_addresses(file, _mapping(columns or []))
    order = _Order(file, consent.strip(), mapping, newsletter or [], confirmed, dry_run)
    with ExitStack() as stack:
        runtime = stack.enter_context(program())
        tell = stack.enter_context(open_report(report, beside=file)) if report else None
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
        note(f"{file}: {remark}")
    for row in result.refused:
        note(f"{file}, line {row.line}: {row.email}: {row.reason}")


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


@dataclass(slots=True)
class _Order:
    """An import as it was ordered."""

    file: Path
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
                self.file,
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


def _find_addresses(file: Path, mapping: Mapping[str, str]) -> Mapping[str, str]:
    """Ask which column holds the addresses, when nothing tells and somebody is there to ask."""
    try:
        open_file(file, mapping)
    except NoAddressColumn as error:
        named = [name for name in error.columns if name]
        if not named or not sys.stdin.isatty():
            raise
        return {**mapping, "email": _ask(file, named)}
    return mapping


def _ask(file: Path, columns: Sequence[str]) -> str:
    note(f"{file} has no column that is known to hold the addresses. Its columns are:")
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
