"""Large tables are filled without their indexes, which are there again afterwards."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from alerts import migrations
from alerts.articles.models import Article
from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.errors import Invalid, Refused
from alerts.holding import hold_of
from alerts.operations.backup.form import ColumnForm, read
from alerts.operations.backup.reading import BackupFile
from alerts.subscribers.models import Subscriber, Subscription
from tests.data.operations.backups import (
    Rows,
    everything,
    filled,
    quiet,
    restored,
    summed_up,
)

_POSTGRESQL = (
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()",
)
_SQLITE = ("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'",)
SUBSCRIBERS = "tables/subscribers.jsonl"


def schema(database: Database) -> set[tuple[str, ...]]:
    """Return every constraint and index, as the database itself describes it."""
    asked = _SQLITE if database.is_sqlite else _POSTGRESQL
    with database.engine.connect() as connection:
        return {tuple(row) for query in asked for row in connection.execute(text(query))}


def test_indexes_and_constraints_are_there_again(
    database: Database,
    elsewhere: Database,
    saved: Callable[[], Path],
    settings: Settings,
    clock: FixedClock,
    tmp_path: Path,
) -> None:
    filled(database, clock, tmp_path)
    before = everything(database)
    migrations.upgrade(elsewhere)
    as_made = schema(elsewhere)
    restored(elsewhere, saved(), settings, clock, large=1)
    assert everything(elsewhere) == before
    assert schema(elsewhere) == as_made
    with elsewhere.read() as session:
        [there, *_] = session.scalars(select(Subscriber)).all()
    twice = insert(Subscriber).values(
        public_id="x",
        email=there.email,
        email_key=there.email_key,
        state="confirmed",
        created_at=clock.now(),
    )
    of_nobody = update(Subscription).values(subscriber_id=10**9)
    for statement in (twice, of_nobody):
        with pytest.raises(IntegrityError), elsewhere.transaction() as session:
            session.execute(statement)


@pytest.mark.parametrize("large", [1, 10**9])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.replace(b'"confirmed"', b'"cancelled"', 1), "does not go in"),
        (lambda c: c.replace(b"[1,", b"[[],", 1), "row 1 of subscribers: id is not int but list"),
        (lambda c: c.replace(b"[2,", b"2,", 1), "row 2 of subscribers"),
        (lambda c: c.replace(b"[2,", b"[2,1,", 1), "row 2 of subscribers: .* values are needed"),
    ],
)
def test_a_bad_row_whose_sum_is_right_undoes_all(
    a_backup: Path,
    elsewhere: Database,
    settings: Settings,
    clock: FixedClock,
    change: Callable[[bytes], bytes],
    says: str,
    large: int,
) -> None:
    migrations.upgrade(elsewhere)
    before = everything(elsewhere), schema(elsewhere)
    path = summed_up(a_backup, SUBSCRIBERS, change)
    with pytest.raises((Invalid, Refused), match=says):
        restored(elsewhere, path, settings, clock, large=large)
    assert (everything(elsewhere), schema(elsewhere)) == before
    with elsewhere.read() as session:
        assert hold_of(session) is None


@pytest.mark.parametrize("large", [1, 10**9])
@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("subscribers", b"bo@example", b"ama@example"),
        ("subscriptions", b"[1,1,", b"[1,999,"),
    ],
)
def test_rows_that_may_not_stand_together_undo_all(
    a_backup: Path,
    elsewhere: Database,
    settings: Settings,
    clock: FixedClock,
    name: str,
    old: bytes,
    new: bytes,
    large: int,
) -> None:
    migrations.upgrade(elsewhere)
    before: tuple[Rows, object] = everything(elsewhere), schema(elsewhere)
    path = summed_up(a_backup, f"tables/{name}.jsonl", lambda c: c.replace(old, new))
    with pytest.raises(Refused, match=r"nothing was restored: .*(does not go in|go together)"):
        restored(elsewhere, path, settings, clock, large=large)
    assert (everything(elsewhere), schema(elsewhere)) == before


def test_a_thorough_check_looks_at_each_value(a_backup: Path) -> None:
    path = summed_up(a_backup, SUBSCRIBERS, lambda c: c.replace(b"[2,", b'["2",', 1))
    with BackupFile.open(path) as backup:
        backup.check(quiet)
        with pytest.raises(Invalid, match="row 2 of subscribers: id is not int but str"):
            backup.check(quiet, values=True)


def test_a_row_longer_than_what_is_read_at_a_time_comes_back(
    database: Database,
    elsewhere: Database,
    saved: Callable[[], Path],
    settings: Settings,
    clock: FixedClock,
    tmp_path: Path,
) -> None:
    filled(database, clock, tmp_path)
    long = "ferry, “naïve”\\\n\t" * 60_000
    with database.transaction() as session:
        session.execute(update(Article).values(body_text=long))
    restored(elsewhere, saved(), settings, clock)
    with elsewhere.read() as session:
        assert set(session.scalars(select(Article.body_text))) == {long}


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-30T08:00:00+00:00",
        "2026-11-30T08:00:00.000000+00:00",
        "2026-11-30T13:30:00+05:30",
        "2026-11-30T08:00:00Z",
    ],
)
def test_a_moment_is_the_same_however_it_is_written(
    a_backup: Path, elsewhere: Database, settings: Settings, clock: FixedClock, written: str
) -> None:
    def change(content: bytes) -> bytes:
        return content.replace(clock.now().isoformat().encode(), written.encode())

    restored(elsewhere, summed_up(a_backup, SUBSCRIBERS, change), settings, clock)
    with elsewhere.read() as session:
        found = set(session.scalars(select(Subscriber.created_at)))
    assert datetime(2026, 11, 30, 8, tzinfo=UTC) in found


@pytest.mark.parametrize(
    ("kind", "line", "says"),
    [
        ("moment", b'["2026-11-30T08:00:00"]', "has no zone"),
        ("moment", b'["now"]', "Invalid isoformat"),
        ("day", b'["yesterday"]', "Invalid isoformat"),
        ("bytes", b'["a?b"]', "is no base64"),
        ("int", b"[true]", "x is not int but bool"),
        ("int", b"[1.5]", "x is not int but float"),
        ("bool", b"[1]", "x is not bool but int"),
        ("text", b"[1]", "x is not text but int"),
        ("float", b'["1"]', "x is not float but str"),
        ("int", b"[1, 2]", "1 values are needed"),
        ("int", b"{}", "no array"),
        ("int", b"", "no array"),
        ("int", b"[1],[2]", "no array"),
    ],
)
def test_what_is_no_value_of_its_kind_is_refused(kind: str, line: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read([ColumnForm("x", kind)], [line])
