"""All SQL on the lease of one batch: take it, lengthen it, hold it while writing, end it.

Every write under a lease asks for its fence in the same transaction, so a worker that slept
through the end of its lease changes nothing that the next one works on.
"""

import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.database import UtcDateTime
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.holding import not_held
from alerts.newsletters.models import Issue, IssueState
from alerts.shared_clock import looked_for, settled

# How long a worker that died keeps others from its batch.
LEASE = timedelta(seconds=60)
# How often a lease is renewed before it would end; and within this time it is, however long it is.
_RENEWALS = 4
_RENEWED_WITHIN = timedelta(seconds=30)
# The next fence is so much greater at most, by chance. A journal is named by its fence, and lies
# there before its lease is committed: were the next fence known, one whose lease came to nothing
# would pass for that of whoever took the batch instead, on another host, and say that he sent
# nothing. A batch may be leased each minute for months until there are no more.
_LARGEST_STEP = 30_000

_BATCHES = cast("Table", Batch.__table__)
_ISSUES = cast("Table", Issue.__table__)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a batch for a span, renewed while the work goes on.

    `taken_over` tells that a worker before us lost it, whose fence was `before`.
    """

    batch_id: int
    issue_id: int
    fence: int
    taken_over: bool
    before: int
    span: timedelta = LEASE


def claim_batch(
    session: Session,
    batch_id: int,
    *,
    now: datetime,
    over: ColumnElement[bool] | None = None,
    span: timedelta = LEASE,
) -> Lease | None:
    """Take the lease of a batch, or return None: somebody holds it, or it is not due, or done.

    `over` says whose lease counts as over (see `lapsed`): without it, one that ended before `now`.

    One UPDATE decides, so of two workers that were given the same batch one gets it. An issue
    that was paused or cancelled keeps its batches to itself.
    """
    batch = session.execute(_AS_IT_STANDS, {"of_batch": batch_id}).one_or_none()
    if batch is None:
        return None
    taken_over, before = batch.state is BatchState.LEASED, batch.fence
    fence = before + 1 + secrets.randbelow(_LARGEST_STEP)
    claimed = session.execute(
        update(Batch)
        .where(Batch.id == batch_id, Batch.fence == before, _due(now, over), _being_sent())
        .values(
            state=BatchState.LEASED,
            fence=fence,
            lease_until=now + span,
            lease_seconds=math.ceil(span.total_seconds()),
        )
        .returning(Batch.fence)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if claimed is None:
        return None
    return Lease(batch_id, batch.issue_id, claimed, taken_over, before, span)


def lapsed(clock: Clock) -> ColumnElement[bool]:
    """Return the condition for a batch whose lease is over, be the worker's setting what it may.

    Whoever has only begun to look at the clock cannot know whether it was set ahead just before:
    to them no lease is over before its holder has renewed it for sure, by the clock as it is now.
    """
    over = and_(Batch.state == BatchState.LEASED, Batch.lease_until < settled(clock))
    looked = looked_for(clock)
    if looked >= _RENEWED_WITHIN:
        return over
    return and_(over, Batch.lease_seconds <= _RENEWALS / 2 * looked.total_seconds())


def renewal_seconds(span: timedelta) -> float:
    """Return how often a lease of so long is renewed: a renewal that comes late loses nothing."""
    return min(span / _RENEWALS, _RENEWED_WITHIN / 2).total_seconds()


def spans_in_use(session: Session) -> list[timedelta]:
    """Return how long leases last that stand: each worker's are as its settings say."""
    leased = select(Batch.lease_seconds).where(Batch.state == BatchState.LEASED).distinct()
    return [timedelta(seconds=seconds) for seconds in session.scalars(leased)]


def is_leased(session: Session, batch_id: int) -> bool:
    """Tell whether a batch stands as leased, be it that the lease is over."""
    batch = session.execute(_AS_IT_STANDS, {"of_batch": batch_id}).one_or_none()
    return batch is not None and batch.state is BatchState.LEASED


