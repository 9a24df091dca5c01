"""The SQL of the readers' pages: issues that are out.

Only columns are read, never whole issues: an issue brings its articles with it.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from alerts.newsletters.models import Issue, IssueItem, IssueState
from alerts.subscribers.models import Frequency

# Of so many issues the usual size is taken.
_LATELY = 8
_OUT_AT = func.coalesce(Issue.started_at, Issue.approved_at, Issue.created_at)


@dataclass(frozen=True, slots=True)
class PublishedIssue:
    """An issue that readers have, or are getting; `date` as it is printed in the issue."""

    id: int
    newsletter: str
    frequency: Frequency
    number: int
    volume: int | None
    volume_number: int | None
    subject: str
    date: str

    @property
    def label(self) -> str:
        """The issue's numbers as the house prints them: `#86, Vol. 2, No. 40`."""
        parts = [f"#{self.number}"]
        if self.volume is not None:
            parts.append(f"Vol. {self.volume}")
        if self.volume_number is not None:
            parts.append(f"No. {self.volume_number}")
        return ", ".join(parts)


def published_issues(
    session: Session, newsletter: str | None = None, *, limit: int, offset: int = 0
) -> list[PublishedIssue]:
    """Return issues that are out, of one newsletter or of all, the newest first."""
    query = _published(newsletter).order_by(_OUT_AT.desc(), Issue.id.desc())
    rows = session.execute(query.limit(limit).offset(offset))
    return [PublishedIssue(*row) for row in rows]


def published_issue(
    session: Session, newsletter: str, frequency: Frequency, number: int
) -> PublishedIssue | None:
    """Return one issue that is out, by its running number at a frequency."""
    query = _published(newsletter).where(Issue.frequency == frequency, Issue.number == number)
    row = session.execute(query).first()
    return PublishedIssue(*row) if row else None


def usual_sizes(session: Session, newsletter: str) -> dict[Frequency, int]:
    """Return how many pieces the last issues of a newsletter held in the mean, by frequency."""
    newest = _published(newsletter).order_by(_OUT_AT.desc(), Issue.id.desc()).limit(_LATELY)
    ids = [row.id for row in session.execute(newest)]
    rows = session.execute(
        select(Issue.frequency, Issue.id, func.count(IssueItem.id))
        .join(IssueItem, IssueItem.issue_id == Issue.id)
        .where(Issue.id.in_(ids))
        .group_by(Issue.frequency, Issue.id)
    )
    sizes: dict[Frequency, list[int]] = {}
    for frequency, _, count in rows:
        sizes.setdefault(frequency, []).append(count)
    return {frequency: round(sum(counts) / len(counts)) for frequency, counts in sizes.items()}


def count_published(session: Session, newsletter: str) -> int:
    """Return how many issues of a newsletter are out."""
    query = select(func.count()).select_from(Issue).where(_is_out(), Issue.newsletter == newsletter)
    return session.execute(query).scalar_one()


def _is_out() -> ColumnElement[bool]:
    # One that was stopped half-way stays: some readers have mails that link to it.
    return and_(
        Issue.number.is_not(None),
        or_(
            Issue.state.in_((IssueState.SENDING, IssueState.SENT)),
            and_(
                Issue.state.in_((IssueState.PAUSED, IssueState.CANCELLED)),
                Issue.started_at.is_not(None),
            ),
        ),
    )


def _published(newsletter: str | None) -> Select[Any]:
    query = select(
        Issue.id,
        Issue.newsletter,
        Issue.frequency,
        Issue.number,
        Issue.volume,
        Issue.volume_number,
        Issue.subject,
        func.coalesce(Issue.content["date"].as_string(), ""),
    ).where(_is_out())
    return query if newsletter is None else query.where(Issue.newsletter == newsletter)
