"""Commands about people as a whole: their data to take away, and how many come and go."""

import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from alerts.cli.common import JsonOption, print_json, print_table, program, say
from alerts.delivery.person import personal_csv
from alerts.errors import Invalid
from alerts.inbound.person import personal_data
from alerts.newsletters.service import get_newsletter
from alerts.subscribers.growth import growth as growth_since
from alerts.subscribers.growth import growth_csv
from alerts.subscribers.queries import find_subscriber

_USUAL_SPAN = timedelta(days=30)


def data(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The person's address.")],
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write CSV there; - prints it.")
    ] = None,
) -> None:
    """Print all that is kept about a person: consents, wishes, mails; JSON or CSV."""
    with program() as runtime, runtime.database.read() as session:
        document = personal_data(session, find_subscriber(session, email))
    if csv is None:
        print_json(document)
    else:
        _write(personal_csv(document), csv)


def growth(
    newsletter: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    since: Annotated[str, typer.Option(metavar="DATE", help="First day; default: 30 days.")] = "",
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write CSV there; - prints it.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show sign-ups, confirmations and departures by newsletter and day (UTC)."""
    with program() as runtime, runtime.database.read() as session:
        first = _day(since) if since else runtime.clock.now().date() - _USUAL_SPAN
        if newsletter is not None:
            get_newsletter(session, newsletter)
        days = growth_since(session, since=first, newsletter=newsletter, clock=runtime.clock)
    if json:
        print_json([day.to_json() for day in days])
    elif csv is None:
        print_table(
            ("day", "newsletter", "signed up", "confirmed", "departed"),
            [(d.day, d.newsletter, d.signed_up, d.confirmed, d.departed) for d in days],
        )
    else:
        _write(growth_csv(days), csv)


def _write(text: str, path: Path) -> None:
    if str(path) == "-":
        sys.stdout.write(text)
    else:
        path.write_text(text, encoding="utf-8", newline="")
        say(f"wrote {path}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"{text!r} is no date; 2026-11-30 would be right") from error


def register(app: typer.Typer) -> None:
    """Add the commands to `alerts subscriber`."""
    app.command()(data)
    app.command()(growth)
