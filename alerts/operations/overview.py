"""How the newsroom stands: counts by state, what is due next, what wants a look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.articles.models import Article
from alerts.articles.sources.models import Source
from alerts.articles.sources.service import long_failing
from alerts.clock import Clock
from alerts.delivery.books import held_by, held_until
from alerts.delivery.models import Batch, BatchState
from alerts.delivery.tallies import standings
from alerts.newsletters.models import Issue, IssueState, Run, Schedule
from alerts.operations.alarms.books import open_alarms
from alerts.operations.models import Alarm
from alerts.outbox.models import WebhookEndpoint
from alerts.subscribers.models import SubscriberState
from alerts.subscribers.queries import count_by_state
from alerts.webhooks.queries import given_up

RECENT_RUNS = 5


@dataclass(frozen=True, slots=True)
class Noted:
    """An issue to which something happened without anybody's doing, and what."""

    issue_id: int
    state: IssueState
    reason: str


@dataclass(frozen=True, slots=True)
class Held:
    """An issue of which all that is left waits until a moment (UTC); `why`, where it is known."""

    issue_id: int
    newsletter: str
    left: int
    until: datetime
    why: str | None

    @property
    def words(self) -> str:
        """What it waits for, in words."""
        return self.why or "readers' servers put it off, or the mail server is away"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the newsroom stands at one moment; `next_at` is the next run of any schedule, in UTC."""

    articles: int
    issues: Mapping[IssueState, int]
    subscribers: Mapping[SubscriberState, int]
    open_batches: int
    next_at: datetime | None
    runs: Sequence[Run]
    attention: Sequence[Noted]
    held: Sequence[Held]
    failing: Sequence[Source]
    webhooks: Sequence[WebhookEndpoint]
    alarms: Sequence[Alarm]


def standing_of(
    session: Session,
    *,
    clock: Clock,
    runs: int = RECENT_RUNS,
    subscribers: Mapping[SubscriberState, int] | None = None,
) -> Standing:
    """Return how the newsroom stands, with its last `runs` runs, the newest first.

    Who has counted the subscribers already hands them in: they may be a million.
    """
    by_state = select(Issue.state, func.count()).group_by(Issue.state)
    open_batches = select(func.count()).select_from(Batch).where(Batch.state != BatchState.DONE)
    next_at = select(func.min(Schedule.next_at)).where(Schedule.paused.is_(False))
    return Standing(
        articles=session.scalar(select(func.count()).select_from(Article)) or 0,
        issues=dict(session.execute(by_state).all()),
        subscribers=count_by_state(session) if subscribers is None else subscribers,
        open_batches=session.scalar(open_batches) or 0,
        next_at=session.scalar(next_at),
        runs=session.scalars(select(Run).order_by(Run.id.desc()).limit(runs)).all(),
        attention=_attention(session),
        held=held_issues(session, now=clock.now()),
        failing=long_failing(session, clock=clock),
        webhooks=given_up(session),
        alarms=open_alarms(session),
    )


def _attention(session: Session) -> list[Noted]:
    rows = session.execute(
        select(Issue.id, Issue.state, Issue.attention)
        .where(Issue.attention.is_not(None), Issue.state != IssueState.CANCELLED)
        .order_by(Issue.id)
    )
    return [Noted(number, state, reason or "") for number, state, reason in rows]


def held_issues(session: Session, *, now: datetime) -> list[Held]:
    """Return the issues being sent of which all that is left waits, the oldest first."""
    sending = session.execute(
        select(Issue.id, Issue.newsletter)
        .where(Issue.state == IssueState.SENDING, Issue.audience_at.is_not(None))
        .order_by(Issue.id)
    ).all()
    counted = standings(session, [number for number, _ in sending])
    found = []
    for number, newsletter in sending:
        until = held_until(session, number, now=now)
        if until:
            left = counted[number].pending if number in counted else 0
            found.append(Held(number, newsletter, left, until, held_by(session, number)))
    return found
