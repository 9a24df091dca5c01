"""Subscribers into SQLite: many rows to a statement, on the driver itself."""

from collections.abc import Sequence
from datetime import datetime
from sqlite3 import Connection
from typing import cast

from sqlalchemy.orm import Session

from alerts.database import UtcDateTime
from alerts.subscribers.storing.writing import READER_COLUMNS, Row

_CHANGE_READER = """
    UPDATE subscribers SET name = ?1, time_zone = ?2, state = ?3,
      confirmed_at = CASE WHEN ?3 = 'confirmed' AND ?6 <> ?3 THEN ?4 ELSE confirmed_at END,
      confirmation_due_at = CASE WHEN ?3 = 'unconfirmed' THEN confirmation_due_at END
    WHERE id = ?5 AND state = ?6
"""
_CHANGE_SUBSCRIPTION = """
    UPDATE subscriptions SET frequency = ?1, wish = ?2, ended_at = ?3
    WHERE id = ?4 AND ended_at IS NULL
"""
_FORGET_PACE = """
    DELETE FROM pace_changes WHERE subscriber_id = ?1 AND newsletter = ?2 AND former = ?3
"""
_NOTE_PACE = """
    INSERT INTO pace_changes (subscriber_id, newsletter, former, changed_at)
    VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (subscriber_id, newsletter, former) DO UPDATE SET changed_at = excluded.changed_at
"""


class SqliteTables:
    """The tables of a transaction that has SQLite's one place for writers."""

    def __init__(self, session: Session) -> None:
        self._connection = cast("Connection", session.connection().connection.dbapi_connection)
        dialect = session.get_bind().dialect
        # SQLite's own form of it: times are compared as texts, and all have to look alike.
        self._form = UtcDateTime().dialect_impl(dialect).bind_processor(dialect)

    def moment(self, now: datetime) -> str:
        """Return a time as the tables of this program hold it."""
        return str(self._form(now) if self._form else now)

    def add_readers(self, rows: Sequence[Row]) -> dict[str, int]:
        """Insert rows of READER_COLUMNS under the numbers that SQLite would give them."""
        [[last]] = self._connection.execute("SELECT coalesce(max(id), 0) FROM subscribers")
        numbered = [(number, *row) for number, row in enumerate(rows, last + 1)]
        self.add("subscribers", ("id", *READER_COLUMNS), numbered)
        return {row[3]: row[0] for row in numbered}

    def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows that cannot be there yet: nobody else writes meanwhile."""
        places = ", ".join("?" * len(columns))
        # The names are this program's own.
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - as said above
        self._connection.executemany(statement, rows)

    def change_readers(self, rows: Sequence[Row]) -> int:
        """Change readers who stand as they did when they were looked up; return how many."""
        return self._connection.executemany(_CHANGE_READER, rows).rowcount

    def change_subscriptions(self, rows: Sequence[Row]) -> int:
        """Change subscriptions that are not ended; return how many."""
        return self._connection.executemany(_CHANGE_SUBSCRIPTION, rows).rowcount

    def note_pace_changes(self, rows: Sequence[Row]) -> None:
        """Note who gets a newsletter at another frequency now; whoever came back owes nothing."""
        back = [(reader, slug, now) for reader, slug, _, now, _ in rows]
        self._connection.executemany(_FORGET_PACE, back)
        gone = [(reader, slug, former, at) for reader, slug, former, _, at in rows]
        self._connection.executemany(_NOTE_PACE, gone)
