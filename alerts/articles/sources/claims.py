"""Which sources are due: each to one caller alone."""

from datetime import timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from alerts.articles.sources.models import Source, SourceState
from alerts.clock import Clock

# Half a tick: a source goes with the tick that is nearest to its time. Without that, one that is
# looked at every minute would miss each second tick by the seconds that looking took.
_NEAR = timedelta(seconds=30)


def claim_due_sources(session: Session, *, clock: Clock) -> list[int]:
    """Return the sources that are due, each to one caller alone, and set their next time.

    A server that asked us to wait is not asked a second too early.
    """
    now = clock.now()
    near = and_(Source.failing_since.is_(None), Source.next_poll_at <= now + _NEAR)
    due = session.scalars(
        select(Source)
        .where(Source.state == SourceState.ACTIVE, or_(Source.next_poll_at <= now, near))
        .where(Source.is_free(now))
        .order_by(Source.next_poll_at)
        .with_for_update(skip_locked=True)
    ).all()
    for source in due:
        # A task that is lost on its way costs one interval.
        source.next_poll_at = now + timedelta(seconds=source.every_seconds)
    return [source.id for source in due]
