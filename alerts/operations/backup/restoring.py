"""Filling an empty database from a backup, in one go or not at all; what comes of it is held."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, MetaData, Table, exists, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from alerts import migrations
from alerts.clock import Clock
from alerts.config import SECRET_FILE, Settings
from alerts.database import Database
from alerts.delivery.canaries import is_canary
from alerts.errors import Refused
from alerts.holding import put_on_hold
from alerts.newsletters.archive.index import INDEX, index_all
from alerts.newsletters.archive.models import ArchivedPiece
from alerts.newsletters.service import BUILT_IN
from alerts.operations.backup.bare import laid_bare
from alerts.operations.backup.files import place_of, put_in_place
from alerts.operations.backup.filling import fill
from alerts.operations.backup.form import Manifest, Part, plain_table
from alerts.operations.backup.reading import BackupFile, Columns, Progress
from alerts.operations.backup.writing import fingerprints

_FILES = "files/"
# Tables of so many rows get their indexes afterwards.
LARGE = 20_000
# What `alerts init`, and parts that were started before anything was in it, leave in a database
# without content; each before what it refers to.
_OF_AN_EMPTY_ONE = (
    "alarm_notes",
    "alarms",
    "mailboxes",
    "pruning_rounds",
    "rate_counts",
    "schedules",
    "newsletters",
    "beats",
)
# The operator's own readers, whom a worker adds by itself.
_OF_CANARIES = ("consent_records", "subscriptions", "subscribers")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored: rows in all, files by their names in the backup, and what to look at."""

    rows: int
    files: tuple[str, ...]
    notes: tuple[str, ...]


def restore(
    database: Database,
    backup: BackupFile,
    *,
    settings: Settings,
    clock: Clock,
    stages: Callable[[str], Progress],
    large: int = LARGE,
) -> Restored:
    """Fill an empty database, set the numbers right, and hold all sending.

    The whole file is held against its sums before anything is touched. Raises Invalid for a bad
    file, Refused for a database that is not empty or a backup of a newer program; then all is as
    before. `stages` gives what shows the progress of a stage, by its name; tables of `large` rows
    or more get their indexes when they are full.
    """
    manifest = backup.manifest
    _known(backup)
    _refuse_content(database, settings.canary)
    backup.check(stages("checking"))
    _set_schema(database, manifest.revision)
    with database.transaction() as session:
        connection = session.connection()
        _lock_all(connection, [part.table for part in manifest.tables if part.rows >= large])
        _empty(connection, database, settings.canary)
        _fill_all(connection, backup, large, stages)
        if any(part.table == ArchivedPiece.__tablename__ for part in manifest.tables):
            # The index of the search is no table of the backup: each database has its own kind.
            index_all(session)
        put_on_hold(session, since=clock.now(), backup_of=manifest.taken_at)
        session.flush()
        wanted = _files_of(backup, settings)
        # SQLite looks only now whether what rows refer to is there, and a commit that it refuses
        # does not end its transaction.
        undo = cast("Any", connection.connection.driver_connection).rollback
        with (
            _together(undo),
            put_in_place((path, backup.file(part)) for part, path in wanted),
        ):
            session.commit()
    migrations.upgrade(database)
    files = tuple(part.path.removeprefix(_FILES) for part, _ in wanted)
    return Restored(manifest.rows, files, _notes(manifest, files, settings))


def _known(backup: BackupFile) -> None:
    revision = backup.manifest.revision
    if revision not in migrations.known_revisions():
        raise Refused(
            f"{backup.path} is of schema {revision}, made by version {backup.manifest.program};"
            f" this program knows schemas up to {migrations.HEAD}: restore it with a newer program"
        )


def _refuse_content(database: Database, canary: str) -> None:
    """Raise Refused unless there is no table, or none with more than comes there by itself."""
    with database.read() as session:
        connection = session.connection()
        names = inspect(connection).get_table_names()
        if not names:
            return
        if "alembic_version" not in names:
            raise Refused(f"{_shown(database)} holds tables of another program; name an empty one")
        filled = _filled(connection, names, canary)
    if filled:
        raise Refused(
            f"{_shown(database)} is not empty: there is something in {', '.join(filled[:4])};"
            " name an empty database (ALERTS_DATABASE_URL, or a new ALERTS_DATA_DIR)"
        )


