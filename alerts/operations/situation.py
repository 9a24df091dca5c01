"""How the system stands: what is due, what moves, what is broken. One look, cheap at any size.

Nothing here reads the ledger: what deliveries came to is counted while they are written down.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from alerts.articles.sources.models import Source, SourceState
from alerts.database import UtcDateTime
from alerts.delivery.counting import BOUNCED, OutcomeClass, outcome_totals, outcomes_by_issue
from alerts.delivery.models import Batch, BatchState
from alerts.holding import hold_of
from alerts.newsletters.models import Issue, IssueState, Run, RunOutcome, Schedule
from alerts.operations.models import Alarm, Beat
from alerts.subscribers.models import Subscriber, Subscription

TICK = "tick"
BOUNCES_OVER = timedelta(hours=24)
# Who waits longer for a confirmation or a welcome is given up.
_OWED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DueWork:
    """Work of one kind that is due: how much, and since when the oldest of it is."""

    count: int = 0
    since: datetime | None = None

    def age(self, now: datetime) -> float:
        """Return how long the oldest has been due, in seconds; 0 when nothing is."""
        return max(0.0, (now - self.since).total_seconds()) if self.since else 0.0


@dataclass(frozen=True, slots=True)
class IssueUnderWay:
    """An issue that is being sent or paused; `waiting` batches are held back for later."""

    id: int
    newsletter: str
    frequency: str
    state: IssueState
    attention: str | None
    started_at: datetime
    done: int = 0
    open: int = 0
    waiting: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    moved_at: datetime | None = None

    @property
    def since(self) -> datetime:
        """When something last came of it; its start, where nothing did yet."""
        return max(self.started_at, self.moved_at or self.started_at)


@dataclass(frozen=True, slots=True)
class FailingSource:
    """A source of articles that cannot be had."""

    id: int
    since: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Situation:
    """How the system stands at a moment (UTC)."""

    now: datetime
    last_tick: datetime | None
    held_since: datetime | None
    due: Mapping[str, DueWork]
    issues: tuple[IssueUnderWay, ...]
    outcomes: Mapping[tuple[str, str], int]
    recent: Mapping[str, int]
    failing: tuple[FailingSource, ...]
    alarms: Mapping[str, int] = field(default_factory=dict)

    @property
    def bounce_rate(self) -> float:
        """What part of the messages of the last day bounced, from 0 to 1; 0 without any."""
        bounced = sum(self.recent.get(outcome, 0) for outcome in BOUNCED)
        decided = bounced + self.recent.get(OutcomeClass.SENT, 0)
        return bounced / decided if decided else 0.0

    @property
    def decided(self) -> int:
        """How many messages of the last day were taken or bounced."""
        return sum(self.recent.get(outcome, 0) for outcome in (*BOUNCED, OutcomeClass.SENT))


def look(session: Session, *, now: datetime) -> Situation:
    """Return how the system stands."""
    hold = hold_of(session)
    beat = session.get(Beat, TICK)
    recent: dict[str, int] = {}
    for (_, outcome), count in outcome_totals(session, since=now - BOUNCES_OVER).items():
        recent[outcome] = recent.get(outcome, 0) + count
    return Situation(
        now=now,
        last_tick=beat.at if beat else None,
        held_since=hold.since if hold else None,
        due=_due(session, now),
        issues=_under_way(session, now),
        outcomes=outcome_totals(session),
        recent=recent,
        failing=_failing(session),
        alarms=_alarms(session),
    )


def note_tick(session: Session, *, now: datetime) -> None:
    """Remember that the tick ran."""
    session.merge(Beat(name=TICK, at=now))


def _due(session: Session, now: datetime) -> dict[str, DueWork]:
    """Return the work that is due by its kind; each query goes by an index or a small table."""

    def count(column: InstrumentedAttribute[Any], *where: ColumnElement[bool]) -> DueWork:
        query = select(func.count(), func.min(column)).where(column <= now, *where)
        return DueWork(*session.execute(query).one())

    lately = now - _OWED_FOR
    return {
        "schedule": count(Schedule.next_at, Schedule.paused.is_(False)),
        "run": count(Run.started_at, Run.outcome == RunOutcome.CLAIMED),
        "issue": count(Issue.send_at, Issue.state == IssueState.SCHEDULED),
        "retry": count(Batch.not_before, Batch.state == BatchState.READY, _of_sending()),
        "confirmation": count(
            Subscriber.confirmation_due_at, Subscriber.confirmation_due_at > lately
        ),
        "welcome": count(Subscription.welcome_due_at, Subscription.welcome_due_at > lately),
        "poll": count(Source.next_poll_at, Source.state == SourceState.ACTIVE),
    }


def _of_sending() -> ColumnElement[bool]:
    return Batch.issue_id.in_(select(Issue.id).where(Issue.state == IssueState.SENDING))


def _under_way(session: Session, now: datetime) -> tuple[IssueUnderWay, ...]:
    began = func.coalesce(Issue.retried_at, Issue.started_at, Issue.created_at, type_=UtcDateTime())
    rows = session.execute(
        select(
            Issue.id,
            Issue.newsletter,
            Issue.frequency,
            Issue.state,
            Issue.attention,
            began,
        )
        .where(Issue.state.in_([IssueState.SENDING, IssueState.PAUSED]))
        .order_by(Issue.id)
    ).all()
    numbers = [row[0] for row in rows]
    batches = _batches(session, numbers, now)
    outcomes = outcomes_by_issue(session, numbers)
    return tuple(
        IssueUnderWay(
            number,
            newsletter,
            frequency.value,
            state,
            attention,
            started_at,
            *batches.get(number, (0, 0, 0)),
            outcomes=outcomes[number].counts if number in outcomes else {},
            moved_at=outcomes[number].last_at if number in outcomes else None,
        )
        for number, newsletter, frequency, state, attention, started_at in rows
    )


def _batches(
    session: Session, issue_ids: list[int], now: datetime
) -> dict[int, tuple[int, int, int]]:
    """Return how many batches of each issue are done, open, and open but held back."""
    is_open = Batch.state != BatchState.DONE
    rows = session.execute(
        select(
            Batch.issue_id,
            func.count().filter(Batch.state == BatchState.DONE),
            func.count().filter(is_open),
            func.count().filter(is_open, Batch.not_before > now),
        )
        .where(Batch.issue_id.in_(issue_ids))
        .group_by(Batch.issue_id)
    )
    return {number: (done, open_, waiting) for number, done, open_, waiting in rows}


def _alarms(session: Session) -> dict[str, int]:
    """Count the open alarms by their kind."""
    counted = select(Alarm.kind, func.count()).where(Alarm.closed_at.is_(None)).group_by(Alarm.kind)
    return dict(session.execute(counted).all())


def _failing(session: Session) -> tuple[FailingSource, ...]:
    rows = session.execute(
        select(Source.id, Source.failing_since, Source.last_error)
        .where(Source.state == SourceState.ACTIVE, Source.failing_since.is_not(None))
        .order_by(Source.failing_since)
    )
    return tuple(
        FailingSource(number, since, error or "") for number, since, error in rows if since
    )
