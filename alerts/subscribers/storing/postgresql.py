"""Subscribers into PostgreSQL: COPY, and statements over whole sets."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

import psycopg
from psycopg.errors import DeadlockDetected
from psycopg.sql import SQL, Identifier
from sqlalchemy.orm import Session

from alerts.errors import Refused
from alerts.subscribers.storing.writing import READER_COLUMNS, Overtaken, Row

_MAY_BE_EMPTY = {"wish", "wording"}
_INCOMING = """
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming_subscribers (
      public_id text, email text, email_key text, name text, state text, time_zone text,
      created_at timestamptz, confirmed_at timestamptz, confirmation_due_at timestamptz
    ) ON COMMIT DELETE ROWS
"""
_TAKE_IN = """
    INSERT INTO subscribers (public_id, email, email_key, name, state, time_zone,
      created_at, confirmed_at, confirmation_due_at)
    SELECT public_id, email, email_key, name, state, time_zone,
      created_at, confirmed_at, confirmation_due_at
    FROM incoming_subscribers ORDER BY email_key
    ON CONFLICT (email_key) DO NOTHING RETURNING email_key, id
"""
_CHANGE_READERS = """
    UPDATE subscribers SET name = new.name, time_zone = new.time_zone, state = new.state,
      confirmed_at = CASE WHEN new.state = 'confirmed' AND new.was <> 'confirmed'
        THEN new.at ELSE confirmed_at END,
      confirmation_due_at = CASE WHEN new.state = 'unconfirmed' THEN confirmation_due_at END
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[], %s::text[])
      AS new (name, time_zone, state, at, id, was)
    WHERE subscribers.id = new.id AND subscribers.state = new.was
"""
_CHANGE_SUBSCRIPTIONS = """
    UPDATE subscriptions SET frequency = new.frequency, wish = new.wish, ended_at = new.ended_at
    FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::bigint[])
      AS new (frequency, wish, ended_at, id)
    WHERE subscriptions.id = new.id AND subscriptions.ended_at IS NULL
"""
_PACES = """
    unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
      AS new (subscriber_id, newsletter, former, frequency, changed_at)
"""
_FORGET_PACES = f"""
    DELETE FROM pace_changes AS old USING {_PACES}
    WHERE old.subscriber_id = new.subscriber_id AND old.newsletter = new.newsletter
      AND old.former = new.frequency
"""  # noqa: S608 - of this module
_NOTE_PACES = f"""
    INSERT INTO pace_changes (subscriber_id, newsletter, former, changed_at)
    SELECT subscriber_id, newsletter, former, changed_at FROM {_PACES}
    ON CONFLICT (subscriber_id, newsletter, former) DO UPDATE SET changed_at = excluded.changed_at
"""  # noqa: S608 - of this module


class PostgresTables:
    """The tables of a transaction, on the connection that the session has."""

    def __init__(self, session: Session) -> None:
        raw = session.connection().connection.dbapi_connection
        self._connection = cast("psycopg.Connection[Row]", raw)

    def moment(self, now: datetime) -> str:
        """Return a time with its zone, as COPY takes it."""
        return now.isoformat()

    def add_readers(self, rows: Sequence[Row]) -> dict[str, int]:
        """Insert rows of READER_COLUMNS; those whose address is there already are left out."""
        with _asking():
            self._connection.execute(_INCOMING)
            # A transaction that is begun again after a failure finds what the first one left.
            self._connection.execute("TRUNCATE incoming_subscribers")
            self._copy("incoming_subscribers", READER_COLUMNS, rows)
            return dict(self._connection.execute(_TAKE_IN).fetchall())

    def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows; raises Overtaken when one of them is there."""
        with _asking():
            self._copy(table, columns, rows)

    def change_readers(self, rows: Sequence[Row]) -> int:
        """Change readers who stand as they did when they were looked up; return how many."""
        return self._change(_CHANGE_READERS, rows)

    def change_subscriptions(self, rows: Sequence[Row]) -> int:
        """Change subscriptions that are not ended; return how many."""
        return self._change(_CHANGE_SUBSCRIPTIONS, rows)

    def note_pace_changes(self, rows: Sequence[Row]) -> None:
        """Note who gets a newsletter at another frequency now; whoever came back owes nothing."""
        self._change(_FORGET_PACES, rows)
        self._change(_NOTE_PACES, rows)

    def _change(self, statement: str, rows: Sequence[Row]) -> int:
        columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
        with _asking():
            return self._connection.execute(statement.encode(), columns).rowcount

    def _copy(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        # The csv module writes in C what the server reads; an empty cell is NULL but where it
        # may be an empty text.
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        texts = [column for column in columns if column in _MAY_BE_EMPTY]
        statement = SQL("COPY {} ({}) FROM STDIN (FORMAT csv{})").format(
            Identifier(table),
            SQL(", ").join(map(Identifier, columns)),
            SQL(", FORCE_NOT_NULL ({})").format(SQL(", ").join(map(Identifier, texts)))
            if texts
            else SQL(""),
        )
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(text.getvalue())


@contextmanager
def _asking() -> Iterator[None]:
    """Raise Overtaken where another transaction was first, Refused where the server cannot."""
    try:
        yield
    except (psycopg.IntegrityError, DeadlockDetected) as error:
        raise Overtaken from error
    except psycopg.Error as error:
        raise Refused(f"the database does not take the rows: {error}") from error