def _filled(connection: Connection, names: list[str], canary: str) -> list[str]:
    let_go = {"alembic_version", *_made_by_itself(connection, names, canary)}
    filled = [
        name
        for name in sorted(names)
        if name not in let_go
        and not name.startswith(INDEX)
        and connection.execute(
            select(exists(select(1).select_from(plain_table(name, ()))))
        ).scalar()
    ]
    own = text("SELECT slug FROM newsletters") if "newsletters" in names else None
    if own is not None and set(connection.execute(own).scalars()) - set(BUILT_IN):
        filled.append("newsletters")
    return filled


def _made_by_itself(connection: Connection, names: list[str], canary: str) -> list[str]:
    """Return the tables whose rows nobody wrote, each before what it refers to."""
    found = list(_OF_AN_EMPTY_ONE)
    if "subscribers" in names and canary:
        people = connection.execute(text("SELECT email_key FROM subscribers LIMIT 1000")).scalars()
        if all(is_canary(canary, one) for one in people):
            found = [*_OF_CANARIES, *found]
    return [name for name in found if name in names]


def _shown(database: Database) -> str:
    return database.url.render_as_string(hide_password=True)


def _set_schema(database: Database, revision: str) -> None:
    found = migrations.schema_revision(database)
    if found is not None and found != revision:
        # Nothing is in it: the way back and forth loses nothing.
        migrations.downgrade(database, "base")
    if found != revision:
        migrations.upgrade(database, revision)


def _lock_all(connection: Connection, large: list[str]) -> None:
    """Keep everybody else from writing; SQLite has one writer anyway.

    Nobody reads large tables meanwhile: their indexes are away.
    """
    if connection.dialect.name == "postgresql":
        names = [name for name in inspect(connection).get_table_names() if name != "holds"]
        for some, mode in ((large, "ACCESS EXCLUSIVE"), (names, "SHARE ROW EXCLUSIVE")):
            quoted = ", ".join(map(connection.dialect.identifier_preparer.quote, some))
            if quoted:
                connection.execute(text(f"LOCK TABLE {quoted} IN {mode} MODE"))
    else:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")


def _empty(connection: Connection, database: Database, canary: str) -> None:
    names = inspect(connection).get_table_names()
    if filled := _filled(connection, names, canary):
        raise Refused(f"{_shown(database)} is not empty any more: {', '.join(filled)}")
    for name in _made_by_itself(connection, names, canary):
        connection.execute(Table(name, MetaData()).delete())


def _fill_all(
    connection: Connection, backup: BackupFile, large: int, stages: Callable[[str], Progress]
) -> None:
    tables = backup.manifest.tables
    bare = [part.table for part in tables if part.rows >= large]
    with _together(), laid_bare(connection, bare, progress=stages("indexes")):
        show = stages("restoring")
        done = 0
        for part in tables:
            fill(connection, part, _shown_rows(backup, part, show, done))
            done += part.rows
            _continue_numbers(connection, part)


@contextmanager
def _together(undo: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Raise Refused, and undo, where rows that went in one by one may not stand together."""
    try:
        yield
    except DBAPIError as error:
        undo()
        reason = str(error.orig).strip().partition("\n")[0]
        raise Refused(f"nothing was restored: the rows do not go together: {reason}") from error


def _shown_rows(
    backup: BackupFile, part: Part, progress: Progress, before: int
) -> Iterator[Columns]:
    done = before
    for columns in backup.rows(part):
        yield columns
        done += len(columns[0])
        progress(done, backup.manifest.rows)


def _continue_numbers(connection: Connection, part: Part) -> None:
    """Let new rows be numbered after all that ever were; SQLite goes on by itself."""
    if part.highest is None or connection.dialect.name != "postgresql":
        return
    for column in inspect(connection).get_pk_constraint(part.table)["constrained_columns"]:
        sequence = connection.execute(
            select(func.pg_get_serial_sequence(part.table, column))
        ).scalar()
        if sequence is not None:
            connection.execute(select(func.setval(sequence, part.highest)))


def _files_of(backup: BackupFile, settings: Settings) -> list[tuple[Part, Path]]:
    """Return the files of a backup that count here, each with where it belongs."""
    found = []
    for part in backup.manifest.files:
        path = place_of(part.path.removeprefix(_FILES), settings)
        if path is not None:
            found.append((part, path))
    return found


def _notes(manifest: Manifest, files: Sequence[str], settings: Settings) -> tuple[str, ...]:
    if SECRET_FILE in files or set(manifest.keys) & set(fingerprints(settings)):
        return ()
    note = (
        "ALERTS_SECRET_KEY is not the one that the backup was made with: links in mails that were"
        " sent do not work; set it to that key (an older key may stand before a newer one)"
    )
    return (note,)
