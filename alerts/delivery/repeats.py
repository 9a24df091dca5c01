"""What readers had already: a reader with several newsletters gets each article once.

Nothing is kept for an article and a reader: what somebody had follows from the ledger, delivery to
edition to pieces. Only issues that hold some of the same articles are looked at.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, String, Subquery, case, cast, func, literal, select
from sqlalchemy.orm import Session

from alerts.delivery.models import Delivery, DeliveryState
from alerts.newsletters.models import Issue, IssueItem, IssueState
from alerts.rendering.models import Edition

# A roundup meets the alerts of its week or month, one for each article at most. So many of them
# can be named in the column of what a reader had (`IssueWish.had`).
_MOST_ISSUES = 85
WENT_OUT = (IssueState.SENDING, IssueState.PAUSED, IssueState.SENT)
# Its pieces are due again, and some have them already.
_CALLED_OFF_ON_ITS_WAY = (Issue.state == IssueState.CANCELLED) & Issue.started_at.is_not(None)
REACHED = (
    DeliveryState.PENDING,
    DeliveryState.SENDING,
    DeliveryState.SENT,
    DeliveryState.UNCERTAIN,
)
_SEPARATOR = "-"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Other issues with some of the same articles, and their editions that hold any of those."""

    issues: tuple[int, ...] = ()
    editions: tuple[int, ...] = ()

    def readers(self, after: int, upto: int | None) -> Subquery | None:
        """Return the query for who got which of the editions, among subscribers by number.

        `had` is the same text for readers who got the same.
        """
        if not self.editions:
            return None
        per_issue = [
            func.coalesce(
                cast(func.max(case((Delivery.issue_id == one, Delivery.edition_id))), String), ""
            )
            for one in self.issues
        ]
        had: ColumnElement[str] = per_issue[0]
        for column in per_issue[1:]:
            had = had.concat(literal(_SEPARATOR)).concat(column)
        query = (
            select(Delivery.subscriber_id, had.label("had"))
            .where(Delivery.issue_id.in_(self.issues), Delivery.subscriber_id > after)
            .where(Delivery.edition_id.in_(self.editions), Delivery.state.in_(REACHED))
            .group_by(Delivery.subscriber_id)
        )
        if upto is not None:
            query = query.where(Delivery.subscriber_id <= upto)
        return query.subquery("readers_had")


def overlap_of(session: Session, issue: Issue, *, newsletter: str | None = None) -> Overlap:
    """Return the issues that went out, or are going out, with some of this issue's articles.

    Of one newsletter alone, or of all.
    """
    articles = select(IssueItem.article_id).where(IssueItem.issue_id == issue.id)
    query = (
        select(Issue.id)
        .join(IssueItem, IssueItem.issue_id == Issue.id)
        .where(IssueItem.article_id.in_(articles), Issue.id != issue.id)
        .where(Issue.state.in_(WENT_OUT) | _CALLED_OFF_ON_ITS_WAY)
    )
    if newsletter is not None:
        query = query.where(Issue.newsletter == newsletter)
    issues = session.scalars(query.distinct().order_by(Issue.id.desc()).limit(_MOST_ISSUES)).all()
    if not issues:
        return Overlap()
    keys = [item_key(article, part) for article, part in _items(session, issue)]
    rows = session.execute(
        select(Edition.issue_id, Edition.id, Edition.item_keys).where(Edition.issue_id.in_(issues))
    )
    meeting = [(number, one) for number, one, held in rows if without(keys, [held]) != keys]
    return Overlap(
        tuple(sorted({number for number, _ in meeting})),
        tuple(sorted(one for _, one in meeting)),
    )


def goes_first(session: Session, issue: Issue) -> int | None:
    """Return an issue whose audience is to be taken before this one's, or None.

    Of two that hold the same article and leave at the same moment, the older one has it.
    """
    articles = select(IssueItem.article_id).where(IssueItem.issue_id == issue.id)
    return session.scalar(
        select(Issue.id)
        .join(IssueItem, IssueItem.issue_id == Issue.id)
        .where(IssueItem.article_id.in_(articles), Issue.id < issue.id)
        .where(Issue.state == IssueState.SENDING, Issue.audience_at.is_(None))
        .limit(1)
    )


def pieces_had(session: Session, had: str) -> list[list[str]]:
    """Return the pieces of each edition that a `had` names."""
    numbers = [int(word) for word in had.split(_SEPARATOR) if word]
    if not numbers:
        return []
    return list(session.scalars(select(Edition.item_keys).where(Edition.id.in_(numbers))))


def without(keys: Sequence[str], had: Collection[Sequence[str]]) -> list[str]:
    """Return the pieces that are in none of these; whoever had a whole article had its parts."""
    known = {key for held in had for key in held}
    return [key for key in keys if key not in known and key.partition(".")[0] not in known]


def _items(session: Session, issue: Issue) -> Sequence[tuple[int, int]]:
    rows = session.execute(
        select(IssueItem.article_id, IssueItem.part).where(IssueItem.issue_id == issue.id)
    )
    return [(article, part) for article, part in rows]


def item_key(article_id: int, part: int) -> str:
    """Return the key of a piece, as an issue's content has it."""
    return f"{article_id}.{part}" if part else str(article_id)
