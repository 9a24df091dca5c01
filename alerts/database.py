"""Engine, transactions and the base of every table, for SQLite and PostgreSQL alike."""

import contextlib
import enum
import select
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from psycopg.errors import QueryCanceled
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Enum,
    Integer,
    MetaData,
    TypeDecorator,
    any_,
    create_engine,
    event,
    literal,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DisconnectionError, OperationalError
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from typing_extensions import override

from alerts.errors import Invalid

# Of SQLite's own machine, between two looks at the clock: some tenths of a millisecond.
_STEPS_BETWEEN_LOOKS = 10_000
# How long a SQLite writer waits for another before it gives up, in milliseconds.
_BUSY_TIMEOUT_MS = 30_000
# And whoever would empty its log, while others read.
_PATIENT_MS = 2_000


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, on databases that keep a zone and on those that do not.

    A naive datetime is refused: it would be a wall clock in nobody knows which zone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; SQLite gets it without the zone it cannot keep."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r} for a UTC column")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored moment as an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


# An absent document is SQL NULL, not the JSON word null.
JsonColumn = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
# SQLite numbers rows by itself only in a column declared INTEGER.
BigKey = BigInteger().with_variant(Integer(), "sqlite")


def state_column(states: type[enum.StrEnum]) -> Enum:
    """Return a column type that holds a StrEnum by value, with a CHECK constraint in the schema."""
    return Enum(
        states,
        native_enum=False,
        create_constraint=True,
        length=20,
        values_callable=lambda members: [member.value for member in members],
        name=states.__name__.lower(),
    )


class Base(DeclarativeBase):
    """The base of all tables; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def database_url(text: str) -> URL:
    """Parse a database URL, choosing this program's driver; raise Invalid for other databases."""
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise Invalid(
            "setting ALERTS_DATABASE_URL is wrong: no database URL; "
            "sqlite:////path/alerts.db or postgresql://host/name would be right"
        ) from error
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database in {None, "", ":memory:"}:
        raise Invalid(
            "setting ALERTS_DATABASE_URL is wrong: each part would have a database of its own in "
            "memory; name a file, as in sqlite:////path/alerts.db"
        )
    if backend == "sqlite":
        return url.set(drivername="sqlite+pysqlite")
    if backend in {"postgresql", "postgres"}:
        _check_options(url)
        return url.set(drivername="postgresql+psycopg")
    raise Invalid(
        f"setting ALERTS_DATABASE_URL is wrong: {backend} is not supported; "
        "use sqlite:////path/alerts.db or postgresql://host/name"
    )


