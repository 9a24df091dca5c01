"""Redis and the database: there, of a version that serves, and set to keep what they are given."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import redis
from redis.exceptions import NoPermissionError, RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from alerts.clock import Clock
from alerts.database import Database
from alerts.migrations import HEAD, schema_revision
from alerts.operations.doctor.findings import Check, Finding, shown
from alerts.operations.doctor.moments import Reading

_SECONDS = 5.0
_MEBIBYTE = 1024 * 1024
# The oldest that the tests run on; SQLite's RETURNING came with 3.35.
_OLDEST_REDIS, _OLDEST_SQLITE = (6, 2), (3, 35)
# The oldest that its makers still mend.
_OLDEST_POSTGRESQL = (15,)
_FULL, _NEARLY_FULL = 0.95, 0.8


@dataclass(frozen=True, slots=True)
class RedisSeen:
    """What a Redis server tells of itself; memory in bytes, 0 where there is no limit."""

    version: str
    appends: bool
    eviction: str
    used: int
    limit: int
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class DatabaseSeen:
    """What a database tells of itself; `revision` is None without tables of ours."""

    name: str
    version: str
    encoding: str
    revision: str | None
    reading: Reading | None = None


class NotThere(Exception):
    """The server could not be asked; the text says why, and holds no secret."""


class NotTold(Exception):
    """The server answers, and tells nothing about itself to us."""


def look_at_redis(url: str, clock: Clock) -> RedisSeen:
    """Ask a Redis server about itself; raises NotThere, or NotTold where it may not be asked."""
    try:
        client = redis.Redis.from_url(
            url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, decode_responses=True
        )
        with client:
            told = client.info()
            begun = clock.now()
            seconds, micros = client.time()
            ours = begun + (clock.now() - begun) / 2
    except NoPermissionError as error:
        raise NotTold(shown(error)) from error
    except (RedisError, OSError, ValueError) as error:
        raise NotThere(shown(error)) from error
    theirs = datetime.fromtimestamp(int(seconds) + int(micros) / 1_000_000, tz=ours.tzinfo)
    return RedisSeen(
        version=str(told.get("redis_version", "")),
        appends=str(told.get("aof_enabled", "0")) == "1",
        eviction=str(told.get("maxmemory_policy", "")),
        used=int(told.get("used_memory", 0)),
        limit=int(told.get("maxmemory", 0)),
        reading=Reading("Redis", theirs, ours),
    )


def check_redis(seen: RedisSeen) -> list[Finding]:
    """Judge version, persistence, eviction and memory."""
    return [_redis_version(seen), _persistence(seen), _eviction(seen), _memory(seen)]


def redis_away(reason: str) -> Finding:
    """Return the finding that Redis does not answer."""
    mend = "Start it, and see whether ALERTS_REDIS_URL leads to it, with its password."
    return Finding.error(Check.REDIS, f"Redis does not answer: {reason}", mend)


def redis_silent(reason: str) -> Finding:
    """Return the finding that Redis is there and its state is not to be had."""
    mend = "Allow the account INFO and TIME (ACL SETUSER … +info +time), or look there yourself."
    return Finding.unknown(Check.REDIS, f"Redis answers, and tells nothing: {reason}", mend)


def _redis_version(seen: RedisSeen) -> Finding:
    if _numbers(seen.version) < _OLDEST_REDIS:
        what = f"Redis {shown(seen.version)} is older than any this program is tried on"
        return Finding.warning(Check.REDIS, what, "Bring it to 6.2 or later.")
    return Finding.ok(Check.REDIS, f"Redis {shown(seen.version)} answers")


def _persistence(seen: RedisSeen) -> Finding:
    check = Check.REDIS_PERSISTENCE
    if seen.appends:
        return Finding.ok(check, "Redis writes down what it is given (appendonly yes)")
    what = (
        "Redis forgets its queue when it stops (appendonly no); the database knows it all, but"
        " mail waits until the sweeper has looked"
    )
    return Finding.warning(check, what, "Set `appendonly yes` in redis.conf.")


def _eviction(seen: RedisSeen) -> Finding:
    check = Check.REDIS_EVICTION
    if seen.eviction == "noeviction":
        return Finding.ok(check, "Redis drops nothing when its memory is full (noeviction)")
    what = f"Redis drops tasks and limits when its memory is full ({shown(seen.eviction)})"
    return Finding.error(check, what, "Set `maxmemory-policy noeviction` in redis.conf.")


def _memory(seen: RedisSeen) -> Finding:
    check, used = Check.REDIS_MEMORY, f"{seen.used / _MEBIBYTE:.0f} MiB"
    if not seen.limit:
        return Finding.ok(check, f"Redis holds {used}, without a limit of its own")
    what = f"Redis holds {used} of {seen.limit / _MEBIBYTE:.0f} MiB"
    mend = "Raise maxmemory, or see who else keeps things there."
    if seen.used >= _FULL * seen.limit:
        return Finding.error(check, f"{what}; soon it refuses tasks", mend)
    if seen.used >= _NEARLY_FULL * seen.limit:
        return Finding.warning(check, what, mend)
    return Finding.ok(check, what)


def look_at_database(database: Database, clock: Clock) -> DatabaseSeen:
    """Ask a database about itself; makes no file where there is none. Raises NotThere."""
    try:
        return _sqlite(database) if database.is_sqlite else _postgresql(database, clock)
    except (SQLAlchemyError, OSError) as error:
        # SQLAlchemy's own words may quote a statement and its parameters.
        raise NotThere(shown(getattr(error, "orig", None) or type(error).__name__)) from error


def _sqlite(database: Database) -> DatabaseSeen:
    path = database.url.database
    if path and path != ":memory:" and not Path(path).exists():
        return DatabaseSeen("SQLite", "", "UTF-8", None)
    with database.read() as session:
        version = str(session.execute(text("SELECT sqlite_version()")).scalar_one())
        encoding = str(session.execute(text("PRAGMA encoding")).scalar_one())
    return DatabaseSeen("SQLite", version, encoding, schema_revision(database))


def _postgresql(database: Database, clock: Clock) -> DatabaseSeen:
    with database.read() as session:
        version = str(session.execute(text("SHOW server_version")).scalar_one())
        encoding = str(session.execute(text("SHOW server_encoding")).scalar_one())
        begun = clock.now()
        theirs = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        ours = begun + (clock.now() - begun) / 2
    revision = schema_revision(database)
    reading = Reading("the database", theirs, ours)
    return DatabaseSeen("PostgreSQL", version, encoding, revision, reading)


def check_database(seen: DatabaseSeen) -> list[Finding]:
    """Judge version, schema and encoding."""
    if not seen.version:
        what = "there is no database yet; the first command makes it"
        return [Finding.unknown(Check.DATABASE, what, "Run `alerts init`.")]
    return [_database_version(seen), _schema(seen.revision), _encoding(seen)]


def database_away(reason: str) -> Finding:
    """Return the finding that the database does not answer."""
    mend = "Start it, and see whether ALERTS_DATABASE_URL leads to it."
    return Finding.error(Check.DATABASE, f"the database does not answer: {reason}", mend)


def _database_version(seen: DatabaseSeen) -> Finding:
    check, name = Check.DATABASE, f"{seen.name} {shown(seen.version)}"
    oldest = _OLDEST_SQLITE if seen.name == "SQLite" else _OLDEST_POSTGRESQL
    if _numbers(seen.version) < oldest:
        needed = ".".join(str(number) for number in oldest)
        what = f"{name} is old; its makers mend it no longer"
        return Finding.warning(check, what, f"Bring it to {needed} or later.")
    return Finding.ok(check, f"{name} answers")


def _schema(revision: str | None) -> Finding:
    check = Check.SCHEMA
    if revision == HEAD:
        return Finding.ok(check, f"the schema is at {HEAD}, as this program needs it")
    if revision is None:
        what = "the database has no tables yet; the first command makes them"
        return Finding.note(check, what, "Run `alerts init`.")
    what = f"the schema is at {shown(revision)}, this program needs {HEAD}"
    mend = "Run `alerts init`; if the schema is the newer one, install the newer program."
    return Finding.error(check, what, mend)


def _encoding(seen: DatabaseSeen) -> Finding:
    check = Check.ENCODING
    if seen.encoding.upper().replace("-", "").startswith(("UTF8", "UTF16")):
        return Finding.ok(check, f"the database keeps text in {shown(seen.encoding)}")
    what = f"the database keeps text in {shown(seen.encoding)}, which lacks most letters"
    mend = "Make a new one with ENCODING 'UTF8' TEMPLATE template0, and restore a backup into it."
    return Finding.error(check, what, mend)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number[:9]) for number in re.findall(r"\d+", version)[:2])
