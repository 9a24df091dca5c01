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
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, delete, exists, func, insert, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from alerts.delivery.editions import keys_for
from alerts.delivery.hours import next_at_hour
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.repeats import REACHED, WENT_OUT, Overlap, item_key, without
from alerts.delivery.tallies import AUDIENCE, Place, tally
from alerts.newsletters.content import IssueContent
from alerts.newsletters.models import Issue, IssueItem, IssueState
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

_LARGEST_BATCH = 1_000


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

    `overlap` says which other issues hold some of its pieces. Where nobody has changed it is one
    query, and else a handful, however many they are.
    """
    changed = _changed(issue)
    frequencies = session.scalars(_readers(issue, now, Subscription.frequency).distinct()).all()
    if not frequencies:
        return []
    had, brought = _had(session, overlap, changed), _brought(session, issue, frequencies)
    editions = _pieces_of(session, {number for numbers in had.values() for number in numbers})
    taken = set(
        session.scalars(
            select(Delivery.subscriber_id).where(
                Delivery.issue_id == issue.id, Delivery.subscriber_id.in_(changed)
            )
        )
    )
    columns = (
        *(Subscription.subscriber_id, Subscription.frequency, Subscription.wish),
        *(Subscriber.time_zone, Subscriber.send_hour),
    )
    # Thousands may have been moved by a file, with a few wishes between them.
    due = _Due(content, {})
    found = []
    query = _readers(issue, now, *columns).order_by(Subscription.subscriber_id)
    for number, frequency, wish, zone, hour in session.execute(query):
        past = brought[frequency].by(number)
        before = [editions[one] for one in had.get(number, ())]
        keys = due.keys(wish, past, before)
        if keys and number not in taken:
            interests = Interests.read(wish)
            frame = Frame(interests.language, interests.plain)
            found.append(Owed(number, keys, frame, zone, hour))
    return found


@dataclass(frozen=True, slots=True)
class _Due:
    """What readers are owed of an issue; worked out once for those who are alike."""

    content: IssueContent
    known: dict[tuple[str, str, str], tuple[str, ...]]

    def keys(
        self, wish: str, past: Sequence[Sequence[str]], had: Sequence[Sequence[str]]
    ) -> tuple[str, ...]:
        """Return the pieces that a reader wishes for, that are past for them, and not had."""
        alike = (wish, repr(past), repr(had))
        if alike not in self.known:
            wanted = keys_for(Interests.read(wish), self.content)
            gone = set(wanted) - set(without(wanted, past))
            self.known[alike] = tuple(key for key in without(wanted, had) if key in gone)
        return self.known[alike]


def _changed(issue: Issue) -> Select[int]:
    """Return the query for who got the newsletter at the issue's frequency until they changed."""
    return select(PaceChange.subscriber_id).where(
        PaceChange.newsletter == issue.newsletter, PaceChange.former == issue.frequency
    )


def _readers(issue: Issue, now: datetime, *columns: InstrumentedAttribute[Any]) -> Select[Any]:
    """Return the query for those of them who get it at another frequency, and are there."""
    return (
        select(*columns)
        .select_from(Subscription)
        .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        .where(Subscription.newsletter == issue.newsletter)
        .where(Subscription.subscriber_id.in_(_changed(issue)))
        .where(Subscription.ended_at.is_(None), Subscription.frequency != issue.frequency)
        .where(Subscriber.state == SubscriberState.CONFIRMED)
        .where(or_(Subscriber.paused_until.is_(None), Subscriber.paused_until <= now))
    )


def write_owed(
    session: Session,
    issue: Issue,
    owed: Sequence[Owed],
    *,
    usual_zone: str | None,
    now: datetime,
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
    # What was noticed between its cut-off and the change comes with the issue after it. An issue
    # drafted before this one and not sent yet, or dropped later, may hold more that they are owed.
    waits = aliased(Issue)
    session.execute(
        delete(PaceChange)
        .where(
            PaceChange.newsletter == issue.newsletter,
            PaceChange.former == issue.frequency,
            PaceChange.changed_at <= issue.until,
            ~exists().where(
                waits.newsletter == issue.newsletter,
                waits.frequency == issue.frequency,
                waits.id != issue.id,
                waits.audience_at.is_(None),
                waits.state.not_in((IssueState.SENT, IssueState.CANCELLED)),
            ),
        )
        .execution_options(synchronize_session=False)
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
    tally(session, issue.id, {Place(AUDIENCE): len(owed)}, now=now)
    return len(batches)


def _batches(
    owed: Iterable[Owed], issue: Issue, usual_zone: str | None
) -> list[tuple[datetime | None, list[Owed]]]:
    begin = issue.started_at or issue.until
    found: dict[datetime | None, list[Owed]] = defaultdict(list)
    for one in owed:
        at = None
        if usual_zone is not None and one.send_hour is not None:
            at = next_at_hour(begin, ZoneInfo(one.time_zone or usual_zone), one.send_hour)
        found[at].append(one)
    return [
        (at, readers[start : start + _LARGEST_BATCH])
        for at, readers in found.items()
        for start in range(0, len(readers), _LARGEST_BATCH)
    ]


def _had(session: Session, overlap: Overlap, changed: Select[int]) -> Mapping[int, Sequence[int]]:
    """Return the editions that these readers got of the overlapping issues, in order."""
    found: dict[int, list[int]] = defaultdict(list)
    if overlap.editions:
        rows = session.execute(
            select(Delivery.subscriber_id, Delivery.edition_id)
            .where(Delivery.subscriber_id.in_(changed), Delivery.issue_id.in_(overlap.issues))
            .where(Delivery.edition_id.in_(overlap.editions), Delivery.state.in_(REACHED))
            .order_by(Delivery.edition_id)
        )
        for number, edition in rows:
            if number is not None and edition is not None:
                found[number].append(edition)
    return found


def _pieces_of(session: Session, editions: Collection[int]) -> Mapping[int, list[str]]:
    rows = session.execute(select(Edition.id, Edition.item_keys).where(Edition.id.in_(editions)))
    return {row.id: row.item_keys for row in rows}


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
