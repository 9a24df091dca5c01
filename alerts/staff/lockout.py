"""How long nothing more is tried after tries in vain: rules, and no clock of their own. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Rule:
    """So many tries are `free`; after each further one a wait, twice as long each time.

    All is forgotten `forgotten_after` the last try.
    """

    free: int
    first_wait: timedelta
    longest_wait: timedelta
    forgotten_after: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """Tries in vain so far, when the last one was, and until when the next is refused."""

    failures: int
    last_at: datetime
    locked_until: datetime | None = None


# An account's waits stay short, since a stranger can bring them about for anybody: a hundred tries
# a day find no password of twelve characters. An office stands behind one network address, so more
# is free there. A code has a million values, of which three are good at a time.
ACCOUNT = Rule(4, timedelta(seconds=30), timedelta(minutes=15))
NETWORK = Rule(29, timedelta(seconds=30), timedelta(hours=1))
CODE = Rule(4, timedelta(seconds=30), timedelta(hours=1))

# Doubling any further is no longer than any longest wait.
_MOST_DOUBLINGS = 20


def is_locked(standing: Standing | None, now: datetime) -> bool:
    """Tell whether a try is refused at this moment."""
    return (
        standing is not None and standing.locked_until is not None and now < standing.locked_until
    )


def after_failure(rule: Rule, standing: Standing | None, now: datetime) -> Standing:
    """Return how things stand after one more try in vain."""
    if standing is None or now - standing.last_at >= rule.forgotten_after:
        standing = Standing(0, now)
    failures = standing.failures + 1
    over = failures - rule.free
    if over <= 0:
        return Standing(failures, now)
    wait = min(rule.longest_wait, rule.first_wait * 2 ** min(over - 1, _MOST_DOUBLINGS))
    return Standing(failures, now, now + wait)


def taken_back(rule: Rule, standing: Standing) -> Standing:
    """Return how things stand when the last try turns out to be a good one."""
    failures = max(0, standing.failures - 1)
    until = standing.locked_until if failures > rule.free else None
    return Standing(failures, standing.last_at, until)
