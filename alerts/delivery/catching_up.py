"""Readers who changed how often they get a newsletter: nothing is missed between two frequencies.

Whoever goes from weekly to daily on a Wednesday is owed what Monday's and Tuesday's dailies held:
the dailies have brought it already, and the weekly issue that would have is theirs no more. So the
next issue at the former frequency goes to them once more, with those pieces alone; where there
are none, they get none of it. What they have had they do not get again, in whichever issue.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import and_, delete, func, insert, or_, select
from sqlalchemy.orm import Session

from alerts.delivery.hours import next_at_hour
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.repeats import REACHED, WENT_OUT, Overlap, item_key, without
from alerts.newsletters.content import IssueContent
from alerts.newsletters.models import Issue, IssueItem
from alerts.rendering.frame import Frame
from alerts.rendering.models import Edition
from alerts.rendering.service import variant_of
from alerts.subscribers.interests import Interests
from alerts.subscribers.models import (
    Frequency,
    PaceChange,
    Subscriber,
    SubscriberState,
    Subscription,
)


@dataclass(frozen=True, slots=True)
class Owed:
    """The pieces of an issue that a reader of another frequency now is owed, in which frame."""

    subscriber_id: int
    keys: tuple[str, ...]
    frame: Frame
    time_zone: str | None = None
    send_hour: int | None = None

    @property
    def variant(self) -> str:
        """The name of the edition that holds just these pieces."""
        return variant_of(self.keys, self.frame)


@dataclass(frozen=True, slots=True)
class _Brought:
    """What issues at a frequency have brought of an issue's pieces, to whom.

    `all` to everybody; `some` to those whose numbers are not above, while audiences are taken.
    """

    all: list[list[str]] = field(default_factory=list)
    some: list[tuple[int, list[str]]] = field(default_factory=list)

    def by(self, subscriber_id: int) -> list[list[str]]:
        """Return what is past for a reader: no issue of the frequency will bring it to them."""
        return self.all + [keys for upto, keys in self.some if upto >= subscriber_id]


def owed_pieces(
    session: Session, issue: Issue, content: IssueContent, overlap: Overlap, *, now: datetime
) -> list[Owed]:
    """Return which readers of other frequencies are owed which pieces of an issue.

    `overlap` says which other issues hold some of its pieces. One query where nobody has changed.
    """
    rows = session.execute(
        select(
            Subscription.subscriber_id,
            Subscription.frequency,
            Subscription.wish,
            Subscriber.time_zone,
            Subscriber.send_hour,
        )
        .join(
            PaceChange,
            and_(
                PaceChange.subscriber_id == Subscription.subscriber_id,
                PaceChange.newsletter == Subscription.newsletter,
            ),
        )
        .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        .where(PaceChange.newsletter == issue.newsletter, PaceChange.former == issue.frequency)
        .where(Subscription.ended_at.is_(None), Subscription.frequency != issue.frequency)
        .where(Subscriber.state == SubscriberState.CONFIRMED)
        .where(or_(Subscriber.paused_until.is_(None), Subscriber.paused_until <= now))
        .order_by(Subscription.subscriber_id)
    ).all()
    if not rows:
        return []
    readers = {row.subscriber_id for row in rows}
    had = _had(session, overlap, readers)
    brought = _brought(session, issue, {row.frequency for row in rows})
    taken = set(
        session.scalars(
            select(Delivery.subscriber_id).where(
                Delivery.issue_id == issue.id, Delivery.subscriber_id.in_(readers)
            )
        )
    )
    found = []
    for number, frequency, wish, zone, hour in rows:
        interests = Interests.read(wish)
        wanted = keys_for(interests, content)
        past = brought[frequency].by(number)
        due = set(wanted) - set(without(wanted, past))
        keys = tuple(key for key in without(wanted, had[number]) if key in due)
        if keys and number not in taken:
            frame = Frame(interests.language, interests.plain)
            found.append(Owed(number, keys, frame, zone, hour))
    return found


def write_owed(
    session: Session,
    issue: Issue,
    owed: Sequence[Owed],
    *,
    usual_zone: str | None,
) -> int | None:
    """Write ledger rows and batches for what is owed; returns how many batches.

    In the transaction that ends the taking of the audience, and so once. None when an edition is
    not there yet: the caller renders it and comes back. With a `usual_zone` readers' hours are
    waited for. What the issue has settled of changes is settled for good.
    """
    editions = {
        variant: number
        for number, variant in session.execute(
            select(Edition.id, Edition.variant).where(
                Edition.issue_id == issue.id, Edition.variant.in_({one.variant for one in owed})
            )
        )
    }
    if any(one.variant not in editions for one in owed):
        return None
    # What was noticed between its cut-off and the change comes with the issue after it.
    session.execute(
        delete(PaceChange).where(
            PaceChange.newsletter == issue.newsletter,
            PaceChange.former == issue.frequency,
            PaceChange.changed_at <= issue.until,
        )
    )
    batches = _batches(owed, issue, usual_zone)
    last = session.scalar(select(func.max(Batch.number)).where(Batch.issue_id == issue.id))
    for number, (not_before, readers) in enumerate(batches, start=0 if last is None else last + 1):
        batch = Batch(
            issue_id=issue.id, number=number, state=BatchState.READY, not_before=not_before
        )
        session.add(batch)
        session.flush()
        session.execute(
            insert(Delivery),
            [
                {
                    "issue_id": issue.id,
                    "subscriber_id": one.subscriber_id,
                    "edition_id": editions[one.variant],
                    "batch_id": batch.id,
                    "state": DeliveryState.PENDING,
                    "attempts": 0,
                }
                for one in readers
            ],
        )
    return len(batches)


def keys_for(interests: Interests, content: IssueContent) -> tuple[str, ...]:
    """Return the keys of an issue's pieces that a reader wishes for, in order."""
    return tuple(
        item.key
        for item in content.items
        if interests.wants(
            regions=item.regions,
            countries=item.countries,
            topics=item.topics,
            series=item.series,
        )
    )


