"""The SQL of the readers' pages: issues that are out.

Only columns are read, never whole issues: an issue brings its articles with it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

from alerts.newsletters.archive.entering import OUT_AT, is_out
from alerts.newsletters.archive.models import ArchivedIssue
from alerts.newsletters.models import Issue, IssueItem
from alerts.newsletters.numbering import MOST_AT_ONCE, label, printed, spelled
from alerts.subscribers.models import Frequency

# Of so many issues the usual size is taken.
_LATELY = 8
ISSUE_COLUMNS = (
    ArchivedIssue.issue_id,
    ArchivedIssue.newsletter,
    ArchivedIssue.frequency,
    ArchivedIssue.number,
    ArchivedIssue.number_count,
    ArchivedIssue.volume,
    ArchivedIssue.volume_number,
    ArchivedIssue.subject,
    ArchivedIssue.date,
    ArchivedIssue.out_at,
)
# Made once: to put it together takes as long as to ask it.
_ONE_ISSUE = select(
    Issue.id,
    Issue.newsletter,
    Issue.frequency,
    Issue.number,
    Issue.number_count,
    Issue.volume,
    Issue.volume_number,
    Issue.subject,
    func.coalesce(Issue.content["date"].as_string(), ""),
    OUT_AT,
).where(
    is_out(),
    Issue.newsletter == bindparam("newsletter"),
    Issue.frequency == bindparam("frequency"),
    # The index is on the first of an issue's numbers.
    Issue.number.between(bindparam("number") - MOST_AT_ONCE, bindparam("number")),
    Issue.number + Issue.number_count > bindparam("number"),
)


@dataclass(frozen=True, slots=True)
class PublishedIssue:
    """An issue that readers have, or are getting.

    `date` is as it is printed in the issue, `out_at` when it started on its way, in UTC.
    """

    id: int
    newsletter: str
    frequency: Frequency
    number: int
    number_count: int
    volume: int | None
    volume_number: int | None
    subject: str
    date: str
    out_at: datetime

    @property
    def label(self) -> str:
        """The issue's numbers as the house prints them: `#85 & 86, Vol. 2, No. 39 & 40`."""
        return label(self.number, self.volume, self.volume_number, self.number_count)

    @property
    def printed(self) -> str:
        """The running number alone, as it is printed: `85 & 86`."""
        return printed(self.number, self.number_count)

    @property
    def spelled(self) -> str:
        """The running number as addresses have it: `85-86`."""
        return spelled(self.number, self.number_count) or ""


@dataclass(frozen=True, slots=True)
class FullIssue:
    """An issue with what feeds tell of it.

    Each of the `pieces` has `title`, `url`, `authors` and `standfirst`.
    """

    issue: PublishedIssue
    preheader: str
    pieces: list[dict[str, Any]]


def published_issues(
    session: Session, newsletter: str | None = None, *, limit: int, offset: int = 0
) -> list[PublishedIssue]:
    """Return issues that are out, of one newsletter or of all, the newest first."""
    rows = session.execute(newest_first(newsletter).limit(limit).offset(offset))
    return [PublishedIssue(*row) for row in rows]


def newest_issues(
    session: Session, newsletter: str | None = None, *, limit: int
) -> list[FullIssue]:
    """Return the newest issues, of one newsletter or of all, with what feeds tell of them."""
    query = newest_first(newsletter).add_columns(ArchivedIssue.preheader, ArchivedIssue.pieces)
    width = len(ISSUE_COLUMNS)
    return [
        FullIssue(PublishedIssue(*row[:width]), *row[width:])
        for row in session.execute(query.limit(limit))
    ]


def published_issue(
    session: Session, newsletter: str, frequency: Frequency, number: int
) -> PublishedIssue | None:
    """Return one issue that is out, by a running number of it at a frequency.

    Found in the archive or not: a link in a mail works from the first one on.
    """
    asked = {"newsletter": newsletter, "frequency": frequency, "number": number}
    row = session.execute(_ONE_ISSUE, asked).first()
    return PublishedIssue(*row) if row else None


def newest_at(session: Session, newsletter: str | None = None) -> datetime | None:
    """Return when the newest issue came out, of one newsletter or of all; None for no issue."""
    query = select(func.max(ArchivedIssue.out_at))
    if newsletter is not None:
        query = query.where(ArchivedIssue.newsletter == newsletter)
    return session.execute(query).scalar_one()


def usual_sizes(session: Session, newsletter: str) -> dict[Frequency, int]:
    """Return how many pieces the last issues of a newsletter held in the mean, by frequency."""
    ids = [one.id for one in published_issues(session, newsletter, limit=_LATELY)]
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


def count_published(session: Session, newsletter: str | None = None) -> int:
    """Return how many issues are out, of one newsletter or of all."""
    query = select(func.count()).select_from(ArchivedIssue)
    if newsletter is not None:
        query = query.where(ArchivedIssue.newsletter == newsletter)
    return session.execute(query).scalar_one()


def newest_first(newsletter: str | None = None) -> Select[*tuple[Any, ...]]:
    """Return the query for issues in the archive, the newest first."""
    query = select(*ISSUE_COLUMNS).order_by(
        ArchivedIssue.out_at.desc(), ArchivedIssue.issue_id.desc()
    )
    return query if newsletter is None else query.where(ArchivedIssue.newsletter == newsletter)
