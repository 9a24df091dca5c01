"""A backup of every table, restored onto either kind of database, and held until released."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from sqlalchemy import delete, inspect, select

from alerts import migrations
from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.errors import Refused
from alerts.holding import hold_of
from alerts.newsletters.archive.index import INDEX, find_pieces
from alerts.newsletters.archive.models import ArchivedPiece
from alerts.newsletters.archive.words import terms_of
from alerts.operations.backup.writing import write_backup
from alerts.subscribers.models import Subscriber
from tests.conftest import NOW
from tests.data.delivery.house import House
from tests.data.operations.backups import everything, filled, manifest_of, quiet, restored
from tests.factories import add_readers


def test_every_table_comes_back_on_either_database(
    database: Database,
    elsewhere: Database,
    saved: Callable[[], Path],
    settings: Settings,
    clock: FixedClock,
    tmp_path: Path,
) -> None:
    filled(database, clock, tmp_path)
    before = everything(database)
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    path = saved()
    done = restored(elsewhere, path, settings, clock)
    assert everything(elsewhere) == before
    assert done.rows == sum(map(len, before.values()))
    with database.engine.connect() as connection:
        there = set(inspect(connection).get_table_names()) - {"alembic_version"}
    # The index of the search is made anew: each database has its own kind.
    kept = {name for name in there if not name.startswith(INDEX)}
    assert {part.table for part in manifest_of(path).tables} == kept
    with elsewhere.read() as session:
        hold = hold_of(session)
        assert hold is not None
        assert (hold.since, hold.backup_of) == (clock.now(), clock.now())


def test_what_is_out_is_found_by_its_words_again(
    database: Database,
    elsewhere: Database,
    saved: Callable[[], Path],
    settings: Settings,
    clock: FixedClock,
    tmp_path: Path,
) -> None:
    filled(database, clock, tmp_path)
    with database.read() as session:
        pieces = {piece.id: piece.title for piece in session.scalars(select(ArchivedPiece))}
    number, title = max(pieces.items())
    restored(elsewhere, saved(), settings, clock)
    for each in (database, elsewhere):
        with each.read() as session:
            assert number in find_pieces(session, terms_of(title), before=None, limit=10)


def test_new_rows_are_numbered_after_all_that_ever_were(
    database: Database,
    elsewhere: Database,
    saved: Callable[[], Path],
    settings: Settings,
    clock: FixedClock,
    tmp_path: Path,
) -> None:
    House(database, clock, tmp_path)
    with database.transaction() as session:
        last = max(add_readers(session, ["ama", "bo"], now=NOW))
        if not database.is_sqlite:
            session.execute(delete(Subscriber).where(Subscriber.id == last))
    restored(elsewhere, saved(), settings, clock)
    with elsewhere.transaction() as session:
        [new] = add_readers(session, ["chi"], now=NOW)
    # SQLite numbers after the highest row that is there.
    assert new == (last if elsewhere.is_sqlite and not database.is_sqlite else last + 1)


def test_one_moment_is_saved_while_others_write(
    database: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    house = House(database, clock, tmp_path)
    with database.transaction() as session:
        add_readers(session, [f"reader-{n}" for n in range(30)], now=NOW)
    late = iter(range(1_000))

    def write_meanwhile(_done: int, _total: int | None) -> None:
        # Nobody waits for the backup, and what is written during it is not in it.
        with house.database.transaction() as session:
            add_readers(session, [f"late-{next(late)}"], now=NOW)

    path = tmp_path / "backup.zip"
    manifest = write_backup(
        database, path, settings=settings, clock=clock, progress=write_meanwhile
    )
    rows = {part.table: part.rows for part in manifest.tables}
    assert (rows["subscribers"], rows["subscriptions"]) == (30, 30)
    assert next(late) > 1


def test_the_file_is_for_its_owner_and_replaces_nothing(
    database: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    path = tmp_path / "backup.zip"
    for _ in range(2):
        with pytest.raises(Refused, match="there already") if path.exists() else nullcontext():
            write_backup(database, path, settings=settings, clock=clock, progress=quiet)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir() if "backup" in each.name] == ["backup.zip"]
    away = tmp_path / "nowhere" / "backup.zip"
    with pytest.raises(Refused, match="cannot be written: No such file"):
        write_backup(database, away, settings=settings, clock=clock, progress=quiet)


def test_an_empty_database_of_another_schema_is_set_to_the_backup_s_first(
    a_backup: Path, database: Database, of_sqlite: Database, settings: Settings, clock: FixedClock
) -> None:
    assert migrations.known_revisions()[0] == migrations.HEAD
    migrations.downgrade(database, "0007")
    restored(database, a_backup, settings, clock)
    assert migrations.schema_revision(database) == migrations.HEAD
    assert everything(database) == everything(of_sqlite)
