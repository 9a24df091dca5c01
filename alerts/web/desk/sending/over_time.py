"""Messages over time: counts by the minute in spans that can be told apart. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

# Beyond so many columns nobody tells one from the next: they stand for longer spans then.
_MOST_COLUMNS = 60
_SPANS = (1, 5, 15, 60, 180, 720, 1_440)


def over_time(minutes: Sequence[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    """Return counts by the minute, gaps and all, in spans so long that they can be told apart."""
    if not minutes:
        return []
    first, last = minutes[0][0], minutes[-1][0]
    length = (last - first) / timedelta(minutes=1) + 1
    span = next((one for one in _SPANS if length / one <= _MOST_COLUMNS), _SPANS[-1])
    step = timedelta(minutes=span)
    sums = [0] * (int(length // span) + 1)
    for minute, count in minutes:
        sums[int((minute - first) / step)] += count
    while sums and not sums[-1]:
        sums.pop()
    return [(first + number * step, count) for number, count in enumerate(sums)]
