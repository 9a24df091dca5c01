"""Databases to save and to restore onto, and a backup of a small system."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.operations.backup.writing import write_backup
from tests.data.delivery.house import House
from tests.data.operations.backups import KEY, quiet


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Return a second database, without a table: once SQLite, once PostgreSQL."""
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("empty_postgres")
    database = Database(url)
    yield database
    database.dispose()


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Database]:
    """Return a second SQLite database, where the kind makes no difference."""
    database = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    yield database
    database.dispose()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings whose key lies in the data folder."""
    folder = tmp_path / "var"
    folder.mkdir()
    (folder / "secret-key").write_text(KEY)
    return Settings(data_dir=folder, secret_key=(KEY,))


@pytest.fixture
def saved(
    database: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> Callable[[], Path]:
    """Return what backs the database up."""

    def save() -> Path:
        path = tmp_path / "backup.zip"
        write_backup(database, path, settings=settings, clock=clock, progress=quiet)
        return path

    return save


@pytest.fixture
def of_sqlite(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Database]:
    """Return an empty SQLite database with the schema."""
    shutil.copy(migrated_sqlite, tmp_path / "original.db")
    database = Database(f"sqlite:///{tmp_path / 'original.db'}")
    yield database
    database.dispose()


@pytest.fixture
def a_backup(of_sqlite: Database, settings: Settings, clock: FixedClock, tmp_path: Path) -> Path:
    """Return a backup of a small system."""
    house = House(of_sqlite, clock, tmp_path)
    house.send_to("ama", "bo")
    path = tmp_path / "backup.zip"
    write_backup(of_sqlite, path, settings=settings, clock=clock, progress=quiet)
    return path
