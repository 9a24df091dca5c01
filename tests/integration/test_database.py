"""The pool of connections: a server that ends and comes back is noticed before it is asked.

A database that is a file is its owner's alone.
"""

import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from alerts.database import Database


@pytest.fixture
def postgres(empty_postgres: str) -> Iterator[Database]:
    database = Database(empty_postgres)
    yield database
    database.dispose()


def hold_open(database: Database, count: int) -> list[int]:
    """Fill the pool with so many connections; return the servers' process numbers."""
    with ExitStack() as stack:
        sessions = [stack.enter_context(database.read()) for _ in range(count)]
        return [each.scalars(text("SELECT pg_backend_pid()")).one() for each in sessions]


def test_a_connection_is_used_again(postgres: Database) -> None:
    assert set(hold_open(postgres, 3)) == set(hold_open(postgres, 3))


def test_connections_that_the_server_closed_are_replaced(
    postgres: Database, empty_postgres: str
) -> None:
    before = hold_open(postgres, 3)
    other = Database(empty_postgres)
    with other.transaction() as session:
        ended = session.scalars(
            text("SELECT pg_terminate_backend(pid, 5000) FROM unnest(:pids) AS pid"),
            {"pids": before},
        ).all()
    other.dispose()
    assert ended == [True, True, True]
    assert not set(before) & set(hold_open(postgres, 3))


def test_a_connection_that_was_closed_here_is_replaced(postgres: Database) -> None:
    [before] = hold_open(postgres, 1)
    with postgres.engine.connect() as connection:
        driver = connection.connection.driver_connection
    assert driver is not None
    driver.close()
    assert hold_open(postgres, 1) != [before]


def test_a_new_file_is_its_owners_alone_whoever_may_look_into_its_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    database = Database(f"sqlite:///{tmp_path / 'alerts.db'}")
    with database.transaction() as session:
        session.execute(text("CREATE TABLE t (x INTEGER)"))
        assert {path.name for path in tmp_path.iterdir()} >= {"alerts.db", "alerts.db-wal"}
        for path in tmp_path.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    database.dispose()
