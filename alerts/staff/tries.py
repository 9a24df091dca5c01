"""Tries to prove who one is: each counted before it is looked at, each written down.

Counted first, so that a hundred at once are a hundred; a good one takes its count back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.errors import Refused
from alerts.staff.guard import Guard
from alerts.staff.lockout import NETWORK, Rule, Standing, after_failure, is_locked, taken_back
from alerts.staff.models import Lock, LogInTry, TryKind, TryOutcome


class Locked(Refused):
    """Too many tries in vain; `until` is when the next is looked at, in UTC."""

    def __init__(self, until: datetime, now: datetime) -> None:
        super().__init__(f"too many tries; the next one counts in {_rounded(until - now)}")
        self.until = until


@dataclass(frozen=True, slots=True)
class Door:
    """One thing that tries are counted for: an account's password, its codes, a network."""

    key: str
    rule: Rule
    # Whether a good try makes all those before it forgotten, or takes back only itself.
    forgives: bool = True


@dataclass(frozen=True, slots=True)
class Try:
    """One try under way: its row, and the doors it is counted at."""

    id: int
    doors: tuple[Door, ...]


def begin_try(
    guard: Guard,
    kind: TryKind,
    door: Door,
    *,
    network: str | None,
    account_id: int | None = None,
    typed: str | None = None,
) -> Try:
    """Count and write down a try, and commit; raises Locked, and writes that down too.

    A network is no door that a good try opens: one account of an attacker's own would do.
    """
    doors: tuple[Door, ...] = (door,)
    if network is not None:
        doors += (Door(f"network:{network}", NETWORK, forgives=False),)
    now = guard.clock.now()
    with guard.database.transaction() as session:
        locked_until = _count(session, doors, now)
        row = LogInTry(
            at=now,
            kind=kind,
            outcome=TryOutcome.STARTED if locked_until is None else TryOutcome.LOCKED,
            account_id=account_id,
            typed=typed,
            network=network,
        )
        session.add(row)
        session.flush()
    if locked_until is not None:
        raise Locked(locked_until, now)
    return Try(row.id, doors)


def end_try(
    session: Session, tried: Try, outcome: TryOutcome, *, account_id: int | None = None
) -> None:
    """Write down what became of a try; an accepted one is no try in vain."""
    values: dict[str, object] = {"outcome": outcome}
    if account_id is not None:
        # Whose address it was is known now: the digest of it has served.
        values |= {"account_id": account_id, "typed": None}
    session.execute(update(LogInTry).where(LogInTry.id == tried.id).values(values))
    if outcome is not TryOutcome.ACCEPTED:
        return
    for door in tried.doors:
        lock = _held_lock(session, door.key)
        if lock is None:
            continue
        if door.forgives:
            session.delete(lock)
        else:
            _put(lock, taken_back(door.rule, _standing(lock)))


def unlock(session: Session, *keys: str) -> None:
    """Forget all tries in vain at these doors."""
    session.execute(delete(Lock).where(Lock.key.in_(keys)))


def _count(session: Session, doors: Sequence[Door], now: datetime) -> datetime | None:
    """Count a try at each door, or none; return until when one of them is locked."""
    locks = [(door, _lock(session, door.key, now)) for door in doors]
    locked = [
        lock.locked_until
        for _, lock in locks
        if lock.locked_until is not None and is_locked(_standing(lock), now)
    ]
    if locked:
        return max(locked)
    for door, lock in locks:
        _put(lock, after_failure(door.rule, _standing(lock), now))
    return None


def _lock(session: Session, key: str, now: datetime) -> Lock:
    lock = _held_lock(session, key)
    while lock is None:
        try:
            with session.begin_nested():
                session.add(Lock(key=key, failures=0, last_at=now))
        except IntegrityError:
            # Somebody tried for the first time at the same moment.
            pass
        lock = _held_lock(session, key)
    return lock


def _held_lock(session: Session, key: str) -> Lock | None:
    return session.scalars(
        select(Lock)
        .where(Lock.key == key)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def _standing(lock: Lock) -> Standing:
    return Standing(lock.failures, lock.last_at, lock.locked_until)


def _put(lock: Lock, standing: Standing) -> None:
    lock.failures, lock.last_at = standing.failures, standing.last_at
    lock.locked_until = standing.locked_until


def _rounded(span: timedelta) -> str:
    """Return a span in whole minutes, or seconds when it is under two minutes, never too short."""
    seconds = -(-span // timedelta(seconds=1))
    return f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"  # noqa: PLR2004 - two minutes
