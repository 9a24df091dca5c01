"""A PostgreSQL database for test after test: emptied between them, copied anew where that is safer.

To copy the migrated database takes a sixth of a second, a good part of what a test takes that uses
it; to delete the few rows that a test wrote takes a tenth of that.
"""

from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy import make_url

# Rows that were deleted still take room, which planner and scans meet: a fresh copy now and then.
_TESTS_BEFORE_A_COPY = 60
_MOST_BYTES = 1_000_000

# What a migration or a test could change of the schema. Who changed it, and who analysed tables,
# leaves a copy behind that is no longer as the next test expects it.
_SHAPE = """
SELECT (SELECT sum(hashtextextended(concat(oid, relname, reloptions), 0)) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace),
       (SELECT sum(hashtextextended(concat(attrelid, attname, atttypid, attnotnull, atthasdef), 0))
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'),
       (SELECT sum(hashtextextended(concat(oid, conname), 0)) FROM pg_constraint),
       (SELECT sum(hashtextextended(concat(oid, tgname, tgenabled), 0)) FROM pg_trigger),
       (SELECT sum(hashtextextended(concat(oid, prosrc), 0)) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace),
       (SELECT count(*) FROM pg_statistic JOIN pg_class ON pg_class.oid = starelid
        WHERE relnamespace = 'public'::regnamespace)
"""
_VERSION = "SELECT version_num FROM alembic_version"
_LARGEST = """
SELECT max(pg_relation_size(oid)) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""
_END_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# As a replica no trigger and no foreign key is asked: the order of the tables does not matter.
_EMPTY = """
DO $$
DECLARE found regclass;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR found IN SELECT oid FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
      AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0
  LOOP EXECUTE format('DELETE FROM %s', found); END LOOP;
  FOR found IN SELECT seqrelid FROM pg_sequence WHERE pg_sequence_last_value(seqrelid) IS NOT NULL
  LOOP PERFORM setval(found, 1, false); END LOOP;
END $$
"""


@dataclass
class PostgresCopy:
    """A copy of a migrated database on a server, lent to one test at a time."""

    server: str
    migrated: str
    name: str = "copied"
    _shape: tuple[object, ...] | None = None
    _lent: int = 0

    @property
    def url(self) -> str:
        """Return the address of the copy, for SQLAlchemy."""
        return make_url(self.server).set(database=self.name).render_as_string(hide_password=False)

    def lend(self) -> str:
        """Return the address of a database that nobody wrote anything into."""
        if self._shape is None or self._lent >= _TESTS_BEFORE_A_COPY or not self._emptied():
            self._copy()
        self._lent += 1
        return self.url

    def _emptied(self) -> bool:
        """Take out what the last test wrote; False where a fresh copy is due instead."""
        try:
            with psycopg.connect(_plain(self.url), autocommit=True) as connection:
                connection.execute(_END_OTHERS)
                if self._seen(connection) != self._shape:
                    return False
                largest = connection.execute(_LARGEST).fetchone()
                if largest is None or largest[0] > _MOST_BYTES:
                    return False
                connection.execute(_EMPTY)
        except psycopg.Error:
            # A test may do anything to its database, even drop it.
            return False
        return True

    def _copy(self) -> None:
        copy, migrated = sql.Identifier(self.name), sql.Identifier(self.migrated)
        with psycopg.connect(_plain(self.server), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(copy))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(copy, migrated))
        with psycopg.connect(_plain(self.url), autocommit=True) as connection:
            self._shape = self._seen(connection)
        self._lent = 0

    @staticmethod
    def _seen(connection: psycopg.Connection) -> tuple[object, ...]:
        shape = connection.execute(_SHAPE).fetchone() or ()
        return (*shape, *connection.execute(_VERSION).fetchall())


def _plain(url: str) -> str:
    """Return an address as libpq knows it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
