"""How long after a failure something is told again: soon at first, then ever later. Pure."""

from datetime import timedelta

_WAITS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=8),
)
# Up to so much is added: those that failed together do not come back together.
_JITTER = 0.2
# An endpoint that failed for so long is paused.
PATIENCE = timedelta(days=2)


def wait_after(failures: int, *, dice: float, asked: timedelta | None = None) -> timedelta:
    """Return how long to wait after so many failures; `dice` is between 0 and 1.

    What the receiver asks for (Retry-After) is waited for at least.
    """
    usual = _WAITS[min(max(failures, 1), len(_WAITS)) - 1]
    return max(usual * (1 + _JITTER * dice), asked or timedelta())
