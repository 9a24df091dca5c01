"""Redis and both databases, asked about themselves."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from alerts.clock import FixedClock, SystemClock
from alerts.database import Database
from alerts.migrations import HEAD, downgrade
from alerts.operations.doctor.findings import Check, Finding, Level
from alerts.operations.doctor.moments import check_clock
from alerts.operations.doctor.stores import (
    DatabaseSeen,
    NotThere,
    NotTold,
    RedisSeen,
    check_database,
    check_redis,
    database_away,
    look_at_database,
    look_at_redis,
    redis_away,
    redis_silent,
)
from tests.functional.installation import free_port

CLOCK = SystemClock()


def levels(findings: list[Finding]) -> dict[Check, Level]:
    return {finding.check: finding.level for finding in findings}


@pytest.fixture
def spoiled(redis_url: str) -> Iterator["redis.Redis"]:
    """Yield a client with which a test may set what it likes; all is put back."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        names = ("appendonly", "maxmemory-policy", "maxmemory")
        before = {name: client.config_get(name)[name] for name in names}
        yield client
        for name, value in before.items():
            client.config_set(name, value)


def test_the_programs_own_redis_is_as_it_should_be(redis_url: str) -> None:
    findings = check_redis(look_at_redis(redis_url, CLOCK))
    assert levels(findings) == {
        Check.REDIS: Level.OK,
        Check.REDIS_PERSISTENCE: Level.OK,
        Check.REDIS_EVICTION: Level.OK,
        Check.REDIS_MEMORY: Level.OK,
    }


def test_a_redis_that_forgets_and_drops(redis_url: str, spoiled: "redis.Redis") -> None:
    spoiled.config_set("appendonly", "no")
    spoiled.config_set("maxmemory-policy", "allkeys-lru")
    found = levels(check_redis(look_at_redis(redis_url, CLOCK)))
    assert found[Check.REDIS_PERSISTENCE] is Level.WARNING
    assert found[Check.REDIS_EVICTION] is Level.ERROR


def test_a_redis_that_is_nearly_full(redis_url: str, spoiled: "redis.Redis") -> None:
    spoiled.config_set("maxmemory", "1mb")
    seen = look_at_redis(redis_url, CLOCK)
    assert seen.limit == 1024 * 1024
    for used, level in ((0.5, Level.OK), (0.85, Level.WARNING), (0.99, Level.ERROR)):
        found = levels(check_redis(replace(seen, used=int(used * seen.limit))))
        assert found[Check.REDIS_MEMORY] is level


@pytest.mark.parametrize(
    ("version", "level"),
    [("8.0.1", Level.OK), ("6.2.0", Level.OK), ("6.0.16", Level.WARNING), ("", Level.WARNING)],
)
def test_versions_of_redis(version: str, level: Level) -> None:
    seen = RedisSeen(version, appends=True, eviction="noeviction", used=1, limit=0)
    assert levels(check_redis(seen))[Check.REDIS] is level


def test_clocks_of_redis_are_compared(redis_url: str) -> None:
    late = FixedClock(CLOCK.now() - timedelta(minutes=5))
    for clock, level in ((CLOCK, Level.OK), (late, Level.ERROR)):
        reading = look_at_redis(redis_url, clock).reading
        assert reading is not None
        assert [one.level for one in check_clock([reading])] == [level]


def test_no_redis_there() -> None:
    for url in (f"redis://:p4ss@127.0.0.1:{free_port()}", "unix:///no/such/socket", "redis://["):
        with pytest.raises(NotThere) as caught:
            look_at_redis(url, CLOCK)
        assert "p4ss" not in str(caught.value)
        assert redis_away(str(caught.value)).level is Level.ERROR


def test_a_redis_that_may_not_be_asked(redis_url: str, spoiled: "redis.Redis") -> None:
    spoiled.acl_setuser(
        "shut-out", enabled=True, nopass=True, categories=["+@all"], commands=["-info"]
    )
    with pytest.raises(NotTold) as caught:
        look_at_redis(redis_url.replace("unix://", "unix://shut-out:any@"), CLOCK)
    finding = redis_silent(str(caught.value))
    assert (finding.level, finding.known) == (Level.NOTE, False)


def test_a_good_database(database: Database) -> None:
    seen = look_at_database(database, CLOCK)
    assert levels(check_database(seen)) == {
        Check.DATABASE: Level.OK,
        Check.SCHEMA: Level.OK,
        Check.ENCODING: Level.OK,
    }
    assert seen.revision == HEAD
    if database.is_sqlite:
        # It has no clock but this machine's.
        assert seen.reading is None
        return
    late = FixedClock(CLOCK.now() - timedelta(minutes=5))
    reading = look_at_database(database, late).reading
    assert reading is not None
    assert [one.level for one in check_clock([reading])] == [Level.ERROR]


def test_a_schema_of_another_day(database: Database) -> None:
    downgrade(database, "-1")
    finding = check_database(look_at_database(database, CLOCK))[1]
    assert (finding.check, finding.level) == (Check.SCHEMA, Level.ERROR)
    assert "alerts init" in finding.mend


def test_a_database_without_tables(database_url: str) -> None:
    database = Database(database_url)
    try:
        findings = check_database(look_at_database(database, CLOCK))
    finally:
        database.dispose()
    assert {finding.level for finding in findings} <= {Level.OK, Level.NOTE}
    assert any("first command makes" in finding.what for finding in findings)


def test_looking_makes_no_database(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'none.db'}")
    [finding] = check_database(look_at_database(database, CLOCK))
    assert (finding.known, list(tmp_path.glob("none*"))) == (False, [])


def test_no_database_there(tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_text("no database at all, only a text of some length")
    urls = (
        f"postgresql://alerts:p4ss@127.0.0.1:{free_port()}/alerts",
        f"sqlite:///{tmp_path / 'junk.db'}",
    )
    for url in urls:
        database = Database(url)
        with pytest.raises(NotThere) as caught:
            look_at_database(database, CLOCK)
        database.dispose()
        assert "p4ss" not in str(caught.value)
        assert database_away(str(caught.value)).level is Level.ERROR


@pytest.mark.parametrize(
    ("seen", "check", "level"),
    [
        (DatabaseSeen("PostgreSQL", "16.4 (Debian)", "UTF8", HEAD), Check.DATABASE, Level.OK),
        (DatabaseSeen("PostgreSQL", "12.22", "UTF8", HEAD), Check.DATABASE, Level.WARNING),
        (DatabaseSeen("SQLite", "3.34.1", "UTF-8", HEAD), Check.DATABASE, Level.WARNING),
        (DatabaseSeen("PostgreSQL", "16.4", "SQL_ASCII", HEAD), Check.ENCODING, Level.ERROR),
        (DatabaseSeen("PostgreSQL", "16.4", "LATIN1", HEAD), Check.ENCODING, Level.ERROR),
        (DatabaseSeen("SQLite", "3.45", "UTF-16le", HEAD), Check.ENCODING, Level.OK),
        (DatabaseSeen("SQLite", "3.45", "UTF-8", "9999"), Check.SCHEMA, Level.ERROR),
    ],
)
def test_what_databases_tell(seen: DatabaseSeen, check: Check, level: Level) -> None:
    assert levels(check_database(seen))[check] is level
