"""`alerts backup`, `restore` and `release`: a copy in one file, and the way back with care."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alerts.cli.common import JsonOption, note, print_json, progress_bar, progress_stages, say
from alerts.clock import SystemClock, rfc3339
from alerts.config import load_settings
from alerts.database import Database
from alerts.runtime import Runtime, open_runtime

if TYPE_CHECKING:
    from alerts.operations.releasing import DueThing


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    for command in (backup, restore, release):
        app.command()(command)


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    json: JsonOption = False,
) -> None:
    """Write the whole database, the key, topics and templates of your own to one file."""
    from alerts.operations.alarms.beats import BACKUP, note_life
    from alerts.operations.backup.writing import write_backup

    with open_runtime() as runtime, progress_bar("backup") as show:
        manifest = write_backup(
            runtime.database,
            file,
            settings=runtime.settings,
            clock=runtime.clock,
            progress=show,
        )
        with runtime.database.transaction() as session:
            # Whoever looks after the system sees how old the last backup is.
            note_life(session, BACKUP, now=manifest.taken_at)
    document: dict[str, Any] = {
        "file": str(file),
        "bytes": file.stat().st_size,
        "taken_at": rfc3339(manifest.taken_at),
        "schema": manifest.revision,
        "rows": manifest.rows,
        "tables": {part.table: part.rows for part in manifest.tables},
        "files": [part.path.removeprefix("files/") for part in manifest.files],
    }
    if json:
        print_json(document)
    else:
        kept = ", ".join(document["files"]) or "no file beside"
        say(f"{file}: {document['rows']} rows and {kept}, {document['bytes']} bytes")
        note("it holds addresses and keys: keep it where nobody else reads it")


def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    check: Annotated[
        bool, typer.Option("--check", help="Only look whether the file is whole; change nothing.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Fill an empty database from a backup; nothing is sent until `alerts release`."""
    from alerts.operations.backup.reading import BackupFile
    from alerts.operations.backup.restoring import restore as fill

    document: dict[str, Any]
    with BackupFile.open(file) as opened, progress_stages() as stages:
        manifest = opened.manifest
        if check:
            opened.check(stages("checking"), values=True)
            document = {"file": str(file), "whole": True, "rows": manifest.rows}
        else:
            settings = load_settings()
            database = Database(settings.database)
            try:
                done = fill(database, opened, settings=settings, clock=SystemClock(), stages=stages)
            finally:
                database.dispose()
            document = {"file": str(file), "rows": done.rows, "files": list(done.files)}
            document["notes"] = list(done.notes)
        document |= {"taken_at": rfc3339(manifest.taken_at), "schema": manifest.revision}
    if json:
        print_json(document)
        return
    what = "is whole" if check else "was restored"
    say(f"{file} of {document['taken_at']} {what}: {document['rows']} rows")
    for line in document.get("notes", ()):
        note(f"note: {line}")
    if not check:
        say("nothing is sent yet: `alerts release` shows what is due and lets you decide")


def release(
    send: Annotated[
        list[str] | None, typer.Option(help="What is to be sent: a key of the list, or `all`.")
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(help="What counts as done by the system this is a copy of: a key, or `all`."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what a restored system believes to be due; with decisions, let it send again."""
    from alerts.holding import hold_of
    from alerts.operations.releasing import due_things

    with open_runtime() as runtime:
        with runtime.database.read() as session:
            hold = hold_of(session)
            things = due_things(session, clock=runtime.clock) if hold else []
        if hold is None and not (send or skip):
            if json:
                print_json({"held_since": None, "due": [], "released": False})
            else:
                say("nothing is held: this system sends what is due by itself")
            return
        if not json:
            _show(things)
        decided = bool(send or skip)
        if not decided and not json and sys.stdin.isatty():
            send, skip = _ask(things)
            decided = True
        if decided:
            _release(runtime, send or [], skip or [])
    if json:
        print_json(
            {
                "held_since": rfc3339(hold.since) if hold else None,
                "due": [thing.to_json() for thing in things],
                "released": decided,
            }
        )
    elif decided:
        say("released: what is due, and not skipped, is sent from now on")
    else:
        say("still held; decide with --send KEY and --skip KEY, or `all`")


def _show(things: list["DueThing"]) -> None:
    for thing in things:
        say(f"{thing.key}  {rfc3339(thing.due_at) or ''}  {thing.text}")
    if not things:
        say("nothing is due")


def _ask(things: list["DueThing"]) -> tuple[list[str], list[str]]:
    if not things:
        typer.confirm("let this system send again?", abort=True)
    answers = {
        thing.key: typer.confirm(f"send {thing.key}? (no: it counts as done)", default=False)
        for thing in things
    }
    send = [key for key, wanted in answers.items() if wanted]
    return send, [key for key, wanted in answers.items() if not wanted]


def _release(runtime: Runtime, send: list[str], skip: list[str]) -> None:
    from alerts.operations.releasing import release as lift

    with runtime.database.transaction() as session:
        lift(session, send=send, skip=skip, clock=runtime.clock)
