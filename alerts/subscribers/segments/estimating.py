"""About how many readers match, from a sample: at the price of a few thousand of them, not of all.

A form that tells it while somebody types asks again and again; however many readers there are, it
may cost the database a moment each time.
"""

import math
from dataclasses import dataclass
from random import SystemRandom

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.database import among
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.subscribers.segments.service import Segments
from alerts.subscribers.segments.terms import Node

SAMPLE = 3_000
# Nineteen samples of twenty are off by less than this many deviations.
_DEVIATIONS = 1.96
# What a sample holds not one of is, nineteen times of twenty, fewer than three in its size; so is
# what it does not hold where all in it match.
_NONE_SEEN = 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """About how many match, and how many of these may be mailed.

    Nineteen times of twenty `matching` is off by `margin` at most; 0 means that it is exact.
    """

    matching: int
    reachable: int
    margin: int


def estimate(session: Session, segments: Segments, query: Node, *, size: int = SAMPLE) -> Estimate:
    """Ask so many readers, picked at random by their numbers; all of them where there are fewer.

    Numbers of readers who were erased count as such who do not match.
    """
    # Two questions, each of the index's end: SQLite looks at everybody to answer both at once.
    first, last = (session.scalar(select(end(Subscriber.id))) for end in (func.min, func.max))
    if first is None or last is None:
        return Estimate(0, 0, 0)
    numbers = range(first, last + 1)
    asked = list(numbers) if len(numbers) <= size else SystemRandom().sample(numbers, size)
    may_be_mailed = Subscriber.state == SubscriberState.CONFIRMED
    counted = select(func.count(), func.count().filter(may_be_mailed)).where(
        among(session, Subscriber.id, asked), segments.condition(query, paging=True)
    )
    matching, reachable = session.execute(counted).one()
    times = len(numbers) / len(asked)
    margin = _margin(matching, len(asked)) * times if times > 1 else 0
    return Estimate(round(matching * times), round(reachable * times), math.ceil(margin))


def _margin(found: int, asked: int) -> float:
    """Return how far off a count may be that was found among so many."""
    if found in {0, asked}:
        return _NONE_SEEN
    return _DEVIATIONS * math.sqrt(found * (1 - found / asked))
