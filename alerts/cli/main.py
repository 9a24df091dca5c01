"""The command `alerts NOUN VERB`."""

import os
import sys
from importlib import import_module
from typing import Annotated

import typer
from sqlalchemy.exc import OperationalError

from alerts import __version__
from alerts.cli import backups, doctor, processes
from alerts.cli.common import note, say
from alerts.errors import AlertsError
from alerts.garbage import collect_seldom
from alerts.logs import configure_logs, of_database, without_people

# The modules with the commands of each noun, in the order of the help.
_NOUNS = {
    "article": "articles",
    "source": "sources",
    "newsletter": "newsletters",
    "schedule": "schedules",
    "issue": "sending",
    "subscriber": "subscribers",
    "segment": "segments",
    "suppression": "suppressions",
    "webhook": "webhooks",
    "inbound": "inbound",
    "staff": "staff",
    "alarm": "alarms",
}


def command_line(first: str | None = None) -> typer.Typer:
    """Return the commands: all of them, or those among which the first word on the line is.

    The commands of all nouns take a second to import, which nobody should wait for who wants one.
    """
    app = typer.Typer(name="alerts", no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(_root)
    processes.register(app)
    backups.register(app)
    app.command()(doctor.doctor)
    verbs = {command.callback.__name__ for command in app.registered_commands if command.callback}
    if first not in verbs:
        for noun in [first] if first in _NOUNS else _NOUNS:
            app.add_typer(import_module(f"alerts.cli.{_NOUNS[noun]}").app, name=noun)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        say(__version__)
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Articles in, newsletter issues out, every subscriber accounted for."""


def main() -> None:
    """Run the command line; an error becomes one line on standard error, never a traceback."""
    configure_logs()
    # It would take a tenth of the time that a command takes to start.
    collect_seldom()
    try:
        # Typer says by itself what is wrong with the usage, with status 2.
        command_line(next(iter(sys.argv[1:]), None))()
    except AlertsError as error:
        status = _refuse(str(error))
    except OperationalError as error:
        status = _refuse(of_database(error))
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
