"""The clock that every station is given, and that tests replace; the time zones known here."""

from datetime import UTC, datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Protocol, overload
from zoneinfo import available_timezones


class Clock(Protocol):
    """Tells the time, in UTC, always with a zone."""

    def now(self) -> datetime:
        """Return the present moment as an aware datetime in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is told to move; for tests and samples."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment the clock stands at, in UTC."""
        return self._at

    def advance(self, by: timedelta) -> None:
        """Move the clock by a span of time, forward or back."""
        self._at += by


# What an operating system keeps beside the zones means something else on another machine.
_NO_PLACES = {"localtime", "posixrules"}


@cache
def time_zones() -> MappingProxyType[str, str]:
    """Return the IANA time zones known here: their names by their names in lower case.

    Looked up once: the standard library walks the whole zone folder at every call, 15 ms a time.
    """
    names = sorted(available_timezones() - _NO_PLACES)
    return MappingProxyType({name.lower(): name for name in names})


@overload
def rfc3339(moment: datetime) -> str: ...
@overload
def rfc3339(moment: datetime | None) -> str | None: ...
def rfc3339(moment: datetime | None) -> str | None:
    """Return a moment in UTC as `2026-11-23T02:30:00Z`, to the second; None stays None."""
    return None if moment is None else exact(moment.replace(microsecond=0))


def exact(moment: datetime) -> str:
    """Return a moment in UTC with all its digits, for programs that order things by it."""
    return moment.isoformat().replace("+00:00", "Z")
