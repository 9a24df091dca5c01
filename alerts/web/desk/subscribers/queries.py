"""The SQL of the subscribers' room: each by an index, however many readers there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.returned import BounceEvent
from alerts.newsletters.models import Issue
from alerts.subscribers.models import (
    ConsentRecord,
    Frequency,
    Subscriber,
    SubscriberState,
    Subscription,
    Suppression,
)
from alerts.subscribers.suppression import suppressed

PAGE = 50
_MOST_SENT = 50
_MOST_RECORDS = 300


_SentColumns: TypeAlias = tuple[
    int, str, int | None, str, DeliveryState, str | None, str | None, datetime | None
]


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery of a subscriber, with its issue."""

    issue_id: int
    newsletter: str
    number: int | None
    subject: str
    state: DeliveryState
    reason: str | None
    answer: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class SuppressedLine:
    """Somebody who is not mailed, and why."""

    id: int
    email: str
    reason: str


def newest_subscribers(
    condition: ColumnElement[bool] | None, *, before: int | None, limit: int
) -> Select[Subscriber]:
    """Return the query for subscribers, the newest first; `before` goes on after a page."""
    query = select(Subscriber).order_by(Subscriber.id.desc()).limit(limit)
    if condition is not None:
        query = query.where(condition)
    return query if before is None else query.where(Subscriber.id < before)


def readers_of(
    session: Session, newsletter: str, *, before: int | None, limit: int
) -> Sequence[Subscriber]:
    """Return the readers of a newsletter, the newest first, by the index of its audience.

    A newsletter of ten readers among a million costs no more than any other: each frequency's
    newest are asked for, and the newest of all are taken.
    """
    numbers: list[int] = []
    for frequency in Frequency:
        query = select(Subscription.subscriber_id).where(
            Subscription.newsletter == newsletter,
            Subscription.frequency == frequency,
            Subscription.ended_at.is_(None),
        )
        if before is not None:
            query = query.where(Subscription.subscriber_id < before)
        query = query.order_by(Subscription.subscriber_id.desc()).limit(limit)
        numbers += session.scalars(query)
    newest = sorted(numbers, reverse=True)[:limit]
    chosen = select(Subscriber).where(Subscriber.id.in_(newest))
    return session.scalars(chosen.order_by(Subscriber.id.desc())).all()


def last_sent(subscriber_id: int) -> Select[*_SentColumns]:
    """Return the query for what was sent to a subscriber, the last first."""
    return (
        select(
            Delivery.issue_id,
            Issue.newsletter,
            Issue.number,
            Issue.subject,
            Delivery.state,
            Delivery.reason,
            Delivery.last_answer,
            Delivery.last_attempt_at,
        )
        .join(Issue, Issue.id == Delivery.issue_id)
        .where(Delivery.subscriber_id == subscriber_id)
        .order_by(Delivery.issue_id.desc())
        .limit(_MOST_SENT)
    )


def sent_to(session: Session, subscriber_id: int) -> Sequence[Sent]:
    """Return what was sent to a subscriber, the last first."""
    return [Sent(*row) for row in session.execute(last_sent(subscriber_id))]


def returned_from(session: Session, subscriber_id: int) -> Sequence[BounceEvent]:
    """Return what came back from a subscriber's address, the last first."""
    query = select(BounceEvent).where(BounceEvent.subscriber_id == subscriber_id)
    return session.scalars(query.order_by(BounceEvent.at.desc()).limit(_MOST_SENT)).all()


def consents_of(session: Session, subscriber_id: int) -> Sequence[ConsentRecord]:
    """Return what a subscriber agreed to, changed and took back, the last first."""
    query = select(ConsentRecord).where(ConsentRecord.subscriber_id == subscriber_id)
    return session.scalars(query.order_by(ConsentRecord.id.desc()).limit(_MOST_RECORDS)).all()


def suppressed_subscribers(
    session: Session, *, keys: Sequence[str], before: int | None
) -> tuple[list[SuppressedLine], int | None]:
    """Return a page of those who are not mailed, the newest first, and where the next goes on."""
    state = Subscriber.state == SubscriberState.SUPPRESSED
    found = session.scalars(newest_subscribers(state, before=before, limit=PAGE + 1)).all()
    page = found[:PAGE]
    why = suppressed(session, [one.email_key for one in page], keys=keys)
    lines = [SuppressedLine(one.id, one.email, why.get(one.email_key, "")) for one in page]
    return lines, page[-1].id if len(found) > PAGE else None


def suppressions_by_reason(session: Session) -> Mapping[str, int]:
    """Count the addresses that are not mailed, by the reason, the commonest first."""
    counted = func.count()
    query = select(Suppression.reason, counted).group_by(Suppression.reason)
    return dict(session.execute(query.order_by(counted.desc()).limit(20)).all())