def issue_of(session: Session, batch_id: int) -> int | None:
    """Return the issue that a batch is of; None when there is no such batch any more."""
    return session.scalar(select(Batch.issue_id).where(Batch.id == batch_id))


def due_batches(
    session: Session, issue_id: int, *, now: datetime, over: ColumnElement[bool], limit: int
) -> list[int]:
    """Return batches of an issue that could be claimed now, in the order of their numbers."""
    query = select(Batch.id).where(Batch.issue_id == issue_id, _due(now, over), _being_sent())
    return list(session.scalars(query.order_by(Batch.id).limit(limit)))


def renew(session: Session, lease: Lease, *, now: datetime) -> bool:
    """Lengthen a lease; False when it was lost, or when its issue is no longer being sent."""
    given = _numbers(lease) | {"until": now + lease.span}
    return session.execute(_RENEW, given).scalar_one_or_none() is not None


def hold(session: Session, lease: Lease) -> bool:
    """Keep others from taking the lease over until this transaction ends; False when it was lost.

    A paused or cancelled issue's batch is still ours: what went out must be written down.
    """
    return session.execute(_HOLD, _numbers(lease)).scalar_one_or_none() is not None


def still_sending(session: Session, lease: Lease) -> bool:
    """Tell whether the lease is ours and its issue is being sent, without writing."""
    return session.execute(_STILL_SENDING, _numbers(lease)).first() is not None


def release(session: Session, lease: Lease, *, now: datetime, later: timedelta | None) -> bool:
    """End a lease: the batch is done, or ready for its next deliveries; True when it is done.

    `later` holds a batch back whose server is away. A lost lease changes nothing.
    """
    if not hold(session, lease):
        return False
    open_rows, next_at = session.execute(
        select(func.count(), func.min(func.coalesce(Delivery.not_before, now)))
        .where(Delivery.batch_id == lease.batch_id)
        .where(Delivery.state.in_([DeliveryState.PENDING, DeliveryState.SENDING]))
    ).one()
    not_before = next_at
    if open_rows and later is not None:
        not_before = max(next_at, now + later)
    session.execute(
        update(Batch)
        .where(Batch.id == lease.batch_id)
        .values(
            state=BatchState.READY if open_rows else BatchState.DONE,
            lease_until=None,
            not_before=not_before if open_rows else None,
            enqueued_at=None,
        )
        .execution_options(synchronize_session=False)
    )
    return not open_rows


def _numbers(lease: Lease) -> dict[str, Any]:
    return {"of_batch": lease.batch_id, "of_fence": lease.fence}


def _being_sent() -> ColumnElement[bool]:
    return and_(
        _BATCHES.c.issue_id.in_(select(_ISSUES.c.id).where(_ISSUES.c.state == IssueState.SENDING)),
        not_held(),
    )


def _due(now: datetime, over: ColumnElement[bool] | None) -> ColumnElement[bool]:
    ready = and_(
        Batch.state == BatchState.READY,
        or_(Batch.not_before.is_(None), Batch.not_before <= now),
    )
    if over is None:
        over = and_(Batch.state == BatchState.LEASED, Batch.lease_until < now)
    return or_(ready, over)


_HELD = and_(
    _BATCHES.c.id == bindparam("of_batch"),
    _BATCHES.c.fence == bindparam("of_fence"),
    _BATCHES.c.state == BatchState.LEASED,
)
# Put together once: these run for every batch, every group of messages, and every second.
_AS_IT_STANDS = select(_BATCHES.c.issue_id, _BATCHES.c.state, _BATCHES.c.fence).where(
    _BATCHES.c.id == bindparam("of_batch")
)
_HOLD = select(_BATCHES.c.id).where(_HELD).with_for_update()
_STILL_SENDING = select(_BATCHES.c.id).where(_HELD, _being_sent())
_RENEW = (
    update(_BATCHES)
    .where(_HELD, _being_sent())
    .values(lease_until=bindparam("until", type_=UtcDateTime()))
    .returning(_BATCHES.c.id)
    .execution_options(synchronize_session=False)
)
