"""The limits of a transport, from what a person wrote in its URL. Pure."""

import re
from collections.abc import Iterable, Mapping
from datetime import date

from alerts.delivery.limits.rules import Limits, Warmup
from alerts.errors import Invalid
from alerts.rates import parse_domain_limits, parse_quotas, parse_rate

# The options of a mail URL that are read here.
OPTIONS = frozenset({"rate", "quota", "warmup"})
# A new sender doubles what it sends each day until its provider's own quota is the smaller one;
# 50 grow to 26 million in twenty days, beyond what one sender sends.
_USUAL_PLAN = tuple(50 * 2**day for day in range(20))
_LONGEST_PLAN = 366
_WARMUP = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?::([0-9]{1,9}(?:,[0-9]{1,9})*))?")


def read_limits(options: Mapping[str, str], domain_limits: Iterable[str] = ()) -> Limits:
    """Return the limits in a mail URL's options and `ALERTS_DOMAIN_LIMITS`; raise Invalid."""
    return Limits(
        rate=parse_rate(options["rate"]) if "rate" in options else None,
        quotas=parse_quotas(options["quota"]) if "quota" in options else (),
        warmup=parse_warmup(options["warmup"]) if "warmup" in options else None,
        domains=parse_domain_limits(domain_limits),
    )


def parse_warmup(text: str) -> Warmup:
    """Read `2026-11-23` for the usual plan, or `2026-11-23:50,100,500` for own steps."""
    match = _WARMUP.fullmatch(text.strip())
    if match is None:
        raise Invalid(
            f"warmup {text!r} is not understood; 2026-11-23, or 2026-11-23:50,100,500 for the"
            " messages of each day, would be right"
        )
    try:
        start = date.fromisoformat(match.group(1))
    except ValueError as error:
        raise Invalid(f"warmup {text!r}: there is no day {match.group(1)}") from error
    steps = tuple(int(step) for step in match.group(2).split(",")) if match.group(2) else None
    if steps is None:
        return Warmup(start, _USUAL_PLAN)
    if 0 in steps or len(steps) > _LONGEST_PLAN:
        raise Invalid(
            f"warmup {text!r}: each day needs a number from 1 up, {_LONGEST_PLAN} days at most"
        )
    return Warmup(start, steps)
