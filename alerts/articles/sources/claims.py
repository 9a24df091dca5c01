"""Who polls a source: one at a time, under a lease with a fencing number."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from alerts.articles.sources.models import Source, SourceState
from alerts.clock import Clock
from alerts.database import Database
from alerts.errors import Conflict

# Longer than the slowest page takes, with the waits before it; renewed page by page.
_LEASE = timedelta(minutes=5)
# Half a tick: a source goes with the tick that is nearest to its time. Without that, one that is
# looked at every minute would miss each second tick by the seconds that looking took.
_NEAR = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to poll a source, until another has taken it over.

    `source` is how it stood when it was claimed; what is written goes to the row of a transaction.
    """

    database: Database
    source: Source
    fence: int
    clock: Clock

    @property
    def source_id(self) -> int:
        """The source's number."""
        return self.source.id

    @contextmanager
    def transaction(self) -> Iterator[tuple[Session, Source]]:
        """Yield a session and the source to write to; raises Conflict when the claim is lost."""
        with self.database.transaction() as session:
            source = session.scalar(
                select(Source).where(Source.id == self.source_id).with_for_update()
            )
            if source is None or source.fence != self.fence:
                raise Conflict(f"source {self.source_id} is polled by somebody else now")
            source.claimed_until = self.clock.now() + _LEASE
            yield session, source


def claim_source(database: Database, source_id: int, *, clock: Clock) -> Claim | None:
    """Take the right to poll a source; None when another holds it, or there is no such source."""
    now = clock.now()
    with database.transaction() as session:
        source = session.scalar(
            update(Source)
            .where(Source.id == source_id)
            .where(or_(Source.claimed_until.is_(None), Source.claimed_until < now))
            .values(fence=Source.fence + 1, claimed_until=now + _LEASE)
            .returning(Source)
            .execution_options(synchronize_session=False)
        )
    return None if source is None else Claim(database, source, source.fence, clock)


def claim_due_sources(session: Session, *, clock: Clock) -> list[int]:
    """Return the sources that are due, each to one caller alone, and set their next time.

    A server that asked us to wait is not asked a second too early.
    """
    now = clock.now()
    near = and_(Source.failing_since.is_(None), Source.next_poll_at <= now + _NEAR)
    due = session.scalars(
        select(Source)
        .where(Source.state == SourceState.ACTIVE, or_(Source.next_poll_at <= now, near))
        .where(or_(Source.claimed_until.is_(None), Source.claimed_until < now))
        .order_by(Source.next_poll_at)
        .with_for_update(skip_locked=True)
    ).all()
    for source in due:
        # A task that is lost on its way costs one interval.
        source.next_poll_at = now + timedelta(seconds=source.every_seconds)
    return [source.id for source in due]
