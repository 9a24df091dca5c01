"""The web part notices that neither beat nor worker run, and says so by itself."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest

from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.catcher import CatcherStore
from alerts.operations.alarms.beats import WORKER, beats
from alerts.operations.alarms.books import open_alarms
from alerts.runtime import Runtime
from alerts.tokens import Tokens
from alerts.web.watchman import watchman
from workers.heart import Heart

_PATIENCE = 60.0


@pytest.fixture
def runtime(database: Database, clock: FixedClock, tmp_path: Path) -> Runtime:
    settings = Settings(
        data_dir=tmp_path,
        database_url=database.url.render_as_string(hide_password=False),
        secret_key=("k" * 40,),
        alarm_to=("ops@example.org",),
    )
    return Runtime(settings, clock, database, Tokens(settings.secret_key))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + _PATIENCE
    while not condition():
        assert monotonic() < deadline, "it did not happen in time"
        sleep(0.05)


def test_it_rings_when_nobody_else_is_there(
    runtime: Runtime, clock: FixedClock, tmp_path: Path
) -> None:
    store = CatcherStore(tmp_path)

    def opened() -> list[str]:
        with runtime.database.read() as session:
            return [alarm.kind for alarm in open_alarms(session)]

    with watchman(runtime, redis_url="", every=0.05):
        sleep(0.5)
        # It gives everybody their time first.
        assert opened() == []
        clock.advance(timedelta(minutes=4))
        wait_for(lambda: len(opened()) == 2)
        assert sorted(opened()) == ["no-beat", "no-worker"]
        sleep(0.5)
        # A worker would have told by then, were there one.
        assert store.count() == 0
        clock.advance(timedelta(minutes=3))
        wait_for(lambda: store.count() == 2)
    told = {mail.subject for mail in store.newest(limit=9)}
    assert told == {"Alarm: No worker runs", "Alarm: The beat does not run"}
    store.close()


def test_a_key_that_it_may_not_read_keeps_nobody_from_being_told(
    runtime: Runtime, clock: FixedClock, tmp_path: Path
) -> None:
    missing = {"dkim_key_file": (tmp_path / "none.pem",), "dkim_selector": ("x",)}
    settings = runtime.settings.model_copy(update={**missing, "dkim_domain": "localhost"})
    store = CatcherStore(tmp_path)
    blind = Runtime(settings, clock, runtime.database, runtime.tokens)

    def told() -> bool:
        # However late it begins to watch, and however long each look takes.
        clock.advance(timedelta(minutes=1))
        return store.count() >= 1

    with watchman(blind, redis_url="", every=0.05):
        wait_for(told)
    store.close()


def test_a_part_shows_that_it_lives(runtime: Runtime) -> None:
    heart = Heart(runtime.settings, WORKER)
    heart.start()

    def seen() -> bool:
        with runtime.database.read() as session:
            return WORKER in beats(session)

    wait_for(seen)
    heart.stop()


def test_a_database_that_is_away_stops_no_heart(tmp_path: Path, migrated_sqlite: Path) -> None:
    place = tmp_path / "away" / "alerts.db"
    settings = Settings(
        data_dir=tmp_path, database_url=f"sqlite:///{place}", secret_key=("k" * 40,)
    )
    heart = Heart(settings, WORKER, every_seconds=0.05)
    heart.start()
    # It has tried in vain some times by now; then the database comes back.
    sleep(0.5)
    back = tmp_path / "back"
    back.mkdir()
    shutil.copy(migrated_sqlite, back / place.name)
    back.rename(place.parent)
    database = Database(settings.database_url)

    def beats_again() -> bool:
        with database.read() as session:
            return WORKER in beats(session)

    wait_for(beats_again)
    heart.stop()
    database.dispose()
