"""Forgetting what is no longer needed, after the times that the settings name, in small slices.

Everything goes by slices (`slices.py`): ten million rows take their time, and nobody waits for it.
Whoever keeps something for a time adds it here, with what says that its time is over.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.erasing import forget_people
from alerts.delivery.models import CanaryCopy
from alerts.delivery.returned import ReturnedCount
from alerts.delivery.returned_counts import old_returned_counts
from alerts.delivery.rolling_up import LedgerWalk, is_rolled_up, old_issues, remove_batches
from alerts.inbound.storing import prune_mails
from alerts.kept_answers import KEPT, KeptAnswer
from alerts.operations.models import Alarm
from alerts.operations.slices import Rest, Step, in_slices, removing, rest, slice_of
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
# Each may stand in hundreds of ledgers: with more, others would wait for SQLite too long.
_PEOPLE_AT_ONCE = 50


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


@dataclass(slots=True)
class SoFar:
    """How far a removal has come: the kind it is at, and how many rows went, by their kind.

    A removal that was ended between two slices goes on with this kind.
    """

    stage: str = ""
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Broom:
    """What removing takes: where, when it is, how much at a time, and the rest in between."""

    database: Database
    settings: Settings
    clock: Clock
    size: int
    rest: Rest
    so_far: SoFar

    def sweep(self, step: Step, *, size: int | None = None) -> None:
        """Do a step for as long as there is something to do, and count it."""
        in_slices(self.database, step, size=size or self.size, rest=self.rest, tell=self._count)

    def clear(self, step: Step, *, size: int | None = None) -> None:
        """Do the same with what goes along and is not counted."""
        in_slices(self.database, step, size=size or self.size, rest=self.rest)

    def before(self, keep: timedelta | None) -> datetime | None:
        """Return the moment before which things are too old; None where they are kept."""
        return None if keep is None else self.clock.now() - keep

    def _count(self, rows: int) -> None:
        self.so_far.counts[self.so_far.stage] += rows


def prune(
    database: Database,
    settings: Settings,
    *,
    clock: Clock,
    size: int | None = None,
    rest: Rest = rest,
    so_far: SoFar | None = None,
) -> Pruned:
    """Apply the retention periods; what has none is kept for ever. Safe to stop and to repeat.

    Sign-ups that nobody confirmed go whole; so do people who left, as long after; the network
    addresses of consents are emptied, the consents themselves stay as long as their people.
    Inbound mails, and files of subscribers with their reports, go when their time is over, which
    they were given when they came. The rows of an old ledger become totals. No transaction touches
    more than `size` rows of a table that grows with the readers; without one it is what suits the
    database.

    `so_far` is kept up to date, and says where to go on; what `rest` raises ends it in between.
    """
    so_far = so_far or SoFar()
    broom = _Broom(database, settings, clock, size or slice_of(database), rest, so_far)
    names = list(_STAGES)
    # One that an older program began at may be none any more: then from the start.
    first = names.index(so_far.stage) if so_far.stage in _STAGES else 0
    for name in names[first:]:
        so_far.stage = name
        _STAGES[name](broom)
    return Pruned(**{each.name: so_far.counts[each.name] for each in fields(Pruned)})


def _days(broom: _Broom) -> None:
    broom.clear(
        lambda session, n: settle_days(session, clock=broom.clock, limit=n), size=_DAYS_AT_ONCE
    )


def _forget_unconfirmed(broom: _Broom) -> None:
    _forget(broom, _unconfirmed, broom.settings.keep_unconfirmed)


def _forget_departed(broom: _Broom) -> None:
    _forget(broom, _departed, broom.settings.keep_departed)


def _forget(
    broom: _Broom,
    which: Callable[[datetime], ColumnElement[bool]],
    keep: timedelta | None,
) -> None:
    before = broom.before(keep)
    if before is None:
        return

    def step(session: Session, limit: int) -> int:
        some = select(Subscriber.id, Subscriber.email).where(which(before))
        rows = session.execute(some.order_by(Subscriber.id).limit(limit)).all()
        if rows:
            forget_people(session, {row.id: row.email for row in rows}, clock=broom.clock)
        return len(rows)

    broom.sweep(step, size=min(broom.size, _PEOPLE_AT_ONCE))


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


def _empty_networks(broom: _Broom) -> None:
    before = broom.before(broom.settings.keep_networks)
    if before is None:
        return

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

    broom.sweep(step)


def _mails(broom: _Broom) -> None:
    broom.sweep(lambda session, n: prune_mails(session, now=broom.clock.now(), limit=n))


def _uploads(broom: _Broom) -> None:
    # One at a time: each may hold some hundred megabytes.
    broom.sweep(lambda session, n: prune_uploads(session, now=broom.clock.now(), limit=n), size=1)


def _roll_up(broom: _Broom) -> None:
    before = broom.before(broom.settings.keep_ledger)
    if before is None:
        return
    with broom.database.read() as session:
        issues = old_issues(session, before=before)
    for issue_id in issues:
        walk = LedgerWalk(issue_id)
        # A slice that is not filled ends a sweep; what somebody else removed meanwhile is no end.
        while not walk.is_over:
            broom.sweep(walk.step)
        with broom.database.read() as session:
            is_gone = is_rolled_up(session, issue_id)
        if is_gone:
            broom.clear(partial(_remove_batches, issue_id))


def _remove_batches(issue_id: int, session: Session, limit: int) -> int:
    return remove_batches(session, issue_id, limit=limit)


def _alarms(broom: _Broom) -> None:
    before = broom.before(broom.settings.keep_alarms)
    if before is None:
        return
    broom.clear(removing((CanaryCopy.issue_id,), CanaryCopy.sent_at < before))
    broom.sweep(removing((Alarm.id,), Alarm.closed_at < before))


def _sessions(broom: _Broom) -> None:
    now = broom.clock.now()
    broom.clear(removing((PasswordLink.account_id,), ended_links(now)))
    ended = ended_sessions(now, idle=broom.settings.session_idle)
    broom.sweep(removing((StaffSession.id,), ended))


def _log_ins(broom: _Broom) -> None:
    now = broom.clock.now()
    broom.clear(removing((Lock.key,), old_locks(now)))
    broom.sweep(removing((LogInTry.id,), old_tries(now)))


def _log_entries(broom: _Broom) -> None:
    before = broom.before(broom.settings.keep_log)
    if before is not None:
        broom.sweep(removing((AuditEntry.id,), old_entries(before)))


def _link_checks(broom: _Broom) -> None:
    broom.sweep(removing((LinkCheck.id,), forgotten_link_checks(broom.clock.now())))


def _webhook_events(broom: _Broom) -> None:
    old = old_events(broom.clock.now())
    # First what became of them: an event may have been told to many.
    events = select(WebhookEvent.id).where(old)
    broom.clear(removing((WebhookDelivery.id,), WebhookDelivery.event_id.in_(events)))
    broom.sweep(removing((WebhookEvent.id,), old))


def _returned_counts(broom: _Broom) -> None:
    broom.sweep(removing((ReturnedCount.id,), old_returned_counts(broom.clock.now())))


def _answers(broom: _Broom) -> None:
    old = KeptAnswer.at < broom.clock.now() - KEPT
    broom.sweep(removing((KeptAnswer.caller, KeptAnswer.key), old))


def _counts_of_requests(broom: _Broom) -> None:
    over = RateCount.expires_at < broom.clock.now()
    broom.sweep(removing((RateCount.key, RateCount.period), over))


# In this order; the names are those of the counts, where there is something to count.
_STAGES: dict[str, Callable[[_Broom], None]] = {
    "days": _days,
    "unconfirmed": _forget_unconfirmed,
    "departed": _forget_departed,
    "networks": _empty_networks,
    "mails": _mails,
    "uploads": _uploads,
    "deliveries": _roll_up,
    "alarms": _alarms,
    "sessions": _sessions,
    "log_ins": _log_ins,
    "log_entries": _log_entries,
    "link_checks": _link_checks,
    "webhook_events": _webhook_events,
    "returned_counts": _returned_counts,
    "answers": _answers,
    "counts_of_requests": _counts_of_requests,
}
