"""The command `alerts NOUN VERB`."""

import os
import sys
from typing import Annotated

import typer
from sqlalchemy.exc import OperationalError

from alerts import __version__
from alerts.cli import (
    alarms,
    articles,
    backups,
    doctor,
    inbound,
    newsletters,
    numbers,
    processes,
    schedules,
    segments,
    sending,
    sources,
    staff,
    subscribers,
    suppressions,
    webhooks,
)
from alerts.cli.common import note, say
from alerts.errors import AlertsError
from alerts.logs import configure_logs, without_people

app = typer.Typer(
    name="alerts",
    help="Articles in, newsletter issues out, every subscriber accounted for.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(articles.app, name="article")
app.add_typer(sources.app, name="source")
app.add_typer(newsletters.app, name="newsletter")
app.add_typer(schedules.app, name="schedule")
app.add_typer(sending.app, name="issue")
app.add_typer(subscribers.app, name="subscriber")
app.add_typer(segments.app, name="segment")
app.add_typer(suppressions.app, name="suppression")
app.add_typer(webhooks.app, name="webhook")
app.add_typer(inbound.app, name="inbound")
app.add_typer(staff.app, name="staff")
sending.app.command()(numbers.number)
app.add_typer(alarms.app, name="alarm")
processes.register(app)
backups.register(app)
app.command()(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Articles in, newsletter issues out, every subscriber accounted for."""


def main() -> None:
    """Run the command line; an error becomes one line on standard error, never a traceback."""
    configure_logs()
    try:
        # Typer says by itself what is wrong with the usage, with status 2.
        app()
    except AlertsError as error:
        status = _refuse(str(error))
    except OperationalError as error:
        said = without_people(str(error.orig))
        status = _refuse(f"the database does not answer as it should: {said}")
    except Exception as error:
        if os.environ.get("ALERTS_DEBUG"):
            raise
        status = _refuse(
            f"unexpected {type(error).__name__}: {without_people(str(error))}; "
            "with ALERTS_DEBUG=1 the same command shows where, please report it"
        )
    sys.exit(status)


def _refuse(message: str) -> int:
    note("alerts: " + " ".join(message.split()))
    return 1
