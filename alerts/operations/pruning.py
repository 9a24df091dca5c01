"""Forgetting what is no longer needed, after the times that the settings name, in small slices.

Everything goes by slices (`slices.py`): ten million rows take their time, and nobody waits for it.
Whoever keeps something for a time adds it here, with what says that its time is over.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.erasing import forget_person
from alerts.delivery.models import CanaryCopy
from alerts.delivery.returned import ReturnedCount
from alerts.delivery.returned_counts import old_returned_counts
from alerts.delivery.rolling_up import old_issues, remove_batches, roll_up
from alerts.inbound.storing import prune_mails
from alerts.kept_answers import KEPT, KeptAnswer
from alerts.operations.models import Alarm
from alerts.operations.slices import SLICE, Rest, Step, in_slices, removing, rest
from alerts.outbox.models import WebhookDelivery, WebhookEvent
from alerts.rendering.reviewing.links import forgotten_link_checks
from alerts.rendering.reviewing.models import LinkCheck
from alerts.request_limits import RateCount
from alerts.staff.models import AuditEntry, Lock, LogInTry, PasswordLink, StaffSession
from alerts.staff.pruning import ended_links, ended_sessions, old_entries, old_locks, old_tries
from alerts.subscribers.growth import settle_days
from alerts.subscribers.models import ConsentRecord, Subscriber, SubscriberState, Subscription
from alerts.subscribers.uploads.service import prune_uploads
from alerts.webhooks.queries import old_events

# Counting a day goes through all that happened on it; most are done in a millisecond.
_DAYS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows were removed or emptied, by what they were."""

    unconfirmed: int = 0
    departed: int = 0
    networks: int = 0
    mails: int = 0
    uploads: int = 0
    deliveries: int = 0
    alarms: int = 0
    sessions: int = 0
    log_ins: int = 0
    log_entries: int = 0
    link_checks: int = 0
    webhook_events: int = 0
    returned_counts: int = 0
    answers: int = 0
    counts_of_requests: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """The numbers by name."""
        return asdict(self)


@dataclass(frozen=True)
class _Broom:
    """What removing takes: where, when it is, how much at a time, and the rest in between."""

    database: Database
    clock: Clock
    size: int
    rest: Rest

    def sweep(self, step: Step) -> int:
        return in_slices(self.database, step, size=self.size, rest=self.rest)

    def before(self, keep: timedelta | None) -> datetime | None:
        """Return the moment before which things are too old; None where they are kept."""
        return None if keep is None else self.clock.now() - keep


def prune(
    database: Database,
    settings: Settings,
    *,
    clock: Clock,
    size: int = SLICE,
    rest: Rest = rest,
) -> Pruned:
    """Apply the retention periods; what has none is kept for ever. Safe to stop and to repeat.

    Sign-ups that nobody confirmed go whole; so do people who left, as long after; the network
    addresses of consents are emptied, the consents themselves stay as long as their people.
    Inbound mails, and files of subscribers with their reports, go when their time is over, which
    they were given when they came. The rows of an old ledger become totals. No transaction touches
    more than `size` rows of a table that grows with the readers.
    """
    broom = _Broom(database, clock, size, rest)
    in_slices(
        database,
        lambda session, n: settle_days(session, clock=clock, limit=n),
        size=_DAYS_AT_ONCE,
        rest=rest,
    )
    return Pruned(
        unconfirmed=_forget(broom, _unconfirmed, settings.keep_unconfirmed),
        departed=_forget(broom, _departed, settings.keep_departed),
        networks=_empty_networks(broom, settings.keep_networks),
        mails=broom.sweep(lambda session, n: prune_mails(session, now=clock.now(), limit=n)),
        uploads=_uploads(broom),
        deliveries=_roll_up(broom, settings.keep_ledger),
        alarms=_alarms(broom, settings.keep_alarms),
        sessions=_sessions(broom, settings.session_idle),
        log_ins=_log_ins(broom),
        log_entries=_log_entries(broom, settings.keep_log),
        link_checks=broom.sweep(removing((LinkCheck.id,), forgotten_link_checks(clock.now()))),
        webhook_events=_webhook_events(broom),
        returned_counts=broom.sweep(
            removing((ReturnedCount.id,), old_returned_counts(clock.now()))
        ),
        answers=broom.sweep(
            removing((KeptAnswer.caller, KeptAnswer.key), KeptAnswer.at < clock.now() - KEPT)
        ),
        counts_of_requests=broom.sweep(
            removing((RateCount.key, RateCount.period), RateCount.expires_at < clock.now())
        ),
    )


