"""A night's removal of what is old that comes to nothing: people's data stays for too long."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.orm import Session

from alerts.operations.alarms.kinds import Kind, Trouble
from alerts.operations.removals import night_under_way, trouble_with

_SAID = "Mend what it says; the worker's log says more."
_UNSAID = "See with `alerts status` whether a worker runs, and takes the queue `digests`."
_THEN = (
    "`alerts prune` tries it now, and shows what is wrong; by itself it is tried every ten minutes."
    " Until then old data is kept for longer than the settings say. Mail goes out all the same."
)


def removals_that_fail(session: Session, now: datetime) -> Iterator[Trouble]:
    """Yield the night's removal when it fails every time, or does not move for two nights."""
    night = night_under_way(session, now=now)
    what = trouble_with(night, now=now) if night else None
    if night and what:
        mend = f"{_SAID if night.failure else _UNSAID} {_THEN}"
        yield Trouble(Kind.REMOVAL_FAILS, "night", what, mend)