def _batches(
    owed: Iterable[Owed], issue: Issue, usual_zone: str | None
) -> list[tuple[datetime | None, list[Owed]]]:
    start = issue.started_at or issue.until
    found: dict[datetime | None, list[Owed]] = defaultdict(list)
    for one in owed:
        at = None
        if usual_zone is not None and one.send_hour is not None:
            at = next_at_hour(start, ZoneInfo(one.time_zone or usual_zone), one.send_hour)
        found[at].append(one)
    return list(found.items())


def _had(
    session: Session, overlap: Overlap, readers: Collection[int]
) -> Mapping[int, list[list[str]]]:
    """Return the pieces of each edition that these readers got of the overlapping issues."""
    found: dict[int, list[list[str]]] = defaultdict(list)
    if overlap.editions:
        rows = session.execute(
            select(Delivery.subscriber_id, Edition.item_keys)
            .join(Edition, Edition.id == Delivery.edition_id)
            .where(Delivery.subscriber_id.in_(readers), Delivery.issue_id.in_(overlap.issues))
            .where(Delivery.state.in_(REACHED))
        )
        for number, keys in rows:
            if number is not None:
                found[number].append(keys)
    return found


def _brought(
    session: Session, issue: Issue, frequencies: Collection[Frequency]
) -> Mapping[Frequency, _Brought]:
    """Return what issues at other frequencies have brought of this issue's articles."""
    articles = select(IssueItem.article_id).where(IssueItem.issue_id == issue.id)
    rows = session.execute(
        select(
            Issue.id,
            Issue.frequency,
            Issue.audience_at,
            Issue.audience_upto,
            IssueItem.article_id,
            IssueItem.part,
        )
        .join(IssueItem, IssueItem.issue_id == Issue.id)
        .where(Issue.newsletter == issue.newsletter, Issue.frequency.in_(frequencies))
        .where(Issue.state.in_(WENT_OUT), IssueItem.article_id.in_(articles))
    )
    pieces: dict[tuple[int, Frequency, bool, int], list[str]] = defaultdict(list)
    for number, frequency, whole_at, upto, article, part in rows:
        pieces[number, frequency, whole_at is not None, upto].append(item_key(article, part))
    found: dict[Frequency, _Brought] = defaultdict(_Brought)
    for (_, frequency, is_whole, upto), keys in pieces.items():
        if is_whole:
            found[frequency].all.append(keys)
        else:
            found[frequency].some.append((upto, keys))
    return found
