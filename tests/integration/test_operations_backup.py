"""A backup of every table, restored onto either kind of database, and held until released."""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Enum,
    Integer,
    Table,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from alerts import migrations
from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Base, Database, UtcDateTime
from alerts.delivery.canaries import ensure_canaries
from alerts.delivery.models import Delivery
from alerts.errors import Invalid, Refused
from alerts.holding import Hold, hold_of
from alerts.newsletters.archive.index import INDEX, find_pieces
from alerts.newsletters.archive.models import ArchivedPiece
from alerts.newsletters.archive.words import terms_of
from alerts.newsletters.service import ensure_built_in
from alerts.operations.alarms.telling import Means
from alerts.operations.alarms.watching import Watch
from alerts.operations.backup.files import place_of
from alerts.operations.backup.form import LARGEST_FILE, Manifest
from alerts.operations.backup.reading import BackupFile
from alerts.operations.backup.restoring import Restored, restore
from alerts.operations.backup.writing import write_backup
from alerts.operations.models import Alarm, AlarmNote
from alerts.request_limits import RateCount
from alerts.subscribers.models import Subscriber
from tests.conftest import NOW
from tests.data.delivery.house import House
from tests.factories import add_readers

KEY = "a-key-for-tests-only-of-more-than-32-characters"
Rows = dict[str, list[tuple[Any, ...]]]


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


def quiet(_done: int, _total: int | None) -> None:
    """Show nothing."""


def filled(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    """Send an issue half way, and put a row into each table that has none yet."""
    house = House(database, clock, tmp_path)
    house.send_to("ama", "bo", "chi")
    house.transport.away = True
    house.work()
    with database.transaction() as session:
        for table in Base.metadata.sorted_tables:
            if table.name != Hold.__tablename__ and not count(session, table):
                session.execute(insert(table).values(made_up(session, table)))
    return house


def count(session: Session, table: Table) -> int:
    return session.execute(select(func.count()).select_from(table)).scalar_one()


def made_up(session: Session, table: Table) -> dict[str, Any]:
    values = {}
    for column in table.columns:
        [*parents] = column.foreign_keys
        if parents:
            there = select(parents[0].column).limit(1)
            values[column.name] = session.execute(there).scalar_one()
        elif column is not table.autoincrement_column:
            values[column.name] = a_value(column)
    return values


def a_value(column: Column[Any]) -> object:  # noqa: PLR0911 - a table, a line for each type
    match column.type:
        case Enum():
            return column.type.python_type(column.type.enums[0]) if column.type.enum_class else ""
        case UtcDateTime():
            return NOW + timedelta(microseconds=123)
        case Date():
            return date(2026, 11, 23)
        case Boolean():
            return True
        case Integer():
            return 1
        case _ if "JSON" in type(column.type).__name__:
            return {"naïve": ["“quoted”", 1, None, {"deep": True}]}
        case _ if column.type.python_type is bytes:
            return b"\x00\xff raw"
    return "Ünïcödé,\n\t\\N “x”"[: getattr(column.type, "length", None) or 99]


def everything(database: Database) -> Rows:
    found: Rows = {}
    with database.read() as session:
        for table in Base.metadata.sorted_tables:
            if table.name != Hold.__tablename__:
                rows = session.execute(select(table).order_by(*table.primary_key.columns))
                found[table.name] = [tuple(row) for row in rows]
    return found


def restored(database: Database, path: Path, settings: Settings, clock: FixedClock) -> Restored:
    with BackupFile.open(path) as backup:
        return restore(database, backup, settings=settings, clock=clock, progress=quiet)


def manifest_of(path: Path) -> Manifest:
    with BackupFile.open(path) as backup:
        return backup.manifest


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


def altered(path: Path, name: str, change: Callable[[bytes], bytes | None]) -> Path:
    """Write the same zip with one entry changed, or left out."""
    other = path.with_name("altered.zip")
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(other, "w") as after:
        for entry in before.namelist():
            content: bytes | None = before.read(entry)
            if entry == name and content is not None:
                content = change(content)
            if content is not None:
                after.writestr(entry, content)
    return other


def in_manifest(**changes: object) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps(json.loads(content) | changes).encode()


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("tables/subscribers.jsonl", lambda c: c.replace(b"ama", b"eve"), "not what was written"),
        ("tables/subscribers.jsonl", lambda c: c.replace(b"ama@", b"ama"), "another length"),
        ("tables/subscribers.jsonl", lambda c: c.replace(b"[1,", b"[x,"), "row 1 of subscribers"),
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


def test_the_key_comes_back_and_the_one_it_replaces_is_kept(
    a_backup: Path, copy: Database, clock: FixedClock, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "secret-key").write_text("made-at-the-first-start-" + KEY)
    settings = Settings(data_dir=folder, secret_key=("made-at-the-first-start-" + KEY,))
    done = restored(copy, a_backup, settings, clock)
    assert done.files == ("secret-key",)
    assert (folder / "secret-key").read_text() == KEY
    assert (folder / "secret-key").stat().st_mode & 0o777 == 0o600
    assert (folder / "secret-key.before-restore").read_text().startswith("made-at")
    assert done.notes == ()


def own_templates(folder: Path, name: str, text: str) -> None:
    """Write a template of a newsletter's own, and what no template needs beside it."""
    for file in ("subject.txt", "body.html", "parts/head.html"):
        path = folder / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text} {file}")
    (folder / name / ".draft.swp").write_text("an editor's own")


