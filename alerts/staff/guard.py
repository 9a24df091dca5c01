"""What stands at the staff's door: made once for each process, handed to every use case."""

from dataclasses import dataclass
from datetime import timedelta

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.staff.passwords import Passwords
from alerts.staff.seal import Seal


@dataclass(frozen=True)
class Guard:
    """The parts that logging in needs; `idle` and `longest` end a session."""

    database: Database
    clock: Clock
    passwords: Passwords
    seal: Seal
    idle: timedelta = timedelta(hours=12)
    longest: timedelta = timedelta(days=14)


def make_guard(database: Database, settings: Settings, clock: Clock) -> Guard:
    """Return the guard of a program's settings."""
    return Guard(
        database=database,
        clock=clock,
        passwords=Passwords(),
        seal=Seal(settings.secret_key),
        idle=settings.session_idle,
        longest=settings.session_longest,
    )
