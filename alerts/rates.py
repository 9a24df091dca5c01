"""Limits as a person writes them: `14/s`, `2000/h`, `gmail.com=20/s outlook.com=5/s,1000/h`. Pure.

A rate is kept evenly: 2/s is a message each half second. A quota counts: 2000/h may all leave in
the first minute, and then none for the rest of the hour.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from typing_extensions import override

from alerts.errors import Invalid
from alerts.mailbox_providers import normal_domain, provider_of

_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)/(s|m|min|h|d)")
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?) ?%")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_UNITS = {1: "s", 60: "m", 3600: "h", 86400: "d"}
_HOUR_SECONDS = 3600
OTHERS = "*"


@dataclass(frozen=True, slots=True)
class Rate:
    """A number of messages in a span of seconds, evenly spread."""

    messages: float
    seconds: float

    @property
    def interval(self) -> float:
        """Seconds from one message to the next."""
        return self.seconds / self.messages

    @override
    def __str__(self) -> str:
        return f"{self.messages:.12g}/{_UNITS.get(int(self.seconds), f'{self.seconds:g}s')}"


@dataclass(frozen=True, slots=True)
class Quota:
    """A number of messages in any span of so many seconds, however they are spread in it."""

    messages: int
    seconds: int

    @override
    def __str__(self) -> str:
        return f"{self.messages}/{_UNITS.get(self.seconds, f'{self.seconds}s')}"


@dataclass(frozen=True, slots=True)
class DomainLimit:
    """What one recipient's provider takes; `provider` is `*` for each that is not named."""

    provider: str
    rates: tuple[Rate, ...] = ()
    quotas: tuple[Quota, ...] = ()


def parse_rate(text: str) -> Rate:
    """Read `14/s`, `500/m` (or `500/min`), `10000/h` or `50000/d`; raise Invalid."""
    match = _RATE.fullmatch(text.strip())
    if match is None or float(match.group(1)) == 0:
        raise Invalid(f"rate {text!r} is not understood; 14/s, 500/m or 10000/h would be right")
    return Rate(float(match.group(1)), _SECONDS[match.group(2)])


def parse_quota(text: str) -> Quota:
    """Read `2000/h` or `50000/d`: whole messages by the hour or day; raise Invalid."""
    match = _RATE.fullmatch(text.strip())
    whole = match is not None and match.group(1).isdecimal() and int(match.group(1)) > 0
    if match is None or not whole or _SECONDS[match.group(2)] < _HOUR_SECONDS:
        raise Invalid(f"quota {text!r} is not understood; 2000/h or 50000/d would be right")
    return Quota(int(match.group(1)), _SECONDS[match.group(2)])


def parse_quotas(text: str) -> tuple[Quota, ...]:
    """Read quotas with commas between them, one for an hour and one for a day at most."""
    quotas = tuple(parse_quota(part) for part in text.split(","))
    if len({quota.seconds for quota in quotas}) != len(quotas):
        raise Invalid(f"quota {text!r} names the same span twice; keep the smaller one")
    return quotas


def parse_domain_limits(words: Iterable[str]) -> tuple[DomainLimit, ...]:
    """Read `gmail.com=20/s`, `outlook.com=5/s,1000/h`, `*=10/s`, a word each; raise Invalid.

    By the second or minute it is a rate, by the hour or day a quota. A domain stands for all
    domains of its provider, so two of the same provider contradict each other.
    """
    found: dict[str, tuple[str, DomainLimit]] = {}
    for word in words:
        name, limit = _domain_limit(word)
        if limit.provider in found:
            other = found[limit.provider][0]
            both = f"{other!r} stands there twice" if other == name else f"{other} and {name}"
            reason = "" if other == name else " are served by one provider and count as one"
            raise Invalid(f"{both}{reason}; keep one of them")
        found[limit.provider] = (name, limit)
    return tuple(limit for _, limit in found.values())


def _domain_limit(word: str) -> tuple[str, DomainLimit]:
    name, equals, text = word.partition("=")
    if not equals:
        raise Invalid(f"{word!r} is not understood; gmail.com=20/s or *=10/s would be right")
    parts = [parse_rate(part) for part in text.split(",")]
    if len({part.seconds for part in parts}) != len(parts):
        raise Invalid(f"{word!r} names the same span twice; keep the smaller one")
    rates = tuple(part for part in parts if part.seconds < _HOUR_SECONDS)
    quotas = tuple(
        parse_quota(part)
        for part, read in zip(text.split(","), parts, strict=True)
        if read.seconds >= _HOUR_SECONDS
    )
    return name, DomainLimit(_provider(name), rates, quotas)


def _provider(name: str) -> str:
    if name == OTHERS:
        return OTHERS
    try:
        return provider_of(normal_domain(name))
    except ValueError as error:
        raise Invalid(
            f"{name!r} is no domain; gmail.com (for all of a provider's domains) or * would be"
            " right"
        ) from error


def parse_share(text: str) -> float:
    """Read a share in percent, such as `5%` or `0.5 %`, as a number up to 1; raises Invalid."""
    found = _SHARE.fullmatch(text.strip())
    share = float(found[1]) / 100 if found else 0.0
    if not 0 < share <= 1:
        raise Invalid(f"{text!r} is no share; 5% or 0.5% would be right")
    return share


def share_text(share: float) -> str:
    """Return a share as it is written: `5%`."""
    return f"{share * 100:.12g}%"
