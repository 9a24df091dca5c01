"""Timing: the best of several rounds, so that a busy machine counts for little."""

import time
from collections.abc import Callable

_ROUNDS = 5


def seconds_each(work: Callable[[], object], *, times: int) -> float:
    """Return the seconds that one call takes, in the fastest of some rounds of `times` calls."""
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for _ in range(times):
            work()
        best = min(best, time.perf_counter() - started)
    return best / times


def show(label: str, seconds: float, *, reference: float | None = None) -> None:
    """Print a figure, and how many times the reference's speed it is."""
    ratio = "" if reference is None else f"  {reference / seconds:8.3g} x the reference"
    print(f"  {label:44} {1 / seconds:12,.0f} /s{ratio}")
