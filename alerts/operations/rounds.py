"""Removals of what is old, written down: when, how far, what went; the nightly one in short turns.

Ten million rows take an hour or more. A worker's process that gave all of it to them would send
nothing meanwhile, nor end when it is told to. So the night's removal works for some seconds, writes
down where it is, and stands in the queue again behind what is to be sent.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import Clock, rfc3339
from alerts.config import Settings
from alerts.database import Database
from alerts.operations.models import PruningRound
from alerts.operations.pruning import Pruned, SoFar, prune
from alerts.operations.slices import rest

log = structlog.get_logger(__name__)

NIGHT, COMMAND = "night", "command"
# A turn of the night's; who waits for the process it is in waits for so long at most.
A_TURN = timedelta(seconds=5)
# What has not moved for so long is lost, or was broken off.
_LOST_AFTER = timedelta(minutes=10)
_KEPT = 50
_WORDS = {
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


class _TurnOver(Exception):
    """The time of a turn is over."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a round to be taken; any number may ask for it, one gets it."""

    round_id: int
    number: int


def begin_night(session: Session, *, clock: Clock) -> Turn | None:
    """Begin the night's removal; None while the last one still goes on."""
    now = clock.now()
    try:
        with session.begin_nested():
            begun = _begin(session, NIGHT, now)
    except IntegrityError:
        return None
    return Turn(begun.id, begun.turn)


def owed_turns(session: Session, *, clock: Clock) -> list[Turn]:
    """Return the turns of the night that were lost or broken off, for the sweeper."""
    now = clock.now()
    lost = session.execute(
        update(PruningRound)
        .where(PruningRound.way == NIGHT, PruningRound.ended_at.is_(None))
        .where(PruningRound.seen_at < now - _LOST_AFTER)
        .values(seen_at=now)
        .returning(PruningRound.id, PruningRound.turn)
        .execution_options(synchronize_session=False)
    )
    return [Turn(*row) for row in lost]


def take_turn(
    database: Database,
    settings: Settings,
    turn: Turn,
    *,
    clock: Clock,
    stopping: Callable[[], bool] = lambda: False,
    lasting: timedelta = A_TURN,
    size: int | None = None,
) -> Turn | None:
    """Remove for a while, from where the turn before was; return the next turn, None for none.

    None too where somebody else has this turn: then they go on. A turn ends between two slices,
    when its time is over or the process is `stopping`.
    """
    so_far = _claim(database, turn, now=clock.now())
    if so_far is None:
        return None
    ends = time.monotonic() + lasting.total_seconds()

    def rest_or_end(taken: float) -> None:
        if stopping() or time.monotonic() > ends:
            raise _TurnOver
        rest(taken)

    try:
        prune(database, settings, clock=clock, size=size, rest=rest_or_end, so_far=so_far)
    except _TurnOver:
        _note(database, turn.round_id, so_far, now=clock.now())
        return Turn(turn.round_id, turn.number + 1)
    _note(database, turn.round_id, so_far, now=clock.now(), is_over=True)
    log.info("pruned", **so_far.counts)
    return None


def prune_now(
    database: Database,
    settings: Settings,
    *,
    clock: Clock,
    size: int | None = None,
    lasting: timedelta = A_TURN,
) -> Pruned:
    """Remove all that is old in one go, and write down meanwhile how far it has come."""
    with database.transaction() as session:
        number = _begin(session, COMMAND, clock.now()).id
    so_far = SoFar()
    noted = time.monotonic()

    def rest_and_note(taken: float) -> None:
        nonlocal noted
        rest(taken)
        if time.monotonic() - noted > lasting.total_seconds():
            _note(database, number, so_far, now=clock.now())
            noted = time.monotonic()

    pruned = prune(database, settings, clock=clock, size=size, rest=rest_and_note, so_far=so_far)
    _note(database, number, so_far, now=clock.now(), is_over=True)
    return pruned


@dataclass(frozen=True, slots=True)
class Removal:
    """A removal as people see it; `state` is `done`, `under way` or `broken off`.

    One that has not moved for ten minutes is broken off; the night's is taken up again by itself.
    `stage` is the kind it is at, `counts` what went, by its kind.
    """

    way: str
    state: str
    began_at: datetime
    moved_at: datetime
    stage: str
    counts: Mapping[str, int]

    @property
    def words(self) -> str:
        """What went, in words."""
        went = (f"{count:,} {_WORDS[name]}" for name, count in self.counts.items())
        return ", ".join(went) or "nothing was old enough"

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON document."""
        return {
            "way": self.way,
            "state": self.state,
            "began_at": rfc3339(self.began_at),
            "moved_at": rfc3339(self.moved_at),
            "at": self.stage or None,
            "counts": dict(self.counts),
        }


def last_removal(session: Session, *, now: datetime) -> Removal | None:
    """Return the newest removal, under way or over; None where there never was one."""
    newest = select(PruningRound).order_by(PruningRound.id.desc()).limit(1)
    found = session.scalars(newest).first()
    if found is None:
        return None
    state = "done" if found.ended_at else "under way"
    if not found.ended_at and found.seen_at < now - _LOST_AFTER:
        state = "broken off"
    # JSON on PostgreSQL keeps no order.
    counts = {name: found.counts[name] for name in _WORDS if found.counts.get(name)}
    return Removal(found.way, state, found.began_at, found.seen_at, found.stage, counts)


def _begin(session: Session, way: str, now: datetime) -> PruningRound:
    begun = PruningRound(way=way, began_at=now, seen_at=now, turn=0, stage="", counts={})
    session.add(begun)
    session.flush()
    newest = select(PruningRound.id).order_by(PruningRound.id.desc()).limit(_KEPT)
    session.execute(
        delete(PruningRound).where(
            PruningRound.id.not_in(newest), PruningRound.ended_at.is_not(None)
        )
    )
    return begun


def _claim(database: Database, turn: Turn, *, now: datetime) -> SoFar | None:
    with database.transaction() as session:
        claimed = session.execute(
            update(PruningRound)
            .where(PruningRound.id == turn.round_id, PruningRound.turn == turn.number)
            .where(PruningRound.ended_at.is_(None))
            .values(turn=turn.number + 1, seen_at=now)
            .returning(PruningRound.stage, PruningRound.counts)
            .execution_options(synchronize_session=False)
        ).one_or_none()
    return None if claimed is None else SoFar(claimed[0], Counter(claimed[1]))


def _note(
    database: Database, number: int, so_far: SoFar, *, now: datetime, is_over: bool = False
) -> None:
    stage = "" if is_over else so_far.stage
    with database.transaction() as session:
        session.execute(
            update(PruningRound)
            .where(PruningRound.id == number)
            .values(
                stage=stage,
                counts=dict(so_far.counts),
                seen_at=now,
                ended_at=now if is_over else None,
            )
        )
