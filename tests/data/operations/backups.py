"""Backups for tests: a database with a row in every table, saved, altered, restored, compared."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Column, Date, Enum, Integer, Table, func, insert, select
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Base, Database, UtcDateTime
from alerts.holding import Hold
from alerts.operations.backup.form import Manifest
from alerts.operations.backup.reading import BackupFile
from alerts.operations.backup.restoring import LARGE, Restored, restore
from tests.conftest import NOW
from tests.data.delivery.house import House

KEY = "a-key-for-tests-only-of-more-than-32-characters"
Rows = dict[str, list[tuple[Any, ...]]]


def quiet(_done: int, _total: int | None) -> None:
    """Show nothing."""


def filled(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    """Send an issue half way, and put a row into each table that has none yet."""
    house = House(database, clock, tmp_path)
    house.send_to("ama", "bo", "chi")
    house.transport.away = True
    house.work()
    with database.transaction() as session:
        for table in Base.metadata.sorted_tables:
            if table.name != Hold.__tablename__ and not count(session, table):
                session.execute(insert(table).values(made_up(session, table)))
    return house


def count(session: Session, table: Table) -> int:
    return session.execute(select(func.count()).select_from(table)).scalar_one()


def made_up(session: Session, table: Table) -> dict[str, Any]:
    values = {}
    for column in table.columns:
        [*parents] = column.foreign_keys
        if parents:
            there = select(parents[0].column).limit(1)
            values[column.name] = session.execute(there).scalar_one()
        elif column is not table.autoincrement_column:
            values[column.name] = a_value(column)
    return values


def a_value(column: Column[Any]) -> object:  # noqa: PLR0911 - a table, a line for each type
    match column.type:
        case Enum():
            return column.type.python_type(column.type.enums[0]) if column.type.enum_class else ""
        case UtcDateTime():
            return NOW + timedelta(microseconds=123)
        case Date():
            return date(2026, 11, 23)
        case Boolean():
            return True
        case Integer():
            return 1
        case _ if "JSON" in type(column.type).__name__:
            return {"naïve": ["“quoted”", 1, None, {"deep": True}]}
        case _ if column.type.python_type is bytes:
            return b"\x00\xff raw"
    return "Ünïcödé,\n\t\\N “x”"[: getattr(column.type, "length", None) or 99]


def everything(database: Database) -> Rows:
    found: Rows = {}
    with database.read() as session:
        for table in Base.metadata.sorted_tables:
            if table.name != Hold.__tablename__:
                rows = session.execute(select(table).order_by(*table.primary_key.columns))
                found[table.name] = [tuple(row) for row in rows]
    return found


def restored(
    database: Database,
    path: Path,
    settings: Settings,
    clock: FixedClock,
    *,
    large: int = LARGE,
) -> Restored:
    with BackupFile.open(path) as backup:
        return restore(
            database,
            backup,
            settings=settings,
            clock=clock,
            stages=lambda _: quiet,
            large=large,
        )


def manifest_of(path: Path) -> Manifest:
    with BackupFile.open(path) as backup:
        return backup.manifest


def altered(path: Path, name: str, change: Callable[[bytes], bytes | None]) -> Path:
    """Write the same zip with one entry changed, or left out."""
    other = path.with_name("altered.zip")
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(other, "w") as after:
        for entry in before.namelist():
            content: bytes | None = before.read(entry)
            if entry == name and content is not None:
                content = change(content)
            if content is not None:
                after.writestr(entry, content)
    return other


def summed_up(path: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """Change an entry as one does who knows how to make its sum and length right again."""
    with zipfile.ZipFile(path) as archive:
        content = change(archive.read(name))
        parts = json.loads(archive.read("manifest.json"))["parts"]
    for part in parts:
        if part["path"] == name:
            part |= {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    once = altered(path, name, lambda _: content).rename(path.with_name("once.zip"))
    return altered(once, "manifest.json", in_manifest(parts=parts))


def in_manifest(**changes: object) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps(json.loads(content) | changes).encode()


def own_templates(folder: Path, name: str, text: str) -> None:
    """Write a template of a newsletter's own, and what no template needs beside it."""
    for file in ("subject.txt", "body.html", "parts/head.html"):
        path = folder / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text} {file}")
    (folder / name / ".draft.swp").write_text("an editor's own")
