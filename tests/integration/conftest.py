"""What many tests begin with: a house that sends, a site with people at its desk, settings."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.articles.fetching.fetcher import Fetcher
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.staff.permissions import Role
from tests.data.delivery.house import House
from tests.data.web.running import RunningSite, running_site
from tests.desk_world import Browser, at_the_desk


@pytest.fixture
def house(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    return House(database, clock, tmp_path)


@pytest.fixture
def site(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(database, clock, tmp_path) as site:
        yield site


@pytest.fixture
def editor(site: RunningSite) -> Iterator[Browser]:
    with at_the_desk(site, Role.EDITOR) as opened:
        yield opened


@pytest.fixture
def ops(site: RunningSite) -> Iterator[Browser]:
    with at_the_desk(site, Role.OPS) as opened:
        yield opened


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    """Return a fetcher that may ask this machine."""
    fetcher = Fetcher(contact="https://alerts.example.org", allowed_hosts=["127.0.0.1"])
    yield fetcher
    fetcher.close()


@pytest.fixture
def settings_there(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have the settings lead to the test's database, and long lines stay whole."""
    monkeypatch.setenv("ALERTS_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("ALERTS_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "300")


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no proxy of this machine between us and a server on it."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
