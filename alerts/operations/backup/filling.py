"""Rows of a backup on their way into a table, by the fastest way that each database has."""

import base64
import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection

from alerts.errors import Refused
from alerts.operations.backup.form import ColumnForm, Part
from alerts.operations.backup.reading import Columns

# The longest form that a moment has in a backup, and the one that all but round ones have.
_FULL_MOMENT = len("2026-11-30T08:00:00.123456+00:00")
# What the drivers say of values that they, or the database, do not take.
_NOT_TAKEN = (psycopg.Error, sqlite3.Error, OverflowError, UnicodeError)


def fill(connection: Connection, part: Part, slices: Iterable[Columns]) -> None:
    """Write rows into a table; raises Refused with what the database says of a row."""
    write = _copy if connection.dialect.name == "postgresql" else _insert
    try:
        write(connection, part, slices)
    except _NOT_TAKEN as error:
        reason = str(error).strip().partition("\n")[0]
        raise Refused(
            f"nothing was restored: a row of {part.table} does not go in: {reason}"
        ) from error


def _copy(connection: Connection, part: Part, slices: Iterable[Columns]) -> None:
    raw = cast("psycopg.Connection[Any]", connection.connection.dbapi_connection)
    statement = SQL("COPY {} ({}) FROM STDIN").format(
        Identifier(part.table), SQL(", ").join(Identifier(each.name) for each in part.columns)
    )
    with raw.cursor() as cursor, cursor.copy(statement) as copy:
        for columns in slices:
            for row in zip(*_as_taken(part.columns, columns, _FOR_POSTGRESQL), strict=True):
                copy.write_row(row)


def _insert(connection: Connection, part: Part, slices: Iterable[Columns]) -> None:
    raw = cast("sqlite3.Connection", connection.connection.dbapi_connection)
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(each.name) for each in part.columns)
    places = ", ".join("?" * len(part.columns))
    statement = f"INSERT INTO {quote(part.table)} ({names}) VALUES ({places})"  # noqa: S608 - quoted names
    for columns in slices:
        ready = _as_taken(part.columns, columns, _FOR_SQLITE)
        raw.executemany(statement, zip(*ready, strict=True))


def _as_taken(
    forms: Sequence[ColumnForm],
    columns: Columns,
    ways: dict[str, Callable[[Any], object]],
) -> Columns:
    """Return the values as a driver takes them; most need nothing done to them."""
    ready = []
    for each, values in zip(forms, columns, strict=True):
        change = ways.get(each.kind)
        if change is not None:
            values = [None if value is None else change(value) for value in values]  # noqa: PLW2901 - the same, changed
        ready.append(values)
    return ready


def _without_zone(text: str) -> str:
    """Return a moment as SQLite's tables hold it: in UTC, without saying so."""
    if len(text) == _FULL_MOMENT and text.endswith("+00:00") and "W" not in text:
        return f"{text[:10]} {text[11:26]}"
    moment = datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(" ", "microseconds")


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


# PostgreSQL reads moments, days and numbers by itself.
_FOR_POSTGRESQL: dict[str, Callable[[Any], object]] = {
    "json": json.dumps,
    "bytes": base64.b64decode,
}
_FOR_SQLITE: dict[str, Callable[[Any], object]] = {
    "moment": _without_zone,
    "day": _day,
    "json": json.dumps,
    "bytes": base64.b64decode,
}
