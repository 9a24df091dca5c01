"""Which limits a message falls under, and what a limit may answer. Pure.

A claim is one limit put as `places.lua` reads it: a rate by its interval, a quota or a warm-up
plan by buckets of time that are counted.
"""

import enum
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from alerts.rates import OTHERS, DomainLimit, Quota, Rate

_PREFIX = "alerts:limits"
_DAY_SECONDS = 86400
# A quota's span is counted in so many parts; the oldest leaves as a whole.
_PARTS = 60
# How much of a rate is taken ahead of its time, so that one question serves several messages.
_AHEAD_SECONDS = 0.1
# Of a quota, at most a hundredth lies in one worker's pocket.
_SHARE_AT_ONCE = 100
_MOST_AT_ONCE = 50
# As `quota_claim` and `_warmup_claim` put it into words.
_STATED = re.compile(r"\bthe quota \d+/\w+ of |\bthe warm-up since \d")


class Scope(enum.Enum):
    """Whose limit it is: what else may go on meanwhile follows from it."""

    TRANSPORT = "transport"
    NEWSLETTER = "newsletter"
    DOMAIN = "domain"


class Turn(enum.Enum):
    """What a message is to do."""

    GO = "go"
    WAIT = "wait"
    POSTPONED = "postponed"


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer to a message: go now; wait `seconds` and ask again; or come back later.

    A wait is short: who gets one sleeps and asks again, or, where `scope` is DOMAIN, takes up
    messages to other domains meanwhile. A postponed message must block nobody; `reason` says why.
    """

    turn: Turn
    seconds: float = 0.0
    reason: str = ""
    scope: Scope = Scope.TRANSPORT


GO = Admission(Turn.GO)


@dataclass(frozen=True, slots=True)
class Warmup:
    """Messages a day from a first day (UTC) on; none are stated after the last step.

    Before the first day its number holds, too: the sender is as new then.
    """

    start: date
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RateClaim:
    """A message each `interval` seconds."""

    key: str
    scope: Scope
    text: str
    interval: float


@dataclass(frozen=True, slots=True)
class CountClaim:
    """So many messages in the present bucket of `width` seconds and the `past` ones before it.

    `steps` are for the bucket numbered `first` (since 1970) and those that follow; afterwards
    there is no limit if the plan `ends`, else the last step stays.
    """

    key: str
    scope: Scope
    text: str
    width: float
    past: int
    steps: tuple[int, ...]
    first: int = 0
    ends: bool = False


Claim = RateClaim | CountClaim


@dataclass(frozen=True, slots=True)
class Limits:
    """What a person stated for a transport, and for the domains of recipients."""

    rate: Rate | None = None
    quotas: tuple[Quota, ...] = ()
    warmup: Warmup | None = None
    domains: tuple[DomainLimit, ...] = ()

    def claims_on(self, provider: str) -> tuple[Claim, ...]:
        """Return what a message to a provider falls under for its domain's sake."""
        stated = {limit.provider: limit for limit in self.domains}
        limit = stated.get(provider) or stated.get(OTHERS)
        if limit is None:
            return ()
        return (
            *(quota_claim(Scope.DOMAIN, provider, quota) for quota in limit.quotas),
            *(rate_claim(Scope.DOMAIN, provider, rate) for rate in limit.rates),
        )

    def claims_of_transport(self, name: str) -> tuple[Claim, ...]:
        """Return what every message over a transport falls under."""
        claims: list[Claim] = [quota_claim(Scope.TRANSPORT, name, quota) for quota in self.quotas]
        if self.warmup:
            claims.append(_warmup_claim(name, self.warmup))
        if self.rate:
            claims.append(rate_claim(Scope.TRANSPORT, name, self.rate))
        return tuple(claims)


def rate_claim(scope: Scope, name: str, rate: Rate) -> RateClaim:
    """Return the claim for a rate of a transport, newsletter or domain."""
    # By its span: a domain may have a rate by the second and one by the minute.
    key = f"{_PREFIX}:rate:{scope.value}:{rate.seconds:g}:{name}"
    return RateClaim(key, scope, f"the rate {rate} of {scope.value} {name}", rate.interval)


def quota_claim(scope: Scope, name: str, quota: Quota) -> CountClaim:
    """Return the claim for a quota: a window that slides by a sixtieth of its span."""
    key = f"{_PREFIX}:quota:{scope.value}:{quota.seconds}:{name}"
    text = f"the quota {quota} of {scope.value} {name}"
    width = quota.seconds / _PARTS
    return CountClaim(key, scope, text, width, _PARTS, (quota.messages,))


def tells_of_a_limit(reason: str) -> bool:
    """Tell whether a reason names a quota or a warm-up that a person stated."""
    return _STATED.search(reason) is not None


def in_order(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Return claims as they are asked: what refuses for long first, so that nobody waits for it."""
    return tuple(sorted(claims, key=lambda claim: isinstance(claim, RateClaim)))


def pauses_key(name: str) -> str:
    """Return where the pauses of a transport are kept."""
    return f"{_PREFIX}:pauses:{name}"


def _warmup_claim(name: str, warmup: Warmup) -> CountClaim:
    start = datetime.combine(warmup.start, datetime.min.time(), tzinfo=UTC)
    return CountClaim(
        key=f"{_PREFIX}:warmup:{name}",
        scope=Scope.TRANSPORT,
        text=f"the warm-up since {warmup.start} of transport {name}",
        width=_DAY_SECONDS,
        past=0,
        steps=warmup.steps,
        first=int(start.timestamp()) // _DAY_SECONDS,
        ends=True,
    )


def most_at_once(claims: Iterable[Claim]) -> int:
    """Return how many places one question may take: a tenth of a second of the slowest rate."""
    most = _MOST_AT_ONCE
    for claim in claims:
        if isinstance(claim, RateClaim):
            most = min(most, int(_AHEAD_SECONDS / claim.interval))
        else:
            most = min(most, min(claim.steps) // _SHARE_AT_ONCE)
    return max(most, 1)


def as_asked(claim: Claim) -> dict[str, object]:
    """Return a claim as the script reads it, without its key and its words."""
    asked = asdict(claim)
    return {name: value for name, value in asked.items() if name not in {"key", "text", "scope"}}
