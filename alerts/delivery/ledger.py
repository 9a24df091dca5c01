"""All SQL on the ledger of one batch: claim, read, record."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.outcome import Verdict
from alerts.newsletters.models import Issue, IssueState
from alerts.subscribers.models import Subscriber, SubscriberState, Subscription

# How long a worker that died keeps others from its batch.
LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a batch for a span, renewed while the work goes on.

    `taken_over` tells that a worker before us lost it.
    """

    batch_id: int
    issue_id: int
    fence: int
    taken_over: bool
    span: timedelta = LEASE


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery claimed for handing over, with what its message needs of the reader."""

    delivery_id: int
    edition_id: int
    attempts: int
    public_id: str
    email: str
    name: str | None


def claim_batch(
    session: Session, batch_id: int, *, now: datetime, span: timedelta = LEASE
) -> Lease | None:
    """Take the lease of a batch, or return None: somebody holds it, or it is not due, or done.

    One UPDATE decides, so of two workers that were given the same batch one gets it. An issue
    that was paused or cancelled keeps its batches to itself.
    """
    batch = session.get(Batch, batch_id)
    if batch is None:
        return None
    taken_over = batch.state is BatchState.LEASED
    claimed = session.execute(
        update(Batch)
        .where(Batch.id == batch_id, Batch.fence == batch.fence, _due(now))
        .where(Batch.issue_id.in_(select(Issue.id).where(Issue.state == IssueState.SENDING)))
        .values(state=BatchState.LEASED, fence=Batch.fence + 1, lease_until=now + span)
        .returning(Batch.fence)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if claimed is None:
        return None
    return Lease(batch_id, batch.issue_id, claimed, taken_over, span)


def renew(session: Session, lease: Lease, *, now: datetime) -> bool:
    """Lengthen a lease; False when it was lost, or when its issue is no longer being sent."""
    renewed = session.execute(
        update(Batch)
        .where(Batch.id == lease.batch_id, Batch.fence == lease.fence)
        .where(Batch.state == BatchState.LEASED)
        .where(Batch.issue_id.in_(select(Issue.id).where(Issue.state == IssueState.SENDING)))
        .values(lease_until=now + lease.span)
        .returning(Batch.id)
        .execution_options(synchronize_session=False)
    )
    return renewed.scalar_one_or_none() is not None


def release(session: Session, lease: Lease, *, now: datetime, later: timedelta | None) -> bool:
    """End a lease: the batch is done, or ready for its next deliveries; True when it is done.

    `later` holds a batch back whose server is away. A lost lease changes nothing.
    """
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
        .where(Batch.id == lease.batch_id, Batch.fence == lease.fence)
        .values(
            state=BatchState.READY if open_rows else BatchState.DONE,
            lease_until=None,
            not_before=not_before if open_rows else None,
            enqueued_at=None,
        )
        .execution_options(synchronize_session=False)
    )
    return not open_rows


def claim_deliveries(
    session: Session, lease: Lease, *, newsletter: str, limit: int, now: datetime
) -> list[Claimed]:
    """Claim the next due deliveries of a leased batch for handing over.

    Consent is checked here, for the second time: a reader who left since the audience was taken
    is skipped with the reason, and nothing is sent. The caller commits before it sends.
    """
    rows = session.execute(
        select(
            Delivery.id,
            Delivery.edition_id,
            Delivery.attempts,
            Subscriber.public_id,
            Subscriber.email,
            Subscriber.name,
            Subscriber.state,
            Subscription.id.label("subscription_id"),
        )
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .outerjoin(
            Subscription,
            and_(
                Subscription.subscriber_id == Delivery.subscriber_id,
                Subscription.newsletter == newsletter,
                Subscription.ended_at.is_(None),
            ),
        )
        .where(Delivery.batch_id == lease.batch_id, Delivery.state == DeliveryState.PENDING)
        .where(or_(Delivery.not_before.is_(None), Delivery.not_before <= now))
        .order_by(Delivery.id)
        .limit(limit)
    ).all()
    gone = {row.id: _why_not(row.state, row.subscription_id) for row in rows}
    skip(session, {number: reason for number, reason in gone.items() if reason})
    wanted = [row for row in rows if gone[row.id] is None]
    claimed = _mark_sending(session, [row.id for row in wanted], now=now)
    return [
        Claimed(row.id, row.edition_id, row.attempts + 1, row.public_id, row.email, row.name)
        for row in wanted
        if row.id in claimed
    ]


def skip(session: Session, reasons: Mapping[int, str | None]) -> None:
    """Mark pending deliveries as skipped, each with its reason."""
    if reasons:
        session.execute(
            update(Delivery.__table__)  # type: ignore[arg-type]  # typed as FromClause
            .where(Delivery.id == bindparam("delivery_id"))
            .where(Delivery.state == DeliveryState.PENDING)
            .values(state=DeliveryState.SKIPPED, reason=bindparam("why")),
            [{"delivery_id": number, "why": reason} for number, reason in reasons.items()],
        )


def in_doubt(session: Session, batch_id: int) -> list[tuple[int, int]]:
    """Return the ids and attempts of deliveries that a lost worker had claimed."""
    rows = session.execute(
        select(Delivery.id, Delivery.attempts)
        .where(Delivery.batch_id == batch_id, Delivery.state == DeliveryState.SENDING)
        .order_by(Delivery.id)
    )
    return [(row.id, row.attempts) for row in rows]


def record(
    session: Session, verdicts: Iterable[tuple[int, Verdict, str]], *, now: datetime
) -> None:
    """Write what came of claimed deliveries: id, verdict and the server's answer."""
    rows = [
        {
            "delivery_id": delivery_id,
            "new_state": verdict.state,
            "why": verdict.reason,
            "later": verdict.not_before,
            "answer": answer or None,
            "at": now,
        }
        for delivery_id, verdict, answer in verdicts
    ]
    if rows:
        session.execute(
            update(Delivery.__table__)  # type: ignore[arg-type]  # typed as FromClause
            .where(Delivery.id == bindparam("delivery_id"))
            .where(Delivery.state == DeliveryState.SENDING)
            .values(
                state=bindparam("new_state"),
                reason=bindparam("why"),
                not_before=bindparam("later"),
                last_answer=bindparam("answer"),
                last_attempt_at=bindparam("at"),
            ),
            rows,
        )


