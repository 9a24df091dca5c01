"""What a clock wrote down before it was set back: moments that lie further ahead than they can.

Who dies just before leaves such moments: a lease that seems to last for the hour by which the clock
was set back, work that seems to have been handed out in an hour, and nobody takes it up until then.
So whatever lies further ahead than anybody writes it is drawn near: it is then over as soon as if
it had been written now. Only once the clock has run evenly for a while: until then whoever lives
writes it anew by himself, and afterwards only what the dead left is so far ahead.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, CursorResult, TextClause, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from alerts.clock import Clock
from alerts.shared_clock import CAREFUL, even_for, look_at

log = structlog.get_logger(__name__)

# The clocks of those who do not share one.
_APART = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Moment:
    """A column whose moments lie at most `ahead` of when they are written.

    `also` is set to the same moment as the column, `where` says in which rows it counts.
    """

    column: InstrumentedAttribute[Any]
    ahead: timedelta = timedelta()
    where: ColumnElement[bool] | TextClause | None = None
    also: InstrumentedAttribute[Any] | None = None


def draw_near(session: Session, moments: Iterable[Moment], *, clock: Clock) -> int:
    """Draw near what lies too far ahead; return how many rows that were. Safe at any time."""
    look_at(clock, again=True)
    now, even = clock.now(), even_for(clock)
    return sum(_draw(session, each, now) for each in moments if even >= max(CAREFUL, each.ahead))


def _draw(session: Session, moment: Moment, now: datetime) -> int:
    furthest = now + moment.ahead
    columns = [moment.column] if moment.also is None else [moment.column, moment.also]
    statement = update(moment.column.class_).where(moment.column > furthest + _APART)
    if moment.where is not None:
        statement = statement.where(moment.where)
    drawn = session.execute(
        statement.values({column.key: furthest for column in columns}).execution_options(
            synchronize_session=False
        )
    )
    assert isinstance(drawn, CursorResult)  # noqa: S101 - what an UPDATE gives
    if drawn.rowcount:
        log.warning("drawn_near", what=str(moment.column), rows=drawn.rowcount)
    return drawn.rowcount
