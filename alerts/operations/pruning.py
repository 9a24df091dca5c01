"""Forgetting what is no longer needed, after the times that the settings name, in small slices."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.erasing import forget_person
from alerts.delivery.returned_counts import prune_returned_counts
from alerts.inbound.storing import prune_mails
from alerts.kept_answers import prune_answers
from alerts.rendering.reviewing.links import prune_link_checks
from alerts.request_limits import prune_counts
from alerts.subscribers.growth import settle_days
from alerts.subscribers.models import ConsentRecord, Subscriber, SubscriberState, Subscription
from alerts.subscribers.uploads.service import prune_uploads
from alerts.webhooks.queries import prune_webhooks

# A slice is a transaction: whoever writes meanwhile waits for this many rows at most.
_SLICE = 500


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows were removed or emptied, by what they were."""

    unconfirmed: int = 0
    departed: int = 0
    networks: int = 0
    mails: int = 0
    uploads: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """The numbers by name."""
        return asdict(self)


def prune(database: Database, settings: Settings, *, clock: Clock) -> Pruned:
    """Apply the retention periods; what has none is kept for ever. Safe to stop and to repeat.

    Sign-ups that nobody confirmed go whole; so do people who left, as long after; the network
    addresses of consents are emptied, the consents themselves stay as long as their people.
    Inbound mails, and files of subscribers with their reports, go when their time is over, which
    they were given when they came.
    """
    now = clock.now()
    with database.transaction() as session:
        settle_days(session, clock=clock)
        prune_counts(session, now=now)
        prune_link_checks(session, now=now)
        prune_answers(session, now=now)
        prune_webhooks(session, now=now)
    return Pruned(
        unconfirmed=_forget(database, _unconfirmed, settings.keep_unconfirmed, now, clock),
        departed=_forget(database, _departed, settings.keep_departed, now, clock),
        networks=_empty_networks(database, settings.keep_networks, now),
        mails=_remove_mails(database, now),
        uploads=_remove_uploads(database, now),
    )


def _forget(
    database: Database,
    which: Callable[[datetime], ColumnElement[bool]],
    keep: timedelta | None,
    now: datetime,
    clock: Clock,
) -> int:
    if keep is None:
        return 0
    count = 0
    while True:
        with database.transaction() as session:
            slice_ = session.scalars(
                select(Subscriber).where(which(now - keep)).order_by(Subscriber.id).limit(_SLICE)
            ).all()
            for subscriber in slice_:
                forget_person(session, subscriber, clock=clock)
        count += len(slice_)
        if len(slice_) < _SLICE:
            return count


def _unconfirmed(before: datetime) -> ColumnElement[bool]:
    asked_again = (
        select(ConsentRecord.id)
        .where(ConsentRecord.subscriber_id == Subscriber.id, ConsentRecord.at >= before)
        .exists()
    )
    return and_(
        Subscriber.state == SubscriberState.UNCONFIRMED,
        Subscriber.created_at < before,
        ~asked_again,
    )


def _departed(before: datetime) -> ColumnElement[bool]:
    lately = (
        select(Subscription.id)
        .where(Subscription.subscriber_id == Subscriber.id)
        .where((Subscription.ended_at.is_(None)) | (Subscription.ended_at >= before))
        .exists()
    )
    return and_(
        Subscriber.state == SubscriberState.UNSUBSCRIBED, Subscriber.created_at < before, ~lately
    )


def _empty_networks(database: Database, keep: timedelta | None, now: datetime) -> int:
    if keep is None:
        return 0
    count = 0
    while True:
        with database.transaction() as session:
            emptied = _emptied(session, now - keep)
        count += emptied
        if emptied < _SLICE:
            return count


def _remove_mails(database: Database, now: datetime) -> int:
    count = 0
    while True:
        with database.transaction() as session:
            removed = prune_mails(session, now=now, limit=_SLICE)
        count += removed
        if removed < _SLICE:
            break
    with database.transaction() as session:
        prune_returned_counts(session, now=now)
    return count


def _remove_uploads(database: Database, now: datetime) -> int:
    # One at a time: each may hold some hundred megabytes.
    count = 0
    while True:
        with database.transaction() as session:
            removed = prune_uploads(session, now=now, limit=1)
        count += removed
        if not removed:
            return count


def _emptied(session: Session, before: datetime) -> int:
    numbers = (
        select(ConsentRecord.id)
        .where(ConsentRecord.at < before, ConsentRecord.origin.is_not(None))
        .limit(_SLICE)
    )
    found = session.scalars(
        update(ConsentRecord)
        .where(ConsentRecord.id.in_(numbers))
        .values(origin=None)
        .returning(ConsentRecord.id)
        .execution_options(synchronize_session=False)
    )
    return len(found.all())
