"""Taking the audience: who gets an issue, and which edition, written down in one pass."""

from dataclasses import dataclass
from datetime import datetime
from math import ceil

from sqlalchemy import ColumnElement, and_, case, func, insert, literal, select, update
from sqlalchemy.orm import Session

from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState, IssueWish
from alerts.newsletters.models import Issue, IssueState
from alerts.subscribers.models import Subscriber, SubscriberState, Subscription

BATCH_SIZE = 500
NOTHING_MATCHING = "nothing for this reader's regions"


@dataclass(frozen=True, slots=True)
class Audience:
    """How many readers an issue has, and in how many batches the mailed ones go."""

    readers: int
    batches: int


def wishes(session: Session, issue: Issue) -> list[str]:
    """Return the different wishes among the readers of an issue."""
    query = select(Subscription.wish).where(_subscribed(issue)).distinct()
    return sorted(session.execute(query).scalars())


def take_audience(session: Session, issue: Issue, *, now: datetime) -> Audience | None:
    """Write a ledger row for every confirmed reader of the issue; None when it was done before.

    The wishes must stand in `issue_wishes`. Readers whose wish comes to no edition are in the
    ledger too, skipped with the reason. The unique key on issue and subscriber, and the
    compare-and-set on `audience_at`, make a second taking harmless.
    """
    taken = session.execute(
        update(Issue)
        .where(Issue.id == issue.id, Issue.audience_at.is_(None))
        # Paused or cancelled while its editions were rendered, it takes no audience.
        .where(Issue.state == IssueState.SENDING)
        .values(audience_at=now)
        .returning(Issue.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if taken is None:
        return None
    readers, mailed = session.execute(
        select(func.count(), func.count(IssueWish.edition_id))
        .select_from(Subscription)
        .join(Subscriber, _confirmed())
        .join(IssueWish, _wish_of(issue))
        .where(_subscribed(issue))
    ).one()
    batches = ceil(mailed / BATCH_SIZE)
    if batches:
        session.execute(
            insert(Batch),
            [
                {"issue_id": issue.id, "number": number, "state": BatchState.READY, "fence": 0}
                for number in range(batches)
            ],
        )
    _write_ledger(session, issue)
    return Audience(readers=readers, batches=batches)


def _write_ledger(session: Session, issue: Issue) -> None:
    unmailed = IssueWish.edition_id.is_(None)
    placed = (
        select(
            Subscription.subscriber_id,
            IssueWish.edition_id,
            # Readers of one edition go together: a batch compiles few messages. The batch number
            # is only meant for rows with an edition; the others stand in a partition of theirs.
            (
                func.row_number().over(
                    partition_by=unmailed,
                    order_by=[IssueWish.edition_id, Subscription.subscriber_id],
                )
                - 1
            ).label("place"),
        )
        .join(Subscriber, _confirmed())
        .join(IssueWish, _wish_of(issue))
        .where(_subscribed(issue))
        .subquery("placed")
    )
    skipped = placed.c.edition_id.is_(None)
    rows = (
        select(
            literal(issue.id),
            placed.c.subscriber_id,
            placed.c.edition_id,
            Batch.id,
            case((skipped, DeliveryState.SKIPPED.value), else_=DeliveryState.PENDING.value),
            case((skipped, NOTHING_MATCHING), else_=None),
            literal(0),
        )
        .select_from(placed)
        .outerjoin(
            Batch,
            and_(
                Batch.issue_id == issue.id,
                placed.c.edition_id.is_not(None),
                Batch.number == placed.c.place // BATCH_SIZE,
            ),
        )
        .order_by(Batch.id, placed.c.place)
    )
    columns = [
        "issue_id",
        "subscriber_id",
        "edition_id",
        "batch_id",
        "state",
        "reason",
        "attempts",
    ]
    session.execute(insert(Delivery.__table__).from_select(columns, rows))  # type: ignore[arg-type]  # typed as FromClause


def _subscribed(issue: Issue) -> ColumnElement[bool]:
    return and_(
        Subscription.newsletter == issue.newsletter,
        Subscription.frequency == issue.frequency,
        Subscription.ended_at.is_(None),
    )


def _confirmed() -> ColumnElement[bool]:
    return and_(
        Subscriber.id == Subscription.subscriber_id,
        Subscriber.state == SubscriberState.CONFIRMED,
    )


def _wish_of(issue: Issue) -> ColumnElement[bool]:
    return and_(IssueWish.issue_id == issue.id, IssueWish.wish == Subscription.wish)
