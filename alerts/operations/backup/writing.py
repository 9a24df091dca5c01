"""Writing a backup of a running system: one moment of the database, in one file, in flat memory."""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, Table, func, select, text

from alerts import __version__
from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Base, Database
from alerts.errors import Refused
from alerts.operations.backup.files import kept_files
from alerts.operations.backup.form import (
    MANIFEST,
    Manifest,
    Part,
    form_of,
    plain_table,
    written,
)
from alerts.tables import ALL_MODELS

# Rows that are fetched, written and reported at a time.
_SLICE = 1_000
# Fast, and a third larger than the best: the time is what a running system notices.
_COMPRESSION = 3

Progress = Callable[[int, int | None], None]


def write_backup(
    database: Database, path: Path, *, settings: Settings, clock: Clock, progress: Progress
) -> Manifest:
    """Write all tables, as they are at one moment, and the files that go along, to one file.

    Nobody who writes to the database meanwhile waits. The file is readable by its owner alone, and
    appears under its name when it is whole. Raises Refused when it is there already, or the disk
    does not take it.
    """
    assert ALL_MODELS  # noqa: S101 - imported so that Base.metadata is complete
    if path.exists():
        raise Refused(f"{path} is there already; name another file, or remove it first")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _private(draft) as file:
            with zipfile.ZipFile(
                file, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION
            ) as archive:
                manifest = _write_all(database, archive, settings, clock, progress)
            file.flush()
            os.fsync(file.fileno())
        # A hard link does not replace what somebody else put there meanwhile.
        path.hardlink_to(draft)
    except FileExistsError as error:
        raise Refused(f"{path} is there already; name another file") from error
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    return manifest


def fingerprints(settings: Settings) -> tuple[str, ...]:
    """Return what tells the secret keys in use without telling them, oldest first."""
    return tuple(
        hashlib.sha256(b"a backup's key " + key.encode()).hexdigest() for key in settings.secret_key
    )


@contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    with os.fdopen(number, "w+b") as file:
        yield file


@contextmanager
def one_moment(database: Database) -> Iterator[Connection]:
    """Yield a connection all of whose statements see the database at one moment, to read from."""
    options: dict[str, object] = {"sqlite_begin": "BEGIN"}
    if not database.is_sqlite:
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with database.engine.execution_options(**options).connect() as connection:
        yield connection


def _write_all(
    database: Database,
    archive: zipfile.ZipFile,
    settings: Settings,
    clock: Clock,
    progress: Progress,
) -> Manifest:
    with one_moment(database) as connection:
        # The first look: it is what fixes the moment.
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        taken_at = clock.now()
        tables = Base.metadata.sorted_tables
        total = sum(_count(connection, each) for each in tables)
        parts: list[Part] = []
        for each in tables:
            moved = partial(_move, progress, sum(part.rows for part in parts), total)
            parts.append(_write_table(connection, archive, each, moved))
    parts += _write_files(archive, settings)
    manifest = Manifest(
        taken_at=taken_at,
        program=__version__,
        revision=revision,
        database=database.engine.dialect.name,
        keys=fingerprints(settings),
        parts=tuple(parts),
    )
    archive.writestr(MANIFEST, json.dumps(manifest.to_json(), indent=1))
    return manifest


def _move(progress: Progress, before: int, total: int, rows: int) -> None:
    progress(before + rows, total)


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _write_table(
    connection: Connection,
    archive: zipfile.ZipFile,
    table: Table,
    moved: Callable[[int], None],
) -> Part:
    # What a database works out by itself it takes from nobody.
    columns = tuple(form_of(each) for each in table.columns if each.computed is None)
    plain = plain_table(table.name, columns)
    rows = connection.execution_options(yield_per=_SLICE).execute(
        select(plain).order_by(*(plain.c[key.name] for key in table.primary_key.columns))
    )
    path = f"tables/{table.name}.jsonl"
    digest = hashlib.sha256()
    count = size = 0
    with archive.open(path, "w", force_zip64=True) as entry:
        for slice_ in rows.partitions(_SLICE):
            lines = "".join(f"{written(columns, row)}\n" for row in slice_).encode()
            entry.write(lines)
            digest.update(lines)
            count, size = count + len(slice_), size + len(lines)
            moved(count)
    highest = _highest(connection, table)
    return Part(path, digest.hexdigest(), size, count, columns, highest)


def _highest(connection: Connection, table: Table) -> int | None:
    """Return the highest number a row was given, also of one that was removed; None without any."""
    number = table.autoincrement_column
    if number is None:
        return None
    there = connection.execute(select(func.max(number))).scalar()
    if connection.dialect.name != "postgresql":
        return there
    sequence = connection.execute(
        select(func.pg_get_serial_sequence(table.name, number.name))
    ).scalar()
    if sequence is None:
        return there
    given = connection.execute(
        text("SELECT pg_sequence_last_value(CAST(:name AS regclass))"), {"name": sequence}
    ).scalar()
    return max((each for each in (there, given) if each is not None), default=None)


def _write_files(archive: zipfile.ZipFile, settings: Settings) -> Iterable[Part]:
    for name, content in kept_files(settings):
        archive.writestr(f"files/{name}", content)
        yield Part(f"files/{name}", hashlib.sha256(content).hexdigest(), len(content))