def give_back(session: Session, delivery_ids: Sequence[int]) -> None:
    """Return claimed deliveries that were not handed over; the attempt does not count."""
    if delivery_ids:
        session.execute(
            update(Delivery)
            .where(Delivery.id.in_(delivery_ids), Delivery.state == DeliveryState.SENDING)
            .values(
                state=DeliveryState.PENDING,
                attempts=case((Delivery.attempts > 0, Delivery.attempts - 1), else_=0),
            )
            .execution_options(synchronize_session=False)
        )


def expire(session: Session, delivery_ids: Sequence[int]) -> None:
    """Fail claimed deliveries whose issue is too old while no server could be reached."""
    if delivery_ids:
        session.execute(
            update(Delivery)
            .where(Delivery.id.in_(delivery_ids), Delivery.state == DeliveryState.SENDING)
            .values(state=DeliveryState.FAILED, reason="gave up after no connection")
            .execution_options(synchronize_session=False)
        )


def _mark_sending(session: Session, delivery_ids: Sequence[int], *, now: datetime) -> set[int]:
    if not delivery_ids:
        return set()
    marked = session.execute(
        update(Delivery)
        .where(Delivery.id.in_(delivery_ids), Delivery.state == DeliveryState.PENDING)
        .values(state=DeliveryState.SENDING, attempts=Delivery.attempts + 1, last_attempt_at=now)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    return set(marked.scalars())


def _due(now: datetime) -> ColumnElement[bool]:
    ready = and_(
        Batch.state == BatchState.READY,
        or_(Batch.not_before.is_(None), Batch.not_before <= now),
    )
    return or_(ready, and_(Batch.state == BatchState.LEASED, Batch.lease_until < now))


def _why_not(state: SubscriberState | None, subscription_id: int | None) -> str | None:
    if state is None:
        return "erased"
    if state is not SubscriberState.CONFIRMED:
        return state.value
    return None if subscription_id is not None else "unsubscribed"
