"""Places that were taken together and wait in this process for their moment. Pure.

Times are seconds of any steady clock. A place is used at its time or, by somebody late, soon
after it; what nobody used is handed back, so that a quota does not shrink for nothing.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from alerts.delivery.limits.answers import Stamp, Taken, Turned
from alerts.delivery.limits.rules import Admission, RateClaim, Turn

# A place that nobody wanted for so long is given back: used later, it would make a burst.
_KEPT_SECONDS = 0.5
# Places for a tenth of a second are taken at once; used within a little more, they were needed.
_QUICK_SECONDS = 0.12
# A limit that refuses is asked again after so long at the latest: others may give places back.
_BELIEVED_SECONDS = 1.0
# A timer cannot tell less, and who waits for nothing would ask in circles.
_SHORTEST_WAIT = 0.001
# Those who come back for a quota spread over up to an hour, for a domain's rate over ten minutes.
_QUOTA_SPREAD, _RATE_SPREAD = 3600.0, 600.0


@dataclass(frozen=True, slots=True)
class Place:
    """A place that becomes due at a moment, and where it was counted."""

    due: float
    stamps: tuple[Stamp, ...] = ()


@dataclass
class Pocket:
    """The places, or the last refusal, of messages that fall under the same limits.

    `wanted` is how many places to take next time.
    """

    wanted: int = 1
    _places: deque[Place] = field(default_factory=deque)
    _filled_at: float = 0.0
    _open_until: float = 0.0
    _refused: Turned | None = None
    _refused_at: float = 0.0
    _turned_away: int = 0

    def take(self, now: float) -> Place | None:
        """Return the next place, if there is one."""
        if now < self._open_until:
            return Place(now)
        return self._places.popleft() if self._places else None

    def put_back(self, place: Place) -> None:
        """Take back a place that its taker could not wait for."""
        self._places.appendleft(place)

    def fill(self, taken: Taken, now: float, *, most: int) -> None:
        """Put in what was taken.

        Who was quick to use the last places takes twice as many next time, who was slow half as
        many: places that lie here are missing elsewhere.
        """
        self._refused, self._turned_away = None, 0
        quick = now - self._filled_at <= _QUICK_SECONDS
        self.wanted = min(self.wanted * 2, most) if quick else max(self.wanted // 2, 1)
        self._filled_at = now
        if not taken.stamps and not taken.interval:
            # No limit holds: the pauses are to be looked at again after a while.
            self._open_until = now + _BELIEVED_SECONDS
            return
        for number in range(taken.places):
            self._places.append(Place(now + taken.due + number * taken.interval, taken.stamps))

    def refuse(self, turned: Turned, now: float) -> None:
        """Remember a refusal."""
        self._refused, self._refused_at = turned, now

    def refused(self, now: float) -> Admission | None:
        """Return what the last refusal means to one more message, if it still holds."""
        turned = self._refused
        passed = now - self._refused_at
        if turned is None or passed >= min(turned.seconds, _BELIEVED_SECONDS):
            return None
        seconds, claim = max(turned.seconds - passed, _SHORTEST_WAIT), turned.claim
        if not turned.postponed:
            return Admission(Turn.WAIT, seconds, claim.text, claim.scope)
        spread = _RATE_SPREAD if isinstance(claim, RateClaim) else _QUOTA_SPREAD
        later = (self._turned_away * turned.interval) % spread
        self._turned_away += 1
        verb = "is reached" if isinstance(claim, RateClaim) else "is used up"
        return Admission(Turn.POSTPONED, seconds + later, f"{claim.text} {verb}", claim.scope)

    def expired(self, now: float) -> Iterator[Stamp]:
        """Take out the places whose time is long past; yield where they were counted."""
        while self._places and self._places[0].due < now - _KEPT_SECONDS:
            self.wanted = 1
            yield from self._places.popleft().stamps

    def emptied(self) -> Iterator[Stamp]:
        """Take out all places; yield where they were counted."""
        while self._places:
            yield from self._places.popleft().stamps

    def is_idle(self, now: float) -> bool:
        """Whether nothing is lost by forgetting the pocket."""
        believed = self._refused is not None and now - self._refused_at < _BELIEVED_SECONDS
        return not self._places and not believed and now >= self._open_until
