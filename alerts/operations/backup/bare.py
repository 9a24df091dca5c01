"""Large tables laid bare while they are filled: their indexes are made in one go afterwards.

To put each row into five indexes at once takes several times as long, and more with every million
rows. All of it is one transaction: whatever fails, the indexes are there as they were.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, text

# What PostgreSQL may sort in memory meanwhile.
_ROOM = "256MB"

# Constraints that are checked by looking elsewhere, and those with an index of their own. The
# primary key stays: rows come in its order, and others refer to it.
_CONSTRAINTS = """
    SELECT c.conrelid::regclass::text AS of, quote_ident(c.conname) AS name,
        pg_get_constraintdef(c.oid) AS definition
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
    WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ANY(:names)
        AND (c.contype = 'f' OR (c.contype = 'u' AND NOT EXISTS (
            SELECT 1 FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = c.conindid)))
    ORDER BY c.contype DESC, c.oid
"""
_INDEXES = """
    SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
    WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ANY(:names)
        AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)
    ORDER BY i.indexrelid
"""
_OF_SQLITE = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"


@contextmanager
def laid_bare(
    connection: Connection, names: Sequence[str], *, progress: Callable[[int, int | None], None]
) -> Iterator[None]:
    """Take the indexes of tables away, and make them again at the end, within the transaction.

    On PostgreSQL nobody reads these tables until it is over. `progress` is told of each index.
    """
    if connection.dialect.name == "postgresql":
        again = _bare_on_postgresql(connection, names)
    else:
        again = _bare_on_sqlite(connection, names)
    yield
    for number, statement in enumerate(again):
        progress(number, len(again))
        connection.exec_driver_sql(statement)
    progress(len(again), len(again))


def _bare_on_postgresql(connection: Connection, names: Sequence[str]) -> list[str]:
    connection.execute(text(f"SET LOCAL maintenance_work_mem = '{_ROOM}'"))
    asked = {"names": list(names)}
    constraints = connection.execute(text(_CONSTRAINTS), asked).all()
    indexes = connection.execute(text(_INDEXES), asked).all()
    for of, name, _ in reversed(constraints):
        connection.exec_driver_sql(f"ALTER TABLE {of} DROP CONSTRAINT {name}")
    for name, _ in indexes:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    made = [definition for _, definition in indexes]
    # References come last: they are looked up by what was made before.
    added = [
        f"ALTER TABLE {of} ADD CONSTRAINT {name} {definition}"
        for of, name, definition in constraints
    ]
    return [*made, *added]


def _bare_on_sqlite(connection: Connection, names: Sequence[str]) -> list[str]:
    quote = connection.dialect.identifier_preparer.quote
    found = connection.exec_driver_sql(_OF_SQLITE).all()
    ours = [(name, sql) for name, table, sql in found if table in names]
    for name, _ in ours:
        connection.exec_driver_sql(f"DROP INDEX {quote(name)}")
    return [sql for _, sql in ours]
