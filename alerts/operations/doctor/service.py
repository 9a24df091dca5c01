"""The whole examination: everything looked at once, in an order, and held against the rules."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from alerts.config import Settings
from alerts.database import Database
from alerts.embedded_redis import EmbeddedRedis
from alerts.errors import AlertsError
from alerts.holding import hold_of
from alerts.migrations import HEAD
from alerts.newsletters.models import Newsletter
from alerts.operations.doctor.findings import Check, Finding, Level, worst
from alerts.operations.doctor.links import check_links
from alerts.operations.doctor.machine import (
    check_default_secrets,
    check_disk,
    check_env_file,
    check_secret_files,
    check_secret_keys,
    secret_files,
)
from alerts.operations.doctor.moments import Reading, check_clock
from alerts.operations.doctor.ports import Ports
from alerts.operations.doctor.removals import check_removal
from alerts.operations.doctor.rules import Judged, judge
from alerts.operations.doctor.sending import Ways, look_at_dns, look_at_ways
from alerts.operations.doctor.stores import (
    NotThere,
    NotTold,
    check_database,
    check_redis,
    database_away,
    look_at_database,
    look_at_redis,
    redis_away,
    redis_silent,
)
from alerts.operations.removals import last_removal, night_under_way
from alerts.tokens import Tokens

Progress = Callable[[int, int | None], None]
_STEPS = 6


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings, in the order of the checks, and the providers' rules."""

    findings: tuple[Finding, ...]
    rules: tuple[Judged, ...]

    @property
    def level(self) -> Level:
        """The worst level found."""
        return worst(self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return the document of `alerts doctor --json`."""
        return {
            "level": self.level.value,
            "checks": [finding.as_json() for finding in self.findings],
            "rules": [rule.as_json() for rule in self.rules],
        }


def diagnose(settings: Settings, ports: Ports, *, progress: Progress | None = None) -> Diagnosis:
    """Look at everything that decides whether mail arrives; changes nothing, sends nothing.

    What cannot be asked is a note; nothing is raised for it.
    """
    moved = progress or (lambda _done, _total: None)
    ways = Ways.of(settings)
    moved(0, _STEPS)
    findings, readings, senders = _database(settings, ports)
    moved(1, _STEPS)
    more, read = _redis(settings, ports)
    findings, readings = findings + more, readings + read
    moved(2, _STEPS)
    reached = look_at_ways(ways, ports)
    findings += [finding for one in reached for finding in one.findings]
    readings += [reading for one in reached for reading in one.readings]
    moved(3, _STEPS)
    more, read = _links(settings, ways, ports)
    findings, readings = findings + more, readings + read
    moved(4, _STEPS)
    announced = [one.announced for one in reached]
    findings += look_at_dns(settings, ways, [settings.sender, *senders], announced, ports)
    moved(5, _STEPS)
    findings += [*_machine(settings, ports), *check_clock(readings)]
    moved(_STEPS, _STEPS)
    order = list(Check)
    findings.sort(key=lambda finding: order.index(finding.check))
    return Diagnosis(tuple(findings), tuple(judge(findings)))


def _database(settings: Settings, ports: Ports) -> tuple[list[Finding], list[Reading], list[str]]:
    """Return the findings, the database's clock, and the senders of newsletters' own."""
    database = Database(settings.database)
    try:
        seen = look_at_database(database, ports.clock)
        told = seen.revision == HEAD
        senders = _senders(database) if told else []
        held = [*_hold(database), _removal(database, ports)] if told else []
    except NotThere as error:
        return [database_away(str(error))], [], []
    finally:
        database.dispose()
    return [*check_database(seen), *held], [seen.reading] if seen.reading else [], senders


def _senders(database: Database) -> list[str]:
    with database.read() as session:
        definitions = session.scalars(select(Newsletter.definition).order_by(Newsletter.slug))
        found = [definition.get("sender", "") for definition in definitions]
    return [sender for sender in found if isinstance(sender, str) and sender]


def _hold(database: Database) -> list[Finding]:
    with database.read() as session:
        hold = hold_of(session)
    if hold is None:
        return [Finding.ok(Check.HOLD, "nothing keeps this system from sending what is due")]
    return [
        Finding.error(
            Check.HOLD,
            f"restored from a backup of {hold.backup_of:%Y-%m-%d %H:%M} UTC, and sends nothing"
            f" since {hold.since:%Y-%m-%d %H:%M} UTC",
            "`alerts release` shows what is due, and lets it be sent or skipped",
        )
    ]


def _removal(database: Database, ports: Ports) -> Finding:
    now = ports.clock.now()
    with database.read() as session:
        last = last_removal(session, now=now)
        night = night_under_way(session, now=now)
    return check_removal(last, night, now=now)


def _redis(settings: Settings, ports: Ports) -> tuple[list[Finding], list[Reading]]:
    try:
        with _redis_url(settings) as url:
            seen = look_at_redis(url, ports.clock)
    except NotTold as error:
        return [redis_silent(str(error))], []
    except (NotThere, AlertsError, OSError) as error:
        return [redis_away(str(error))], []
    # The embedded server has this machine's clock.
    is_elsewhere = not settings.uses_embedded_redis
    return check_redis(seen), [seen.reading] if seen.reading and is_elsewhere else []


@contextmanager
def _redis_url(settings: Settings) -> Iterator[str]:
    if not settings.uses_embedded_redis:
        yield settings.redis_url
        return
    server = EmbeddedRedis(settings.data_dir)
    server.open()
    try:
        yield server.url
    finally:
        server.close()


def _links(settings: Settings, ways: Ways, ports: Ports) -> tuple[list[Finding], list[Reading]]:
    findings, health = check_links(
        ports.web,
        settings.base_url,
        Tokens(settings.secret_key),
        leaves=ways.leaves,
        now=ports.clock.now(),
    )
    told = health.date if health else None
    readings = [Reading("the web server", told, health.asked_at)] if health and told else []
    return findings, readings


def _machine(settings: Settings, ports: Ports) -> list[Finding]:
    return [
        check_disk(settings.data_dir, ports.space(settings.data_dir)),
        check_secret_keys(settings.secret_key),
        check_default_secrets(settings),
        *check_secret_files(secret_files(settings)),
        check_env_file(ports.env_file),
    ]
