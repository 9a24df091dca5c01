"""The commands that start the program's parts."""

import os
import sys
from time import sleep
from typing import Annotated

import typer

from alerts.cli.common import JsonOption, note, print_json, say
from alerts.config import load_settings
from alerts.database import Database
from alerts.errors import Refused
from alerts.task_queue import Queue

# Celery warns whoever is root in eight lines; in a container or a demo it is no news.
_NOT_AS_ROOT = "ignore:You're running the worker with superuser privileges"
_LOOK_AGAIN_SECONDS = 2
HostOption = Annotated[str, typer.Option(help="The address to listen on.")]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    for command in (init, up, web, worker, beat, catcher, demo, status, prune):
        app.command()(command)


def init(
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for a database that does not answer yet.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Create or upgrade the schema and the built-in newsletters; safe to run again."""
    from alerts.cli.common import program
    from alerts.migrations import schema_revision, upgrade

    settings = load_settings()
    database = Database(settings.database)
    try:
        if wait:
            _wait_for(database)
        before = schema_revision(database)
        upgrade(database)
        after = schema_revision(database)
    finally:
        database.dispose()
    with program():
        pass
    if json:
        print_json({"database": str(database.url), "before": before, "after": after})
    else:
        shown = database.url.render_as_string(hide_password=True)
        say(f"{shown} is at schema {after}" + (f" (was {before})" if before != after else ""))


def _wait_for(database: Database) -> None:
    """Return when the database answers, however late; say once why it does not.

    Where this is the first thing that a host does as it comes up, its failing would keep all parts
    down until somebody comes.
    """
    from sqlalchemy.exc import OperationalError

    is_told = False
    while True:
        try:
            with database.read() as session:
                session.connection()
        except OperationalError as error:
            if not is_told:
                note(f"waiting for the database: {' '.join(str(error.orig).split())}")
            is_told = True
            sleep(_LOOK_AGAIN_SECONDS)
        else:
            return


def up(host: HostOption = "127.0.0.1", port: PortOption = 8000) -> None:
    """Run everything in one process tree: web, worker, beat, catcher, embedded Redis."""
    _become("workers.embedded", "--host", host, "--port", str(port))


def web(host: HostOption = "127.0.0.1", port: PortOption = 8000) -> None:
    """Run the web part."""
    from alerts.web.server import serve

    serve(load_settings(), host=host, port=port)


def worker(
    queues: Annotated[
        str, typer.Option(help="The queues to work on, separated by commas; default: all.")
    ] = "",
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many processes; default: the setting.")
    ] = None,
    nice: Annotated[
        int, typer.Option(min=0, max=19, help="How far to stand back for others, as nice(1) does.")
    ] = 0,
) -> None:
    """Run a Celery worker."""
    from alerts.delivery.dkim import check_signing
    from alerts.delivery.transports.factory import check_mail_urls

    wanted = [name.strip() for name in queues.split(",") if name.strip()]
    known = [queue.value for queue in Queue]
    for name in wanted:
        if name not in known:
            raise Refused(f"there is no queue {name!r}; known are {', '.join(known)}")
    settings = load_settings()
    check_signing(settings)
    check_mail_urls(settings)
    count = processes or settings.worker_processes
    # Each process opens its share of the connections: they have to know how many they are.
    os.environ["ALERTS_WORKER_PROCESSES"] = str(count)
    if nice:
        os.nice(nice)
    _become("workers", "worker", "--queues", ",".join(wanted or known), "--processes", str(count))


def beat() -> None:
    """Run the beat, which only ticks; any number may run."""
    _become("workers", "beat")


def catcher(host: HostOption = "127.0.0.1", port: PortOption = 1025) -> None:
    """Run an SMTP server that keeps every mail in the catcher's mailbox."""
    from alerts.delivery.catcher_server import serve_catcher

    note(f"catching mail on {host}:{port}; Ctrl-C stops")
    serve_catcher(load_settings().data_dir, host=host, port=port)


def demo(
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Go on serving the pages afterwards.")
    ] = True,
    port: PortOption = 8000,
) -> None:
    """Send both newsletters of a sample newsroom into the mail catcher."""
    from alerts.sample.demo import run_demo

    if not run_demo(load_settings(), serve=serve, port=port):
        raise Refused("the books of the demo do not balance; please report it")


def status(json: JsonOption = False) -> None:
    """Show what is running and what is due."""
    from alerts.cli.common import program
    from alerts.cli.status import overview, print_overview

    with program() as runtime:
        found = overview(runtime)
    if json:
        print_json(found)
    else:
        print_overview(found)


def _become(module: str, *arguments: str) -> None:
    """Replace this process by another part of the program, found by its name.

    `alerts` never imports `workers`: the name of a module is all it knows of it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    options = ["-P", "-W", _NOT_AS_ROOT]
    os.execv(sys.executable, [sys.executable, *options, "-m", module, *arguments])  # noqa: S606 - our own modules


def prune(json: JsonOption = False) -> None:
    """Remove what was kept for as long as the settings say; the nightly task does it too."""
    from alerts.cli.common import program
    from alerts.operations.rounds import prune_now

    with program() as runtime:
        pruned = prune_now(runtime.database, runtime.settings, clock=runtime.clock)
    if json:
        print_json(pruned.counts)
    else:
        say(", ".join(f"{name}: {count}" for name, count in pruned.counts.items()))
