"""Removing many rows without being in anybody's way: short transactions, rests in between."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from alerts.database import Database

# A slice is a transaction: whoever writes to SQLite meanwhile waits for this many rows at most.
SLICE = 500
# In PostgreSQL nobody waits for rows that nobody else wants, and a commit costs most of a slice.
_SLICE_BESIDE_OTHERS = 2_000
_SHORTEST_REST, _LONGEST_REST = 0.02, 1.0
Step = Callable[[Session, int], int]
Rest = Callable[[float], None]


def rest(taken: float) -> None:
    """Wait for as long as a slice took, in seconds: half of the time is others'.

    SQLite has one writer at a time, and those who wait look again now and then only.
    """
    time.sleep(min(_LONGEST_REST, max(_SHORTEST_REST, taken)))


def slice_of(database: Database) -> int:
    """Return how many rows a slice has where nobody asks for another size."""
    return SLICE if database.is_sqlite else _SLICE_BESIDE_OTHERS


def in_slices(
    database: Database,
    step: Step,
    *,
    size: int = SLICE,
    rest: Rest = rest,
    tell: Callable[[int], None] = lambda _: None,
) -> None:
    """Do a step again and again, each in a transaction of its own, until one is not filled.

    The step is given a session and how many rows it may touch, and returns how many it did; `tell`
    is told of them once they are committed. What `rest` raises ends it between two steps.
    """
    while True:
        began = time.monotonic()
        with database.transaction() as session:
            done = step(session, size)
        tell(done)
        if done < size:
            return
        rest(time.monotonic() - began)


def removing(keys: Sequence[InstrumentedAttribute[Any]], condition: ColumnElement[bool]) -> Step:
    """Return the step that removes the rows of a table that fit; `keys` are its primary key."""
    key: Any = keys[0] if len(keys) == 1 else tuple_(*keys)

    def step(session: Session, limit: int) -> int:
        some = select(*keys).where(condition).order_by(*keys).limit(limit)
        if len(keys) > 1:
            # SQLite takes no LIMIT inside of IN for a row of several values.
            rows = [tuple(row) for row in session.execute(some)]
            session.execute(delete(keys[0].class_).where(key.in_(rows)))
            return len(rows)
        removed = session.scalars(
            delete(keys[0].class_)
            .where(key.in_(some))
            .returning(keys[0])
            .execution_options(synchronize_session=False)
        )
        return len(removed.all())

    return step
