"""What is asked of the shared limits, and what they answer. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from alerts.delivery.limits.rules import Claim
from alerts.delivery.transports.base import Lane


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a place was counted, so that it can be given back."""

    key: str
    bucket: int


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks: a newsletter in a lane, for places under some limits."""

    lane: Lane
    newsletter: str
    claims: Sequence[Claim]
    wanted: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Places: the first in `due` seconds, each of the next `interval` later."""

    places: int
    due: float
    interval: float
    stamps: tuple[Stamp, ...]


@dataclass(frozen=True, slots=True)
class Turned:
    """A limit refuses for `seconds`; postponed messages come back `interval` after one another."""

    claim: Claim
    seconds: float
    postponed: bool
    interval: float


@dataclass(frozen=True, slots=True)
class Pauses:
    """All pauses in force: domain, seconds left, and why. Nothing was taken."""

    pauses: tuple[tuple[str, float, str], ...]
