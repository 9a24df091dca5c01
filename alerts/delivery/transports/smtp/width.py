"""How many connections serve: found by trying, from the pace and the server's answers. No I/O.

Wider as long as that makes it faster; narrower at once when the server says so. Nothing is to be
configured but what a provider states: the most connections it allows.
"""

from math import ceil

# As Postfix begins (initial_destination_concurrency); fewer are woken for each message by itself.
_START = 5
_STEP = 2
# A width is kept only when it brings this much more than the one before.
_WORTH = 1.08
# A pace is measured over so many answers for each connection, and for so long, at least.
_ANSWERS_EACH = 4
_SPAN_SECONDS = 0.1
# How long a width that was found holds before a wider one is tried again.
_HOLD_SECONDS = 15.0
# After the server pushed back: how long until one connection more is tried.
_RECOVERY_SECONDS = 30.0


class Width:
    """The number of connections to one server; `now` is a monotonic time in seconds."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ceiling = most
        self.allowed = min(_START, most)
        self._before = self.allowed
        self._best = 0.0
        self._since: float | None = None
        self._answers = 0
        self._hold_until = 0.0
        self._pushed_at = float("-inf")

    def answered(self, now: float, *, hungry: bool) -> None:
        """Count an answer; `hungry` says that more is waiting than the connections can take."""
        if not hungry or self._since is None:
            self._since, self._answers = (now if hungry else None), 0
            return
        self._answers += 1
        span = now - self._since
        if span < _SPAN_SECONDS or self._answers < self.allowed * _ANSWERS_EACH:
            return
        pace = self._answers / span
        self._since, self._answers = now, 0
        if now >= self._hold_until:
            self._try(pace, now)

    def pushed_back(self, now: float, open_now: int) -> None:
        """Halve: the server said that it is too much, or did not answer in time."""
        if now - self._pushed_at < 1.0:
            # One reason is heard on many connections at the same moment.
            return
        self._pushed_at = now
        self._ceiling = max(1, min(open_now, self.allowed) - 1)
        self._settle(max(1, self.allowed // 2), now, _RECOVERY_SECONDS)

    def refused(self, now: float, open_now: int) -> None:
        """Stay at what is open: one connection more was not let in."""
        self._ceiling = max(1, open_now)
        self._pushed_at = now
        self._settle(min(self.allowed, self._ceiling), now, _RECOVERY_SECONDS)

    def _try(self, pace: float, now: float) -> None:
        if self._ceiling < self._most and now - self._pushed_at >= _RECOVERY_SECONDS:
            self._ceiling += 1
            self._pushed_at = now
        if pace > self._best * _WORTH:
            self._best = pace
            self._before = self.allowed
            wider = min(self._ceiling, ceil(self.allowed * _STEP))
            if wider == self.allowed:
                self._settle(wider, now, _HOLD_SECONDS)
            self.allowed = wider
        else:
            self._settle(self._before, now, _HOLD_SECONDS)

    def _settle(self, width: int, now: float, seconds: float) -> None:
        """Keep a width for a while; after that the pace is compared anew."""
        self.allowed = self._before = width
        self._best = 0.0
        self._since, self._answers = None, 0
        self._hold_until = now + seconds
