"""Taking the audience: who gets an issue, and which edition, written down in one pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, Self

from sqlalchemy import (
    Case,
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from alerts.delivery.hours import note_hours
from alerts.delivery.models import (
    Batch,
    BatchState,
    Delivery,
    DeliveryState,
    IssueHour,
    IssueWish,
)
from alerts.delivery.repeats import Overlap
from alerts.delivery.tallies import AUDIENCE, Place, tally
from alerts.newsletters.models import Issue, IssueState
from alerts.subscribers.models import Subscriber, SubscriberState, Subscription

NOTHING_MATCHING = "nothing for this reader's wishes"
ALREADY_HAD = "had every article already"
PAUSED = "paused by the reader"
NO_OVERLAP = Overlap()
# Subscribers looked at in one transaction: few at first, so that sending begins at once.
_FIRST_CHUNK, _CHUNK = 5_000, 50_000
# Small batches part a small issue among all workers, large ones cost a large issue less: none are
# very small where more readers follow, and the last ones are, so that all workers end together.
_SMALLEST_BATCH, _LARGEST_BATCH, _BATCHES_A_CHUNK = 250, 2_000, 16
_SMALLEST_BEFORE_MORE, _LAST_ONES = 1_000, 4


@dataclass(frozen=True, slots=True)
class Audience:
    """What one taking added: readers, and the batches in which the mailed ones go.

    `complete` tells that nobody is left to take.
    """

    readers: int
    batches: int
    complete: bool = True


def take_audience(
    session: Session,
    issue: Issue,
    *,
    overlap: Overlap = NO_OVERLAP,
    readers_hour: bool = False,
    usual_zone: str = "UTC",
    now: datetime,
) -> Audience | None:
    """Write a ledger row for the next confirmed readers of the issue; None when it is not ours.

    Readers are taken in the order of their numbers, a chunk a transaction, each chunk in one
    pass; `audience_upto` says how far, and `audience_at` is set with the last one. The wishes
    must stand in `issue_wishes`. Readers whose wish comes to no edition, and those who asked for
    a pause, are in the ledger too, skipped with the reason. What they had of the articles in
    other issues tells `overlap`. With `readers_hour` the batches of those who named an hour
    wait for it, in their zone or the `usual_zone`. The compare-and-set on how far it got, and
    the unique key on issue and subscriber, make a second taking harmless.
    """
    after = issue.audience_upto
    upto = _end_of_chunk(session, issue)
    taken = session.execute(
        update(Issue)
        .where(Issue.id == issue.id, Issue.audience_at.is_(None), Issue.audience_upto == after)
        # Paused or cancelled while its editions were rendered, it takes no audience.
        .where(Issue.state == IssueState.SENDING)
        .values(audience_upto=upto or after, audience_at=None if upto else now)
        .returning(Issue.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if taken is None:
        return None
    chunk = _Chunk(issue, upto, overlap.readers(issue.audience_upto, upto), now)
    if readers_hour:
        note_hours(session, issue, _hours(session, issue, upto), usual_zone=usual_zone)
    counted = session.execute(
        chunk.readers(IssueHour.not_before, func.count(), func.count(chunk.edition))
        .group_by(IssueHour.not_before)
        .order_by(IssueHour.not_before)
    ).all()
    mailed = sum(count for _, _, count in counted)
    parting = _Parting.of(mailed, more_follow=upto is not None)
    firsts, rows = dict[datetime | None, tuple[int, int]](), list[dict[str, object]]()
    number = _next_batch_number(session, issue)
    for not_before, _, count in counted:
        firsts[not_before] = number, parting.large_ones(count)
        for _ in range(parting.batches(count)):
            row = {"issue_id": issue.id, "number": number, "not_before": not_before}
            rows.append(row | {"state": BatchState.READY, "fence": 0})
            number += 1
    if rows:
        session.execute(insert(Batch).execution_options(render_nulls=True), rows)
    _write_ledger(session, chunk, firsts=firsts, parting=parting)
    readers = sum(count for _, count, _ in counted)
    taken_in = {Place(AUDIENCE): readers, Place(DeliveryState.SKIPPED.value): readers - mailed}
    tally(session, issue.id, taken_in, now=now)
    return Audience(readers=readers, batches=len(rows), complete=upto is None)


@dataclass(frozen=True, slots=True)
class _Parting:
    """How many readers go into a batch: into the first ones `large`, into the last ones `small`."""

    large: int
    small: int

    @classmethod
    def of(cls, mailed: int, *, more_follow: bool) -> Self:
        """Part the readers of a chunk, behind whom more of the issue's readers may follow."""
        smallest = _SMALLEST_BEFORE_MORE if more_follow else _SMALLEST_BATCH
        large = min(_LARGEST_BATCH, max(smallest, ceil(mailed / _BATCHES_A_CHUNK)))
        return cls(large, large if more_follow else max(_SMALLEST_BATCH, large // _LAST_ONES))

    def large_ones(self, readers: int) -> int:
        """Return how many of so many readers' batches are large: all but the last one's worth."""
        return max(0, readers // self.large - 1)

    def batches(self, readers: int) -> int:
        """Return how many batches there are for so many readers."""
        large = self.large_ones(readers)
        return large + ceil((readers - large * self.large) / self.small)

    def number(self, place: ColumnElement[int], large_ones: ColumnElement[int]) -> Case[int]:
        """Return which batch the reader at a place is in, counted from 0."""
        behind = place - large_ones * self.large
        return case((behind < 0, place // self.large), else_=large_ones + behind // self.small)


def unknown_wishes(
    session: Session, issue: Issue, *, overlap: Overlap = NO_OVERLAP
) -> list[tuple[str, str]]:
    """Return the wishes of the next readers that do not stand in `issue_wishes`.

    Each with what its readers had of other issues, see `IssueWish`.
    """
    upto = _end_of_chunk(session, issue)
    had = overlap.readers(issue.audience_upto, upto)
    known = select(literal(1)).where(
        IssueWish.issue_id == issue.id,
        IssueWish.wish == Subscription.wish,
        IssueWish.had == _had(had),
    )
    query = select(Subscription.wish, _had(had)).select_from(Subscription)
    if had is not None:
        query = query.outerjoin(had, had.c.subscriber_id == Subscription.subscriber_id)
    query = query.where(_chunk_of(issue, upto), ~known.exists()).distinct()
    return sorted((wish, before) for wish, before in session.execute(query))


def _end_of_chunk(session: Session, issue: Issue) -> int | None:
    """Return the number of the chunk's last subscriber; None when it is the last chunk."""
    size = _CHUNK if issue.audience_upto else _FIRST_CHUNK
    query = (
        select(Subscription.subscriber_id)
        .where(_subscribed(issue), Subscription.subscriber_id > issue.audience_upto)
        .order_by(Subscription.subscriber_id)
        .offset(size - 1)
        .limit(1)
    )
    return session.execute(query).scalar_one_or_none()


def _chunk_of(issue: Issue, upto: int | None) -> ColumnElement[bool]:
    chunk = and_(_subscribed(issue), Subscription.subscriber_id > issue.audience_upto)
    return chunk if upto is None else and_(chunk, Subscription.subscriber_id <= upto)


def _next_batch_number(session: Session, issue: Issue) -> int:
    last = session.scalar(select(func.max(Batch.number)).where(Batch.issue_id == issue.id))
    return 0 if last is None else last + 1


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The readers of one taking; `had` says who had what of other issues."""

    issue: Issue
    upto: int | None
    had: Subquery | None
    now: datetime

    @property
    def edition(self) -> ColumnElement[int | None]:
        """The edition a reader gets; none while they are away."""
        here = or_(Subscriber.paused_until.is_(None), Subscriber.paused_until <= self.now)
        return case((here, IssueWish.edition_id))

    @property
    def reason(self) -> ColumnElement[str | None]:
        """Why a reader without an edition gets none."""
        return case((IssueWish.edition_id.is_not(None), PAUSED), else_=IssueWish.reason)

    def readers(self, *columns: ColumnElement[Any] | InstrumentedAttribute[Any]) -> Select[Any]:
        """Return the query for values of each reader of the chunk."""
        query = select(*columns).select_from(Subscription).join(Subscriber, _confirmed())
        if self.had is not None:
            query = query.outerjoin(
                self.had, self.had.c.subscriber_id == Subscription.subscriber_id
            )
        wish = and_(
            IssueWish.issue_id == self.issue.id,
            IssueWish.wish == Subscription.wish,
            IssueWish.had == _had(self.had),
        )
        hour = and_(
            IssueHour.issue_id == self.issue.id,
            IssueHour.time_zone == func.coalesce(Subscriber.time_zone, ""),
            IssueHour.send_hour == Subscriber.send_hour,
        )
        query = query.join(IssueWish, wish).outerjoin(IssueHour, hour)
        return query.where(_chunk_of(self.issue, self.upto))


def _hours(session: Session, issue: Issue, upto: int | None) -> Sequence[tuple[str | None, int]]:
    """Return the zones and hours that the next readers named."""
    query = (
        select(Subscriber.time_zone, Subscriber.send_hour)
        .select_from(Subscription)
        .join(Subscriber, _confirmed())
        .where(_chunk_of(issue, upto), Subscriber.send_hour.is_not(None))
        .distinct()
    )
    return [(zone, hour) for zone, hour in session.execute(query) if hour is not None]


def _had(readers: Subquery | None) -> ColumnElement[str]:
    return literal("") if readers is None else func.coalesce(readers.c.had, "")


def _write_ledger(
    session: Session,
    chunk: _Chunk,
    *,
    firsts: Mapping[datetime | None, tuple[int, int]],
    parting: _Parting,
) -> None:
    """Write a chunk's rows; `firsts` holds each moment's first batch, and how many are large."""
    placed = chunk.readers(
        Subscription.subscriber_id,
        chunk.edition.label("edition_id"),
        chunk.reason.label("reason"),
        # Readers of one edition go together: a batch compiles few messages. The batch number is
        # only meant for rows with an edition; the others stand in a partition of theirs.
        (
            func.row_number().over(
                partition_by=[chunk.edition.is_(None), IssueHour.not_before],
                order_by=[IssueWish.edition_id, Subscription.subscriber_id],
            )
            - 1
        ).label("place"),
        _of_moment({moment: first for moment, (first, _) in firsts.items()}).label("first_batch"),
        _of_moment({moment: large for moment, (_, large) in firsts.items()}).label("large_ones"),
    ).subquery("placed")
    skipped = placed.c.edition_id.is_(None)
    rows = (
        select(
            literal(chunk.issue.id),
            placed.c.subscriber_id,
            placed.c.edition_id,
            Batch.id,
            case((skipped, DeliveryState.SKIPPED.value), else_=DeliveryState.PENDING.value),
            case((skipped, placed.c.reason), else_=None),
            literal(0),
        )
        .select_from(placed)
        .outerjoin(
            Batch,
            and_(
                Batch.issue_id == chunk.issue.id,
                placed.c.edition_id.is_not(None),
                Batch.number
                == placed.c.first_batch + parting.number(placed.c.place, placed.c.large_ones),
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


def _of_moment(numbers: Mapping[datetime | None, int]) -> ColumnElement[int]:
    """Return the number that belongs to a reader's moment."""
    timed = {moment: number for moment, number in numbers.items() if moment is not None}
    at_once = literal(numbers.get(None, 0))
    if not timed:
        return at_once
    return case(
        *((IssueHour.not_before == moment, number) for moment, number in timed.items()),
        else_=at_once,
    )


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
