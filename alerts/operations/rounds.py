"""Removals of what is old, written down: when, how far, what went; the nightly one in short turns.

Ten million rows take an hour or more. A worker's process that gave all of it to them would send
nothing meanwhile, nor end when it is told to. So the night's removal works for some seconds, writes
down where it is, and stands in the queue again behind what is to be sent.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.errors import AlertsError
from alerts.operations.models import LONGEST_WORDS, PruningRound
from alerts.operations.pruning import Pruned, SoFar, prune
from alerts.operations.slices import rest

log = structlog.get_logger(__name__)

NIGHT, COMMAND = "night", "command"
# A turn of the night's; who waits for the process it is in waits for so long at most.
A_TURN = timedelta(seconds=5)
# What has not moved for so long is lost, or was broken off.
LOST_AFTER = timedelta(minutes=10)
# The beat asks once a day; where it was off then, or nobody took its task in time, a sweep does.
_MISSED_AFTER = timedelta(hours=26)
_KEPT = 50


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
    """Return the turns of the night that were lost or broken off, for the sweeper.

    A night in which none was begun at all is made up for.
    """
    now = clock.now()
    last = session.scalar(select(func.max(PruningRound.began_at)))
    if last is not None and last < now - _MISSED_AFTER:
        missed = begin_night(session, clock=clock)
        if missed:
            return [missed]
    lost = session.execute(
        update(PruningRound)
        .where(PruningRound.way == NIGHT, PruningRound.ended_at.is_(None))
        .where(PruningRound.seen_at < now - LOST_AFTER)
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
    when its time is over or the process is `stopping`. What a turn fails with is written down, and
    raised; the sweeper has it tried again.
    """
    so_far = _claim(database, turn, now=clock.now())
    if so_far is None:
        return None
    before = so_far.counts.total()
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
    except Exception as error:
        came = so_far.counts.total() > before
        _note_failure(database, turn.round_id, so_far, error, now=clock.now(), came_on=came)
        raise
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

    try:
        pruned = prune(
            database, settings, clock=clock, size=size, rest=rest_and_note, so_far=so_far
        )
    except Exception as error:
        came = bool(so_far.counts.total())
        _note_failure(database, number, so_far, error, now=clock.now(), came_on=came)
        raise
    _note(database, number, so_far, now=clock.now(), is_over=True)
    return pruned


def _begin(session: Session, way: str, now: datetime) -> PruningRound:
    begun = PruningRound(
        way=way, began_at=now, seen_at=now, moved_at=now, turn=0, stage="", counts={}
    )
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
            .values(turn=turn.number + 1, seen_at=now, tries=PruningRound.tries + 1)
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
                moved_at=now,
                tries=0,
                failure="",
                ended_at=now if is_over else None,
            )
        )


def _note_failure(
    database: Database,
    number: int,
    so_far: SoFar,
    error: Exception,
    *,
    now: datetime,
    came_on: bool,
) -> None:
    """Write down what a removal failed with, and how far it came nevertheless."""
    moved: dict[str, Any] = {"moved_at": now, "tries": 0} if came_on else {}
    # Where the database is what failed, this fails too: then it was tried, and nothing is known.
    with suppress(SQLAlchemyError), database.transaction() as session:
        session.execute(
            update(PruningRound)
            .where(PruningRound.id == number)
            .values(
                stage=so_far.stage,
                counts=dict(so_far.counts),
                seen_at=now,
                failure=_line_of(error),
                **moved,
            )
        )


def _line_of(error: Exception) -> str:
    """Return what an error says in a line; nothing of rows, which may hold addresses."""
    if isinstance(error, AlertsError):
        said = str(error)
    elif isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        said = f"{error.strerror or type(error).__name__}{where}"
    elif isinstance(error, DBAPIError):
        said = f"the database says: {error.orig}".partition("\n")[0]
    else:
        said = type(error).__name__
    return " ".join(said.split())[:LONGEST_WORDS]
