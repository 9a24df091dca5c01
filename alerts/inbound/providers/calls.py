"""A call of a mail provider's webhook: what it brings, and what is made of it."""

import hmac
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from alerts.clock import Clock
from alerts.errors import Refused
from alerts.inbound.reading.record import Reading

# Providers try for a day when we are away; what was signed earlier is somebody's replay.
LONGEST_AGO = timedelta(days=1)
# Their clocks and ours need not agree to the second.
FURTHEST_AHEAD = timedelta(minutes=5)


class NotTheirs(Refused):
    """The call does not come from the provider, or is no longer fresh; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came: header names in small letters; `secret` is a password it showed."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a provider says: by its `identity` it is known when it comes once more."""

    identity: str
    raw: bytes


class Provider(ABC):
    """One provider: how its calls are checked, taken apart, and read."""

    @abstractmethod
    def events(self, call: Call) -> Sequence[Event]:
        """Return the events of a call that matter to us; raises NotTheirs and Invalid."""

    @staticmethod
    @abstractmethod
    def read(raw: bytes) -> Reading:
        """Return what an event says, as a mail that came back would say it; never raises. Pure."""


def check_fresh(seconds: str, *, clock: Clock) -> None:
    """Raise NotTheirs unless a signed Unix time is of these days; as text, as providers send it."""
    try:
        signed_at = datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise NotTheirs("its timestamp is none") from error
    check_recent(signed_at, clock=clock)


def check_recent(signed_at: datetime, *, clock: Clock) -> None:
    """Raise NotTheirs for what was signed long ago, or in the future."""
    if not -FURTHEST_AHEAD <= clock.now() - signed_at <= LONGEST_AGO:
        raise NotTheirs("it was signed at another time: more than a day ago, or in the future")


def same(given: str, expected: str) -> bool:
    """Tell whether two secrets are the same, in a time that does not say where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())
