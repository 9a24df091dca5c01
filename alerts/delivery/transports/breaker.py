"""When a transport counts as sick, and how long it is left alone. Pure rules.

closed      it works; too many troubles in a row open the breaker, and so does TransportDown
open        it is left alone for a while: each time for longer, up to a limit
paused      a limit that a person stated is used up: it is left alone, and it is well
due         the while is over: one message is tried; it closes the breaker or opens it again

What one process learns the others are told (`suspicion.py`): they leave it alone as long, and take
it back when one of them found it well.
"""

import random
from collections.abc import Callable

from alerts.delivery.outcome import Fate, Outcome, is_of_a_reader

# Time-outs and inner errors in a row until a transport counts as sick.
_TROUBLES = 5
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 300.0
# A wait that the other side asks for is kept, up to here.
_LONGEST_ASKED = 3600.0
# A limit that is used up is asked again so often.
_ASKED_AGAIN = 60.0
_SERVER_ERROR = 500
_SERVICE_CLOSING = 421


class Breaker:
    """Remembers how a transport does; `clock` gives seconds, `jitter` a number from 0 to 1."""

    def __init__(
        self,
        clock: Callable[[], float],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._troubles = 0
        self._openings = 0
        self._due_at = self._asked_until = self._paused_until = self._limit_until = 0.0

    @property
    def closed(self) -> bool:
        """Whether the transport counts as well."""
        return self._openings == 0

    @property
    def rest(self) -> float:
        """Seconds for which it is still to be left alone; 0 when it may be tried."""
        now = self._clock()
        paused = max(0.0, self._paused_until - now)
        return paused if self._openings == 0 else max(paused, self._due_at - now)

    @property
    def limit_left(self) -> float:
        """Seconds for which a stated limit is still used up, by what it said last."""
        return max(0.0, self._limit_until - self._clock())

    def pause(self, seconds: float) -> None:
        """Leave it alone while a limit is used up, for so many seconds: nothing is wrong with it.

        It is asked again each minute: others may have given places back.
        """
        self._limit_until = self._clock() + seconds
        self._paused_until = self._clock() + min(seconds, _ASKED_AGAIN)

    def down(self, *, wait: float = 0.0) -> None:
        """Note that it said it cannot go on; `wait` is how many seconds it asked for, if it did."""
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0**self._openings)
        self._openings = min(self._openings + 1, 16)
        self._troubles = 0
        # Spread out, or else all workers would knock again in the same moment.
        asked = min(wait, _LONGEST_ASKED)
        self._asked_until = self._clock() + asked
        self._due_at = self._clock() + max(longest, asked) * (1 + self._jitter() / 4)

    def try_now(self) -> None:
        """Let it be tried before its rest is over, unless it asked for that rest itself."""
        self._due_at = min(self._due_at, max(self._clock(), self._asked_until))

    def suspect(self, rest: float) -> None:
        """Note that another process found it sick and leaves it alone for so many seconds still."""
        self._openings = max(self._openings, 1)
        self._due_at = max(self._due_at, self._clock() + rest)

    def well(self) -> None:
        """Note that another process found it well."""
        self._troubles = self._openings = 0
        self._due_at = self._asked_until = 0.0

    def heard(self, outcome: Outcome) -> None:
        """Note what came of a message.

        A clear yes or no shows that it works. An unknown fate, or an error that lies within the
        other side, is trouble; an unknown fate while it is on trial opens it again. Whatever a
        limit or a single reader's server decided says nothing.
        """
        if outcome.fate is Fate.ACCEPTED or _is_refusal(outcome):
            self._troubles = self._openings = 0
        elif _is_trouble(outcome) and self.rest == 0:
            # What was still on the wire when the breaker opened is no further news.
            self._troubles += 1
            if self._troubles >= _TROUBLES or not self.closed:
                self.down()


def _is_refusal(outcome: Outcome) -> bool:
    # A message that we ourselves refused (code 0) was never shown to the other side.
    return outcome.fate is Fate.PERMANENT and outcome.code != 0


def _is_trouble(outcome: Outcome) -> bool:
    if outcome.fate is Fate.TEMPORARY:
        code = outcome.code
        closing = code == _SERVICE_CLOSING and not is_of_a_reader(outcome)
        return code == 0 or closing or code >= _SERVER_ERROR
    return outcome.fate is Fate.UNKNOWN