def _check_options(url: URL) -> None:
    """Raise Invalid for a connection option that PostgreSQL's clients do not know."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import make_conninfo

    try:
        make_conninfo("", **dict.fromkeys(url.query, "1"))
    except ProgrammingError as error:
        said = " ".join(str(error).split())
        raise Invalid(f"setting ALERTS_DATABASE_URL is wrong: {said}") from error


def among(
    session: Session, column: InstrumentedAttribute[int], numbers: Sequence[int]
) -> ColumnElement[bool]:
    """Return the condition that a column holds one of these numbers, in the database's best form.

    PostgreSQL gets one array: a statement with a parameter a number costs more than its rows.
    """
    if session.get_bind().dialect.name == "postgresql":
        return column == any_(literal(list(numbers), ARRAY(BigInteger)))
    return column.in_(numbers)


def insert_into(session: Session, table: type["Base"]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT of the database's own dialect: one that has ON CONFLICT."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


@contextmanager
def by_index(session: Session) -> Iterator[None]:
    """Have PostgreSQL go to an issue's rows by their index, not through those of all years.

    It takes them for scattered over the table, where they lie side by side: to count a million of
    twelve took five times as long. And it believes that it meets one soon where none is left.
    """
    if session.get_bind().dialect.name != "postgresql":
        yield
        return
    session.execute(text("SET LOCAL enable_seqscan = off"))
    yield
    session.execute(text("SET LOCAL enable_seqscan = on"))


class TookTooLong(Exception):
    """The database was stopped in a read that was to take a moment only."""


class Database:
    """One engine, and the two ways to use it: a transaction that writes, a look that reads."""

    def __init__(self, url: str) -> None:
        self.url = database_url(url)
        self.engine = _engine(self.url)
        # Of the same connections; made once, since to make one takes as long as a small query.
        self._repeatable = self.engine.execution_options(isolation_level="REPEATABLE READ")
        self._reading = self.engine.execution_options(sqlite_begin="BEGIN")
        self._glancing = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite, where one writer at a time is the rule."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def transaction(self, *, snapshot: bool = False) -> Iterator[Session]:
        """Yield a session that commits at the end, or rolls back when an exception passes.

        With `snapshot` every statement sees the same moment (REPEATABLE READ), and the commit
        fails when another transaction changed the same rows; SQLite's writers always have that.
        """
        engine = self._repeatable if snapshot and not self.is_sqlite else self.engine
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session to read from; on SQLite it takes no writer's place."""
        with Session(self._reading, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def read_within(self, limit: timedelta) -> Iterator[Session]:
        """Yield a session to read from whose statements the database stops after a while.

        Raises TookTooLong then. The time is that of a statement on PostgreSQL, of all on SQLite.
        """
        timed = _timed_on_sqlite if self.is_sqlite else _timed_on_postgresql
        with self.read() as session:
            try:
                with timed(session, limit):
                    yield session
            except OperationalError as error:
                if _was_stopped(error):
                    raise TookTooLong from error
                raise

    def wipe_traces(self) -> None:
        """Take what was erased out of SQLite's files: its log still holds the pages as they were.

        As far as nobody reads there just now; else it goes with the next writes. PostgreSQL does
        so by itself, by VACUUM.
        """
        if not self.is_sqlite:
            return
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={_PATIENT_MS}")
            try:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                # The connection goes back to the pool, for others who wait longer.
                cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
                cursor.close()
        finally:
            connection.close()

    @contextmanager
    def glance(self) -> Iterator[Session]:
        """Yield a session to read a few rows from, for a page that many ask for.

        On PostgreSQL without a transaction around it, which would be two more ways to the server
        and back: each statement sees what is committed then, as it does in `read`.
        """
        if self.is_sqlite:
            with self.read() as session:
                yield session
            return
        with Session(self._glancing, expire_on_commit=False) as session:
            yield session

    def dispose(self) -> None:
        """Close all pooled connections; a forked child calls it before its first use."""
        self.engine.dispose()


@contextmanager
def _timed_on_postgresql(session: Session, limit: timedelta) -> Iterator[None]:
    milliseconds = max(1, round(limit.total_seconds() * 1000))
    session.execute(text(f"SET LOCAL statement_timeout = {milliseconds}"))
    yield


@contextmanager
def _timed_on_sqlite(session: Session, limit: timedelta) -> Iterator[None]:
    ends = time.monotonic() + limit.total_seconds()
    driver = cast("Any", session.connection().connection.driver_connection)
    driver.set_progress_handler(lambda: time.monotonic() > ends, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        # The connection goes back to the pool, for others who have all the time they want.
        driver.set_progress_handler(None, 0)


def _was_stopped(error: OperationalError) -> bool:
    return isinstance(error.orig, QueryCanceled) or str(error.orig) == "interrupted"


def _engine(url: URL) -> Engine:
    # Parameters are addresses, among others: an error's text, which is logged, goes without them.
    if url.get_backend_name() != "sqlite":
        # Else the driver gives bytes for text where the database has no encoding: no check would
        # get so far as to say so.
        engine = create_engine(
            url,
            pool_size=5,
            max_overflow=20,
            hide_parameters=True,
            connect_args={"client_encoding": "utf8"},
        )
        event.listen(engine, "checkout", _notice_hangup)
        return engine
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000}
    )
    event.listen(engine, "do_connect", _make_private)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _notice_hangup(
    connection: DBAPIConnection, _: ConnectionPoolEntry, __: PoolProxiedConnection
) -> None:
    """Have the pool open another connection where the server let go of this one.

    A server that ends says so on each of its connections, so that an idle one has something to
    read. To ask it every time instead is one more way there and back for each transaction, and
    took a tenth of what a page costs.
    """
    driver = cast("Any", connection)
    if not driver.closed:
        look = select.poll()
        look.register(driver.fileno(), select.POLLIN)
        if not look.poll(0):
            return
    raise DisconnectionError


def _make_private(
    _: Dialect, __: ConnectionPoolEntry, arguments: Sequence[Any], ___: Mapping[str, Any]
) -> None:
    """Make a new database its owner's alone, whoever may look into its folder.

    Readers' addresses lie in it. SQLite gives its write-ahead log the same mode.
    """
    # Where it cannot be made, SQLite says so.
    with contextlib.suppress(OSError):
        Path(arguments[0]).touch(mode=0o600, exist_ok=True)


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver's own transaction control is switched off: it opens a deferred transaction, and
    # a deferred reader that turns writer fails at once ("database is locked") instead of waiting.
    cast("Any", connection).isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    # What is deleted is overwritten: people are erased. Some builds do so by default.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    statement = connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE")
    connection.exec_driver_sql(statement)
