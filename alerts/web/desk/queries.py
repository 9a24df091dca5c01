"""The SQL of the desk's first page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.newsletters.models import Issue, IssueState, Run, Schedule
from alerts.newsletters.numbering import printed
from alerts.newsletters.runs import last_runs
from alerts.newsletters.schedules import next_occurrences
from alerts.newsletters.service import list_newsletters
from alerts.subscribers.models import Frequency, Subscriber, SubscriberState
from alerts.web.words import HOW_OFTEN, moment_in_words

_UNDER_WAY = (IssueState.APPROVED, IssueState.SCHEDULED, IssueState.SENDING, IssueState.PAUSED)
_MOST = 50


@dataclass(frozen=True, slots=True)
class IssueLine:
    """An issue in a line; `number` as it is printed, `send_at` in UTC."""

    id: int
    newsletter: str
    frequency: Frequency
    state: IssueState
    number: str
    subject: str
    send_at: datetime | None


@dataclass(frozen=True, slots=True)
class Coming:
    """A schedule's next moment, in words on its own wall clock; empty when none comes.

    `last` is what came of its last run, if there was one.
    """

    often: str
    next_words: str
    is_paused: bool
    last: Run | None


@dataclass(frozen=True, slots=True)
class NewsletterNext:
    """A newsletter, when its next issues are made, and the drafts that wait for an editor."""

    slug: str
    title: str
    coming: tuple[Coming, ...]
    drafts: tuple[IssueLine, ...]


def newsletters_next(session: Session, *, after: datetime) -> list[NewsletterNext]:
    """Return every newsletter with what comes next, and what came of the last run of each schedule.

    In two queries, and two for the schedules.
    """
    drafts = _issues(session, (IssueState.DRAFT,))
    newsletters = list_newsletters(session)
    last = last_runs(session, [schedule for one in newsletters for schedule in one.schedules])
    return [
        NewsletterNext(
            slug=one.slug,
            title=one.title,
            coming=tuple(
                _coming(schedule, after, last.get(schedule.id)) for schedule in one.schedules
            ),
            drafts=tuple(line for line in drafts if line.newsletter == one.slug),
        )
        for one in newsletters
    ]


def has_readers(session: Session) -> bool:
    """Tell whether anybody confirmed; one row is looked for, however many there are."""
    confirmed = select(Subscriber.id).where(Subscriber.state == SubscriberState.CONFIRMED).limit(1)
    return session.scalar(confirmed) is not None


def issues_under_way(session: Session) -> Sequence[IssueLine]:
    """Return the issues between approval and their end, the newest first."""
    return _issues(session, _UNDER_WAY)


def _issues(session: Session, states: Sequence[IssueState]) -> list[IssueLine]:
    # The index is on state and send_at; columns only, since an issue brings its articles along.
    rows = session.execute(
        select(
            Issue.id,
            Issue.newsletter,
            Issue.frequency,
            Issue.state,
            Issue.number,
            Issue.number_count,
            Issue.subject,
            Issue.send_at,
        )
        .where(Issue.state.in_(states))
        .order_by(Issue.id.desc())
        .limit(_MOST)
    )
    return [
        IssueLine(
            id=row.id,
            newsletter=row.newsletter,
            frequency=row.frequency,
            state=row.state,
            number=printed(row.number, row.number_count),
            subject=row.subject,
            send_at=row.send_at,
        )
        for row in rows
    ]


def _coming(schedule: Schedule, after: datetime, last: Run | None) -> Coming:
    name = f" ({schedule.name})" if schedule.name else ""
    found = [] if schedule.paused else next_occurrences(schedule, count=1, after=after)
    return Coming(
        often=f"{HOW_OFTEN[schedule.frequency]}{name}",
        next_words=moment_in_words(found[0].local) if found else "",
        is_paused=schedule.paused,
        last=last,
    )
