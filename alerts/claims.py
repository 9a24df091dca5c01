"""Who works on a row: one at a time, under a lease with a fencing number.

What takes minutes is done outside of any transaction; whoever was too slow finds the row taken
over, and writes nothing more. Sources are polled so, and mailboxes looked into.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from alerts.clock import Clock
from alerts.database import BigKey, Database, UtcDateTime
from alerts.errors import Conflict

# Longer than the slowest step takes, with the waits before it; renewed step by step.
LEASE = timedelta(minutes=5)


class Claimable:
    """A table of what one at a time works on.

    `claimed_until` and `fence` keep ten workers from doing it ten times; whoever's fence is no
    longer the row's writes nothing more.
    """

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fence: Mapped[int] = mapped_column(default=0)

    @classmethod
    def is_free(cls, now: datetime) -> ColumnElement[bool]:
        """Return the condition that nobody holds a row."""
        return or_(cls.claimed_until.is_(None), cls.claimed_until < now)


Row = TypeVar("Row", bound=Claimable)


@dataclass(frozen=True, slots=True)
class Claim(Generic[Row]):
    """The right to work on a row, until another has taken it over.

    `row` is how it stood when it was claimed; what is written goes to the row of a transaction.
    """

    database: Database
    row: Row
    clock: Clock

    @contextmanager
    def transaction(self) -> Iterator[tuple[Session, Row]]:
        """Yield a session and the row to write to; raises Conflict when the claim is lost."""
        kind = type(self.row)
        with self.database.transaction() as session:
            row = session.scalar(select(kind).where(kind.id == self.row.id).with_for_update())
            if row is None or row.fence != self.row.fence:
                name = kind.__name__.lower()
                raise Conflict(f"{name} {self.row.id} is worked on by somebody else now")
            row.claimed_until = self.clock.now() + LEASE
            yield session, row


def claim_row(
    database: Database, kind: type[Row], row_id: int, *, clock: Clock
) -> Claim[Row] | None:
    """Take the right to work on a row; None when another holds it, or there is no such row."""
    now = clock.now()
    with database.transaction() as session:
        row = session.scalar(
            update(kind)
            .where(kind.id == row_id, kind.is_free(now))
            .values(fence=kind.fence + 1, claimed_until=now + LEASE)
            .returning(kind)
            .execution_options(synchronize_session=False)
        )
    return None if row is None else Claim(database, row, clock)