def _forget(
    broom: _Broom,
    which: Callable[[datetime], ColumnElement[bool]],
    keep: timedelta | None,
) -> int:
    before = broom.before(keep)
    if before is None:
        return 0

    def step(session: Session, limit: int) -> int:
        some = session.scalars(
            select(Subscriber).where(which(before)).order_by(Subscriber.id).limit(limit)
        ).all()
        for subscriber in some:
            forget_person(session, subscriber, clock=broom.clock)
        return len(some)

    return broom.sweep(step)


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


def _empty_networks(broom: _Broom, keep: timedelta | None) -> int:
    before = broom.before(keep)
    if before is None:
        return 0

    def step(session: Session, limit: int) -> int:
        numbers = (
            select(ConsentRecord.id)
            .where(ConsentRecord.at < before, ConsentRecord.origin.is_not(None))
            .limit(limit)
        )
        found = session.scalars(
            update(ConsentRecord)
            .where(ConsentRecord.id.in_(numbers))
            .values(origin=None)
            .returning(ConsentRecord.id)
            .execution_options(synchronize_session=False)
        )
        return len(found.all())

    return broom.sweep(step)


def _roll_up(broom: _Broom, keep: timedelta | None) -> int:
    before = broom.before(keep)
    if before is None:
        return 0
    with broom.database.read() as session:
        issues = old_issues(session, before=before)
    count = 0
    for issue_id in issues:
        count += broom.sweep(lambda session, n, i=issue_id: roll_up(session, i, limit=n))  # type: ignore[misc]  # bound here
        broom.sweep(lambda session, n, i=issue_id: remove_batches(session, i, limit=n))  # type: ignore[misc]  # the same
    return count


def _alarms(broom: _Broom, keep: timedelta | None) -> int:
    before = broom.before(keep)
    if before is None:
        return 0
    broom.sweep(removing((CanaryCopy.issue_id,), CanaryCopy.sent_at < before))
    return broom.sweep(removing((Alarm.id,), Alarm.closed_at < before))


def _uploads(broom: _Broom) -> int:
    # One at a time: each may hold some hundred megabytes.
    return in_slices(
        broom.database,
        lambda session, n: prune_uploads(session, now=broom.clock.now(), limit=n),
        size=1,
        rest=broom.rest,
    )


def _sessions(broom: _Broom, idle: timedelta) -> int:
    now = broom.clock.now()
    broom.sweep(removing((PasswordLink.account_id,), ended_links(now)))
    return broom.sweep(removing((StaffSession.id,), ended_sessions(now, idle=idle)))


def _log_ins(broom: _Broom) -> int:
    now = broom.clock.now()
    broom.sweep(removing((Lock.key,), old_locks(now)))
    return broom.sweep(removing((LogInTry.id,), old_tries(now)))


def _log_entries(broom: _Broom, keep: timedelta | None) -> int:
    before = broom.before(keep)
    return 0 if before is None else broom.sweep(removing((AuditEntry.id,), old_entries(before)))


def _webhook_events(broom: _Broom) -> int:
    old = old_events(broom.clock.now())
    # First what became of them: an event may have been told to many.
    events = select(WebhookEvent.id).where(old)
    broom.sweep(removing((WebhookDelivery.id,), WebhookDelivery.event_id.in_(events)))
    return broom.sweep(removing((WebhookEvent.id,), old))
