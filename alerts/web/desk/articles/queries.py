"""The SQL of the page of one article."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.newsletters.models import Issue, IssueItem, IssueState

_MOST = 100


@dataclass(frozen=True, slots=True)
class Holding:
    """An issue that holds an article, or one part of it (from 1; 0 is the whole)."""

    id: int
    newsletter: str
    number: int | None
    subject: str
    state: IssueState
    finished_at: datetime | None
    part: int


def issues_holding(session: Session, article_id: int) -> Sequence[Holding]:
    """Return the issues that hold an article, the newest first."""
    # Columns only: an issue brings its articles along.
    rows = session.execute(
        select(
            Issue.id,
            Issue.newsletter,
            Issue.number,
            Issue.subject,
            Issue.state,
            Issue.finished_at,
            IssueItem.part,
        )
        .join(Issue, Issue.id == IssueItem.issue_id)
        .where(IssueItem.article_id == article_id)
        .order_by(Issue.id.desc(), IssueItem.part)
        .limit(_MOST)
    )
    return [Holding(*row) for row in rows]
