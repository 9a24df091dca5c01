"""`alerts inbound …`: mail that comes back is read, as if it had arrived."""

from email.utils import parseaddr
from typing import Annotated

import typer

from alerts.cli.common import JsonOption, print_json, print_table
from alerts.config import load_settings
from alerts.inbound.mailboxes import mails_in
from alerts.inbound.reading.read import read_mail
from alerts.inbound.reading.record import Reading
from alerts.inbound.service import take_in

app = typer.Typer(no_args_is_help=True, help="Mail that comes back: bounces, complaints, commands.")


@app.callback()
def root() -> None:
    """Mail that comes back: bounces, complaints, commands."""


@app.command()
def read(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH…", help="A mail (.eml), an mbox, a Maildir or folder, or - for stdin."
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what each mail is; change nothing.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Read raw mails: what each is, whom it is about, and what it asks for."""
    ours = (parseaddr(load_settings().sender)[1],)
    readings: list[tuple[str, Reading]] = []
    for path in paths:
        for found in mails_in(path):
            reading = read_mail(found.raw, ours=ours)
            if not dry_run:
                take_in(found.raw, reading)
            readings.append((found.source, reading))
    if json:
        print_json([reading.to_json(source) for source, reading in readings])
        return
    print_table(
        ("source", "kind", "class", "code", "recipients", "command"),
        [
            (source, r.kind, r.bounce, r.code, ", ".join(r.recipients), r.command)
            for source, r in readings
        ],
    )
