"""How many deliveries to claim at a time, found from how fast they go out. No I/O."""

_SMALLEST, _LARGEST = 50, 2_000
_FIRST = 100
# A group lasts about so long, and several times as long as claiming the next one takes: a slow
# way holds few claimed, and a slow database is asked seldom.
_SECONDS = 0.5
_MOST_SECONDS = 4.0
_TURNS = 4.0
_WEIGHT = 0.5


class Pace:
    """The pace of one worker process; kept from batch to batch."""

    def __init__(self) -> None:
        self._per_second = 0.0
        self._turn = 0.0

    @property
    def group(self) -> int:
        """How many deliveries to claim now."""
        if not self._per_second:
            return _FIRST
        seconds = min(_MOST_SECONDS, max(_SECONDS, _TURNS * self._turn))
        return min(_LARGEST, max(_SMALLEST, round(self._per_second * seconds)))

    def sent(self, count: int, seconds: float) -> None:
        """Count deliveries that ended, and the time since those before them ended."""
        self._per_second = _mixed(self._per_second, count / max(seconds, 0.001))

    def turned(self, seconds: float) -> None:
        """Note how long the database took to record one group and claim the next."""
        self._turn = _mixed(self._turn, seconds)


def _mixed(before: float, now: float) -> float:
    return before + _WEIGHT * (now - before) if before else now
