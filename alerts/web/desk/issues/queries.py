"""The SQL of the issues' room."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.newsletters.models import Issue, IssueState, Run, RunOutcome
from alerts.subscribers.models import Frequency

PAGE = 40
# What the filter offers, in the order of an issue's life.
STATES: dict[str, tuple[str, tuple[IssueState, ...]]] = {
    "draft": ("Drafts", (IssueState.DRAFT,)),
    "approved": ("Approved", (IssueState.APPROVED,)),
    "scheduled": ("Scheduled", (IssueState.SCHEDULED,)),
    "under-way": ("Under way", (IssueState.SENDING, IssueState.PAUSED)),
    "sent": ("Sent", (IssueState.SENT,)),
    "cancelled": ("Cancelled", (IssueState.CANCELLED,)),
}
_FEW = 8


@dataclass(frozen=True, slots=True)
class IssueRow:
    """An issue in a line; `attention` is why somebody should look at it."""

    id: int
    newsletter: str
    frequency: Frequency
    state: IssueState
    number: int | None
    subject: str
    created_at: datetime
    send_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    attention: str | None


@dataclass(frozen=True, slots=True)
class IssuePage:
    """Issues, the newest first; `next` is the `before` of the page after, None for the last."""

    rows: Sequence[IssueRow]
    next: int | None


def issues_page(
    session: Session,
    *,
    newsletter: str = "",
    states: Sequence[IssueState] = (),
    before: int | None = None,
    limit: int = PAGE,
) -> IssuePage:
    """Return the issues that fit, by the page; their articles are not loaded."""
    query = select(
        Issue.id,
        Issue.newsletter,
        Issue.frequency,
        Issue.state,
        Issue.number,
        Issue.subject,
        Issue.created_at,
        Issue.send_at,
        Issue.started_at,
        Issue.finished_at,
        Issue.attention,
    ).order_by(Issue.id.desc())
    if newsletter:
        query = query.where(Issue.newsletter == newsletter)
    if states:
        query = query.where(Issue.state.in_(states))
    if before is not None:
        query = query.where(Issue.id < before)
    rows = [IssueRow(*row) for row in session.execute(query.limit(limit + 1))]
    return IssuePage(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def runs_in_vain(session: Session, newsletter: str = "") -> Sequence[Run]:
    """Return of each newsletter and frequency the last run that made no issue; each says why.

    One alone: what looks every quarter of an hour would hide the week's.
    """
    newest = select(func.max(Run.id)).where(
        Run.issue_id.is_(None), Run.outcome != RunOutcome.CLAIMED
    )
    if newsletter:
        newest = newest.where(Run.newsletter == newsletter)
    query = select(Run).where(Run.id.in_(newest.group_by(Run.newsletter, Run.frequency)))
    return session.scalars(query.order_by(Run.due_at.desc(), Run.id.desc()).limit(_FEW)).all()
