"""How removals of what is old stand, as people are told of it, and whether the night's comes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import rfc3339
from alerts.operations.alarms.kinds import at
from alerts.operations.models import PruningRound
from alerts.operations.rounds import LOST_AFTER, NIGHT

# Turns in a row that came to nothing; they are tried every ten minutes, so half an hour.
_TRIES = 4
# A night may wait behind a large issue; it is broken when it has waited over a second one.
_STILL_FOR = timedelta(hours=36)
WORDS = {
    "unconfirmed": "sign-ups that nobody confirmed",
    "departed": "people who left",
    "networks": "network addresses of consents",
    "mails": "inbound mails",
    "uploads": "files of subscribers",
    "deliveries": "rows of old ledgers",
    "alarms": "alarms that are over",
    "sessions": "sessions at the desk",
    "log_ins": "tries to log in",
    "log_entries": "entries of the log",
    "link_checks": "looks at links",
    "webhook_events": "events for webhooks",
    "returned_counts": "counts of what came back",
    "answers": "answers kept for programs",
    "counts_of_requests": "counts of requests",
}


@dataclass(frozen=True, slots=True)
class Removal:
    """A removal as people see it; `state` is `done`, `under way`, `broken off` or `failed`.

    One of which nothing is seen for ten minutes is broken off. The night's is taken up again by
    itself, also when it failed; `failure` says with what, in a line. `stage` is the kind it is at,
    `counts` what went, by its kind, `moved_at` when something last came of it.
    """

    way: str
    state: str
    began_at: datetime
    moved_at: datetime
    stage: str
    counts: Mapping[str, int]
    tries: int = 0
    failure: str = ""

    @property
    def words(self) -> str:
        """What went, in words."""
        went = (f"{count:,} {WORDS[name]}" for name, count in self.counts.items())
        return ", ".join(went) or "nothing was old enough"

    @property
    def at(self) -> str:
        """The kind that it is at, in words."""
        return WORDS.get(self.stage, "the counts of days") if self.stage else "its beginning"

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON document."""
        return {
            "way": self.way,
            "state": self.state,
            "began_at": rfc3339(self.began_at),
            "moved_at": rfc3339(self.moved_at),
            "at": self.stage or None,
            "counts": dict(self.counts),
            "failure": self.failure or None,
        }


def last_removal(session: Session, *, now: datetime) -> Removal | None:
    """Return the newest removal, under way or over; None where there never was one."""
    newest = select(PruningRound).order_by(PruningRound.id.desc()).limit(1)
    found = session.scalars(newest).first()
    return _shown(found, now) if found else None


def night_under_way(session: Session, *, now: datetime) -> Removal | None:
    """Return the night's removal that has not ended; there is one at most."""
    going_on = select(PruningRound).where(
        PruningRound.ended_at.is_(None), PruningRound.way == NIGHT
    )
    found = session.scalars(going_on).first()
    return _shown(found, now) if found else None


def trouble_with(night: Removal, *, now: datetime) -> str | None:
    """Say in a line what is wrong with a night that has not ended; None where nothing is. Pure.

    However long it takes: while something comes of it all is well, and it may wait for two nights
    behind what is to be sent.
    """
    began = f"the removal of old data that began on {at(night.began_at)}"
    if night.tries >= _TRIES:
        ended = f"it fails with: {night.failure}" if night.failure else "its worker ends each time"
        return (
            f"{began} has come to nothing since {at(night.moved_at)}, though it was tried"
            f" {night.tries} times; when it comes to “{night.at}” {ended}"
        )
    if now - night.moved_at > _STILL_FOR:
        return f"{began} has not moved since {at(night.moved_at)}, and no worker takes it up"
    return None


def _shown(found: PruningRound, now: datetime) -> Removal:
    state = "done" if found.ended_at else "under way"
    if not found.ended_at and found.seen_at < now - LOST_AFTER:
        state = "broken off"
    if not found.ended_at and found.failure:
        state = "failed"
    # JSON on PostgreSQL keeps no order.
    counts = {name: found.counts[name] for name in WORDS if found.counts.get(name)}
    return Removal(
        found.way,
        state,
        found.began_at,
        found.moved_at or found.seen_at,
        found.stage,
        counts,
        found.tries,
        found.failure,
    )
