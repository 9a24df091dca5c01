"""`alerts newsletter …`: newsletters as data."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from alerts.cli.common import JsonOption, print_json, print_table, program, say
from alerts.errors import Invalid
from alerts.newsletters.serialise import newsletter_json
from alerts.newsletters.service import (
    apply_toml,
    export_toml,
    get_newsletter,
    list_newsletters,
)

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
    json: JsonOption = False,
) -> None:
    """Create or change a newsletter from TOML; an error changes nothing."""
    source = "standard input" if str(file) == "-" else str(file)
    text = _read(file)
    with program() as runtime, runtime.database.transaction() as session:
        result = apply_toml(session, text, source=source, clock=runtime.clock)
    if json:
        print_json({"slug": result.slug, "result": result.kind})
    else:
        say(f"{result.slug} {result.kind}")


def _read(file: Path) -> str:
    if str(file) == "-":
        return sys.stdin.read()
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} cannot be read as text: {error}; name a TOML file") from error
