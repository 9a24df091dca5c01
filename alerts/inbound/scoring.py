"""Whether an address is worth writing to any more, from what became of the mails to it. Pure.

A hard bounce says so at once. A mailbox that is full, or a server that is away, says so when it
went on for long: each day with a soft bounce is a point that decays, and one delivery that arrived
among them takes all points away. Refusals by policy are about us and say nothing of the reader.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.delivery.bounces import Bounce

# Five days within two weeks are always enough; a weekly letter's readers have seven weeks.
HALF_LIFE = timedelta(days=14)
LEAST_DAYS = 5
ENOUGH = 3.0
# Older points have decayed to nothing that counts.
LOOKED_BACK = timedelta(days=70)


@dataclass(frozen=True, slots=True)
class Try:
    """One mail to an address: when it was handed over, and how it came back, if it did."""

    at: datetime
    bounce: Bounce | None = None


def soft_days(tries: Iterable[Try]) -> Sequence[datetime]:
    """Return the moments of soft bounces since the last mail that arrived, one for each day (UTC).

    What was handed over after the last bounce may still come back: it does not count as arrived.
    """
    days: dict[object, datetime] = {}
    run_begun = False
    for one in sorted(tries, key=lambda each: each.at, reverse=True):
        if one.bounce is Bounce.SOFT:
            run_begun = True
            days.setdefault(one.at.date(), one.at)
        elif one.bounce is None and run_begun:
            break
    return tuple(days.values())


def score(tries: Iterable[Try], *, now: datetime) -> float:
    """Return the points against an address: one for each day, halved every two weeks."""
    ages = (max(now - at, timedelta()) / HALF_LIFE for at in soft_days(tries))
    return sum((math.pow(0.5, age) for age in ages), 0.0)


def is_hopeless(tries: Iterable[Try], *, now: datetime) -> bool:
    """Tell whether soft bounces went on for so long that nobody reads there."""
    known = tuple(tries)
    return len(soft_days(known)) >= LEAST_DAYS and score(known, now=now) >= ENOUGH
