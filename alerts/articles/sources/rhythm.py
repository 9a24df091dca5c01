"""When a source or a page is looked at again. Pure; all moments in UTC."""

import random
from datetime import datetime, timedelta

SHORTEST, LONGEST, USUAL = timedelta(minutes=1), timedelta(days=7), timedelta(minutes=15)
# After trouble the pauses double, up to this.
_LONGEST_PAUSE = timedelta(days=1)
_MOST_DOUBLINGS = 20
# New pages are looked at again for a while: corrections and withdrawals come in the first days.
_WATCHED_FOR = timedelta(days=14)
_LOOK_AGAIN = timedelta(days=1)
# A page that is gone once may be a server being repaired.
GONE_AFTER = timedelta(hours=1)
# A source that fails for so long is shown to ops.
LONG_FAILING = timedelta(days=1)


def pause_after(
    failures: int, every: timedelta, *, asked: timedelta | None = None, drawn: float | None = None
) -> timedelta:
    """Return the wait after so many failures in a row, spread by a quarter either way.

    `asked` is the server's Retry-After, which is never undercut; `drawn` in 0..1, else by chance.
    """
    drawn = random.random() if drawn is None else drawn  # noqa: S311 - no secret
    doubled = every * (1 << min(failures, _MOST_DOUBLINGS))
    pause = max(every, min(doubled, _LONGEST_PAUSE)) * (0.75 + drawn / 2)
    return max(pause, asked) if asked else pause


def look_again(shown_at: datetime, now: datetime) -> datetime | None:
    """Return when a page that was taken in is looked at again; None when it is old enough."""
    return now + _LOOK_AGAIN if now - shown_at < _WATCHED_FOR else None


def is_withdrawn(gone_since: datetime, now: datetime) -> bool:
    """Tell whether a page has been gone for so long that it is meant."""
    return now - gone_since >= GONE_AFTER
