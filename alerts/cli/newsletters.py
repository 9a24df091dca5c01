"""`alerts newsletter …`: newsletters as data."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from alerts.cli.common import JsonOption, note, print_json, print_table, program, say
from alerts.errors import Invalid, Refused
from alerts.newsletters.changes import differences
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.mistakes import InvalidDefinition
from alerts.newsletters.models import Newsletter
from alerts.newsletters.serialise import newsletter_json
from alerts.newsletters.service import (
    apply_definition,
    definition_of,
    export_toml,
    get_newsletter,
    list_newsletters,
)
from alerts.newsletters.toml import read_definition
from alerts.rendering.service import renderer_of
from alerts.rendering.template_checks import TemplateFinding, check_template, refuse_broken
from alerts.runtime import Runtime
from alerts.staff.audit import COMMAND_LINE, Subject, record

app = typer.Typer(no_args_is_help=True, help="Newsletters, as data.")

Slug = Annotated[str, typer.Argument(help="The newsletter.")]


@app.command("list")
def list_command(json: JsonOption = False) -> None:
    """List the newsletters."""
    with program() as runtime, runtime.database.read() as session:
        documents = [newsletter_json(newsletter) for newsletter in list_newsletters(session)]
    if json:
        print_json(documents)
        return
    columns = ("slug", "title", "default_frequency", "approval", "tagline")
    print_table(columns, ([document[column] for column in columns] for document in documents))


@app.command()
def show(slug: Slug, json: JsonOption = False) -> None:
    """Show a newsletter."""
    with program() as runtime, runtime.database.read() as session:
        document = newsletter_json(get_newsletter(session, slug))
    if json:
        print_json(document)
        return
    for name, value in document.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        say(f"{name}: {'' if shown is None else shown}")


@app.command()
def export(
    slug: Slug,
    out: Annotated[Path | None, typer.Option(help="A file to write to.")] = None,
    json: JsonOption = False,
) -> None:
    """Print a newsletter as TOML; `apply` of it changes nothing."""
    with program() as runtime, runtime.database.read() as session:
        text = export_toml(session, slug)
    if out is not None:
        out.write_text(text)
    if json:
        print_json({"slug": slug, "toml": text})
    elif out is None:
        sys.stdout.write(text)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="A TOML file, or - for standard input.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Create or change a newsletter from TOML; an error changes nothing."""
    definition = read_definition(_read(file), source=_source(file))
    with program() as runtime, runtime.database.transaction() as session:
        for warning in _checked(runtime, definition):
            note(f"warning: {warning.line}")
        if dry_run:
            _show_differences(session, definition, json=json)
            return
        result = apply_definition(session, definition, clock=runtime.clock)
        if result.kind != "unchanged":
            record(
                session,
                COMMAND_LINE,
                f"newsletter.{result.kind}",
                Subject("newsletter", result.slug),
                clock=runtime.clock,
                settings=result.changes,
            )
    if json:
        changes = list(result.changes)
        print_json({"slug": result.slug, "result": result.kind, "changes": changes})
    else:
        say(f"{result.slug} {result.kind}")


def _show_differences(session: Session, definition: NewsletterDefinition, *, json: bool) -> None:
    newsletter = session.get(Newsletter, definition.slug)
    before = definition_of(newsletter) if newsletter else None
    found = differences(before, definition)
    if json:
        print_json([{"name": d.name, "before": d.before, "after": d.after} for d in found])
        return
    for one in found:
        say(f"{one.name}: {one.before or 'nothing'} → {one.after or 'nothing'}")
    if not found:
        say(f"{definition.slug}: nothing would change")


@app.command()
def check(
    what: Annotated[str, typer.Argument(metavar="FILE|SLUG", help="A TOML file, or a newsletter.")],
    json: JsonOption = False,
) -> None:
    """Try a definition and its email template out, on invented issues; changes nothing."""
    with program() as runtime:
        slug, found = _findings(runtime, what)
    errors = sum(one.level == "error" for one in found)
    if json:
        findings = [
            {"level": one.level, "where": one.where or None, "message": one.message}
            for one in found
        ]
        print_json({"slug": slug, "ok": not errors, "findings": findings})
    else:
        for one in found:
            say(f"{one.level}: {one.line}")
        if not errors:
            say(f"{slug} is in order")
    if errors:
        raise Refused(f"{what} has {errors} error{'' if errors == 1 else 's'}; nothing was changed")


def _findings(runtime: Runtime, what: str) -> tuple[str | None, list[TemplateFinding]]:
    try:
        definition = _definition(runtime, what)
    except InvalidDefinition as error:
        source = _source(Path(what))
        return None, [
            TemplateFinding(
                "error",
                f"{source}, line {one.line}" if one.line else source,
                f"{one.name}: {one.reason}" if one.place else one.reason,
            )
            for one in error.mistakes
        ]
    renderer, base_url = renderer_of(runtime.settings), runtime.settings.base_url
    return definition.slug, check_template(renderer, definition, base_url=base_url)


def _definition(runtime: Runtime, what: str) -> NewsletterDefinition:
    path = Path(what)
    if what == "-" or path.suffix == ".toml" or path.is_file():
        return read_definition(_read(path), source=_source(path))
    with runtime.database.read() as session:
        return definition_of(get_newsletter(session, what))


def _checked(runtime: Runtime, definition: NewsletterDefinition) -> list[TemplateFinding]:
    renderer = renderer_of(runtime.settings)
    return refuse_broken(renderer, definition, base_url=runtime.settings.base_url)


def _source(file: Path) -> str:
    return "standard input" if str(file) == "-" else str(file)


def _read(file: Path) -> str:
    if str(file) == "-":
        return sys.stdin.read()
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} cannot be read as text: {error}; name a TOML file") from error
