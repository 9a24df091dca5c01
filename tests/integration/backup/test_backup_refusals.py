"""What is not restored, and where: altered, cut off, or onto what is in use; nothing is touched."""

import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text, update

from alerts import migrations
from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.canaries import ensure_canaries
from alerts.delivery.models import Delivery
from alerts.errors import Invalid, Refused
from alerts.holding import hold_of
from alerts.newsletters.service import ensure_built_in
from alerts.operations.alarms.telling import Means
from alerts.operations.alarms.watching import Watch
from alerts.operations.backup.writing import write_backup
from alerts.operations.models import Alarm, AlarmNote
from alerts.request_limits import RateCount
from alerts.subscribers.models import Subscriber
from tests.conftest import NOW
from tests.data.delivery.house import House
from tests.data.operations.backups import (
    KEY,
    altered,
    count,
    everything,
    in_manifest,
    quiet,
    restored,
)
from tests.factories import add_readers


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("tables/subscribers.jsonl", lambda c: c.replace(b"ama", b"eve"), "not what was written"),
        ("tables/subscribers.jsonl", lambda c: c.replace(b"ama@", b"ama"), "another length"),
        ("tables/subscribers.jsonl", lambda c: c.replace(b"[1,", b"[x,"), "not what was written"),
        ("tables/subscribers.jsonl", lambda _: None, "does not agree about tables/subscribers"),
        ("files/secret-key", lambda c: c[::-1], "files/secret-key is not what was written"),
        ("manifest.json", lambda _: None, "no backup of this program"),
        ("manifest.json", lambda _: b"{}", "none of this program's"),
        ("manifest.json", in_manifest(format=2), "format 2, this program reads up to 1"),
        ("manifest.json", in_manifest(revision="9999"), "schema 9999, made by version"),
        ("manifest.json", in_manifest(parts=[{}]), "its manifest cannot be read"),
    ],
)
def test_what_was_altered_is_refused_and_nothing_is_touched(
    a_backup: Path,
    copy: Database,
    settings: Settings,
    clock: FixedClock,
    name: str,
    change: Callable[[bytes], bytes | None],
    says: str,
) -> None:
    with pytest.raises((Invalid, Refused), match=says):
        restored(copy, altered(a_backup, name, change), settings, clock)
    assert migrations.schema_revision(copy) is None


@pytest.mark.parametrize("part", [0.5, 0.95, 0.99])
def test_what_lost_its_head_is_refused(
    a_backup: Path, copy: Database, settings: Settings, clock: FixedClock, part: float
) -> None:
    content = a_backup.read_bytes()
    a_backup.write_bytes(content[int(len(content) * part) :])
    with pytest.raises(Invalid, match=r"no backup|cannot be read: Invalid argument"):
        restored(copy, a_backup, settings, clock)
    assert migrations.schema_revision(copy) is None


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_what_was_cut_off_is_refused(
    a_backup: Path, copy: Database, settings: Settings, clock: FixedClock, part: float
) -> None:
    content = a_backup.read_bytes()
    a_backup.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(Invalid, match="no backup, or was cut off"):
        restored(copy, a_backup, settings, clock)
    assert migrations.schema_revision(copy) is None


def test_a_damaged_byte_is_noticed(
    a_backup: Path, copy: Database, settings: Settings, clock: FixedClock
) -> None:
    content = bytearray(a_backup.read_bytes())
    with zipfile.ZipFile(a_backup) as archive:
        entry = archive.getinfo("tables/articles.jsonl")
    content[entry.header_offset + 200] ^= 0xFF
    a_backup.write_bytes(content)
    with pytest.raises(Invalid, match=r"damaged at tables/articles|altered"):
        restored(copy, a_backup, settings, clock)


def test_only_an_empty_database_is_filled(
    a_backup: Path,
    database: Database,
    settings: Settings,
    clock: FixedClock,
) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        add_readers(session, ["eve"], now=NOW)
    before = everything(database)
    with pytest.raises(Refused, match="is not empty: there is something in subscribers"):
        restored(database, a_backup, settings, clock)
    assert everything(database) == before


def test_what_init_makes_counts_as_empty(
    a_backup: Path,
    database: Database,
    of_sqlite: Database,
    settings: Settings,
    clock: FixedClock,
) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
    restored(database, a_backup, settings, clock)
    assert everything(database) == everything(of_sqlite)


def started(database: Database, settings: Settings, clock: FixedClock) -> None:
    """Let the parts of a fresh installation run until alarms are in the book, and visitors came."""
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        ensure_canaries(session, settings.canary, clock=clock)
        session.execute(
            insert(RateCount).values(key="k", period=1, count=1, expires_at=clock.now())
        )
    watch = Watch(
        Means(
            database=database,
            settings=settings,
            clock=clock,
            transport=lambda: pytest.fail("nothing is sent"),
            renderer=lambda: pytest.fail("nothing is rendered"),
            run=lambda _: pytest.fail("nothing is sent"),
        )
    )
    clock.advance(timedelta(minutes=4))
    settled = watch.check()
    assert settled is not None
    assert settled.opened


def test_a_fresh_installation_that_ran_counts_as_empty(
    a_backup: Path,
    database: Database,
    of_sqlite: Database,
    settings: Settings,
    clock: FixedClock,
) -> None:
    asked = settings.model_copy(
        update={"alarm_to": ("ops@example.org",), "canary": "canary@example.org"}
    )
    started(database, asked, clock)
    with database.read() as session:
        for model in (Alarm, AlarmNote, Subscriber, RateCount):
            assert count(session, model.__table__), model  # type: ignore[arg-type]  # a Table
    restored(database, a_backup, asked, clock)
    assert everything(database) == everything(of_sqlite)


def test_one_reader_beside_the_canaries_is_enough_to_refuse(
    a_backup: Path, database: Database, settings: Settings, clock: FixedClock
) -> None:
    asked = settings.model_copy(update={"canary": "canary@example.org"})
    started(database, asked, clock)
    with database.transaction() as session:
        add_readers(session, ["eve"], now=NOW)
    before = everything(database)
    with pytest.raises(Refused, match="there is something in consent_records, subscribers"):
        restored(database, a_backup, asked, clock)
    assert everything(database) == before


def test_tables_of_another_program_are_left_alone(
    a_backup: Path, copy: Database, settings: Settings, clock: FixedClock
) -> None:
    with copy.engine.begin() as connection:
        connection.execute(text("CREATE TABLE accounts (id INTEGER)"))
    with pytest.raises(Refused, match="tables of another program"):
        restored(copy, a_backup, settings, clock)


def test_rows_that_do_not_go_in_leave_nothing_behind(
    of_sqlite: Database,
    empty_postgres: str,
    settings: Settings,
    clock: FixedClock,
    tmp_path: Path,
) -> None:
    house = House(of_sqlite, clock, tmp_path)
    house.send_to("ama")
    with of_sqlite.transaction() as session:
        session.execute(update(Delivery).values(last_answer="nul \0 byte"))
    path = tmp_path / "backup.zip"
    write_backup(of_sqlite, path, settings=settings, clock=clock, progress=quiet)
    (settings.data_dir / "secret-key").write_text("another-" + KEY)
    other = settings.model_copy(update={"secret_key": ("another-" + KEY,)})
    database = Database(empty_postgres)
    with pytest.raises(Refused, match="nothing was restored: a row of deliveries does not go in"):
        restored(database, path, other, clock)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 0
        assert hold_of(session) is None
    assert (settings.data_dir / "secret-key").read_text() == "another-" + KEY
    database.dispose()
