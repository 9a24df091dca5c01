"""Pieces of an issue that readers of the same newsletter, at the same frequency, had already."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.newsletters.contents import printed_day
from alerts.newsletters.models import Issue, IssueItem, IssueState

_OUT = (IssueState.SENDING, IssueState.PAUSED, IssueState.SENT)


def sent_before(session: Session, issue: Issue) -> dict[str, str]:
    """Return the pieces that an earlier issue held, by key, with that issue in words.

    Whoever had a whole article had its parts. The latest issue is named.
    """
    mine = {(item.article_id, item.part) for item in issue.items}
    rows = session.execute(
        select(IssueItem.article_id, IssueItem.part, Issue.id, Issue.number, Issue.started_at)
        .join(Issue, Issue.id == IssueItem.issue_id)
        .where(
            IssueItem.article_id.in_({article for article, _ in mine}),
            Issue.newsletter == issue.newsletter,
            Issue.frequency == issue.frequency,
            Issue.id != issue.id,
            Issue.state.in_(_OUT),
            *([Issue.started_at < issue.started_at] if issue.started_at else []),
        )
        .order_by(Issue.id)
    )
    found: dict[str, str] = {}
    for article, part, number, printed, started in rows:
        name = f"issue {printed or number}"
        words = f"{name} of {printed_day(started.date())}" if started else name
        for own_article, own_part in mine:
            if own_article == article and part in {0, own_part}:
                found[f"{article}.{own_part}" if own_part else str(article)] = words
    return found