@pytest.mark.parametrize("elsewhere_by_setting", [False, True])
def test_templates_that_newsletters_bring_go_along_and_come_back(
    of_sqlite: Database,
    copy: Database,
    settings: Settings,
    clock: FixedClock,
    tmp_path: Path,
    elsewhere_by_setting: bool,
) -> None:
    own_templates(settings.own_templates, "africa", "“ours”")
    (settings.data_dir / "topics.toml").write_text("[topics]\n")
    path = tmp_path / "backup.zip"
    manifest = write_backup(of_sqlite, path, settings=settings, clock=clock, progress=quiet)
    names = [part.path.removeprefix("files/") for part in manifest.files]
    texts = [f"templates/email/africa/{name}" for name in ("body.html", "parts/head.html")]
    assert names == ["secret-key", "topics.toml", *texts, "templates/email/africa/subject.txt"]
    to = Settings(
        data_dir=tmp_path / "new",
        secret_key=(KEY,),
        templates_dir=tmp_path / "there" if elsewhere_by_setting else None,
    )
    own_templates(to.own_templates, "other", "stays")
    own_templates(to.own_templates, "africa", "younger")
    done = restored(copy, path, to, clock)
    assert set(done.files) == set(names) - {"secret-key"}
    folder = to.own_templates / "africa"
    assert (folder / "parts" / "head.html").read_text() == "“ours” parts/head.html"
    assert (folder / "body.html.before-restore").read_text() == "younger body.html"
    assert (to.own_templates / "other" / "body.html").read_text() == "stays body.html"
    again = tmp_path / "again.zip"
    other = write_backup(copy, again, settings=to, clock=clock, progress=quiet)
    assert not [part.path for part in other.files if "before-restore" in part.path]


def test_a_file_that_cannot_be_put_there_leaves_all_as_it_was(
    of_sqlite: Database, copy: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    own_templates(settings.own_templates, "africa", "ours")
    (settings.data_dir / "topics.toml").write_text("[topics]\n")
    path = tmp_path / "backup.zip"
    write_backup(of_sqlite, path, settings=settings, clock=clock, progress=quiet)
    to = Settings(data_dir=tmp_path / "new", secret_key=(KEY,), templates_dir=tmp_path / "file")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(Refused, match=r"nothing was restored: .* cannot be written: Not a dir"):
        restored(copy, path, to, clock)
    assert not (to.data_dir / "topics.toml").exists()
    with copy.read() as session:
        assert hold_of(session) is None


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "templates/email/../../evil", "other"])
def test_a_file_goes_nowhere_but_where_it_belongs(settings: Settings, name: str) -> None:
    assert place_of(name, settings) is None


def test_what_is_too_large_for_a_backup_is_said_and_not_left_out(
    of_sqlite: Database, settings: Settings, clock: FixedClock, tmp_path: Path
) -> None:
    own_templates(settings.own_templates, "africa", "ours")
    (settings.own_templates / "africa" / "photo.tiff").write_bytes(bytes(LARGEST_FILE + 1))
    path = tmp_path / "backup.zip"
    with pytest.raises(Refused, match=r"photo\.tiff has more than 16 MiB"):
        write_backup(of_sqlite, path, settings=settings, clock=clock, progress=quiet)
    assert not path.exists()


def test_a_key_of_the_settings_counts_more_and_is_spoken_of(
    a_backup: Path, copy: Database, clock: FixedClock, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "new", secret_key=("from-the-environment-" + KEY,))
    done = restored(copy, a_backup, settings, clock)
    assert done.files == ()
    assert "ALERTS_SECRET_KEY is not the one" in done.notes[0]


def test_an_empty_database_of_another_schema_is_set_to_the_backup_s_first(
    a_backup: Path, database: Database, of_sqlite: Database, settings: Settings, clock: FixedClock
) -> None:
    assert migrations.known_revisions()[0] == migrations.HEAD
    migrations.downgrade(database, "0007")
    restored(database, a_backup, settings, clock)
    assert migrations.schema_revision(database) == migrations.HEAD
    assert everything(database) == everything(of_sqlite)
