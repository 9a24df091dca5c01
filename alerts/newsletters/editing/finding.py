"""What else may go into an issue, and where it stood before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, defer

from alerts.articles.models import Article, ArticlePart, ArticleState
from alerts.newsletters.models import Issue, IssueItem, IssueState

MOST_FOUND = 20


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An issue of the same newsletter that holds a piece; `started_at` is None when not sent."""

    issue_id: int
    number: int | None
    state: IssueState
    started_at: datetime | None


def find_articles(session: Session, words: str, *, limit: int = MOST_FOUND) -> Sequence[Article]:
    """Return published articles by words of their titles, or their pieces' titles, or a number.

    All words have to be there, in whatever order; without any, the newest come. Those noticed last
    come first, without their texts.
    """
    query = (
        select(Article)
        .where(Article.state == ArticleState.PUBLISHED)
        .order_by(Article.noticed_at.desc(), Article.id.desc())
        .limit(limit)
        .options(
            defer(Article.body_html),
            defer(Article.body_text),
            defer(Article.printed),
            defer(Article.related),
        )
    )
    wanted = words.split()
    if wanted:
        titled = [Article.title.icontains(word, autoescape=True) for word in wanted]
        parts = [ArticlePart.title.icontains(word, autoescape=True) for word in wanted]
        has_part = (
            select(ArticlePart.id).where(ArticlePart.article_id == Article.id, *parts).exists()
        )
        query = query.where(or_(_all(titled), has_part, *_by_number(words)))
    return session.scalars(query).all()


def held_elsewhere(
    session: Session, issue: Issue, articles: Iterable[int]
) -> dict[tuple[int, int], list[Elsewhere]]:
    """Return where pieces of these articles stand in other issues of the newsletter.

    By article and part; the newest issue comes first. Called off ones count once they had begun.
    """
    rows = session.execute(
        select(
            IssueItem.article_id,
            IssueItem.part,
            Issue.id,
            Issue.number,
            Issue.state,
            Issue.started_at,
        )
        .join(Issue, Issue.id == IssueItem.issue_id)
        .where(
            IssueItem.article_id.in_(set(articles)),
            Issue.newsletter == issue.newsletter,
            Issue.id != issue.id,
            or_(Issue.state != IssueState.CANCELLED, Issue.started_at.is_not(None)),
        )
        .order_by(Issue.id.desc())
    )
    found: dict[tuple[int, int], list[Elsewhere]] = {}
    for article, part, issue_id, number, state, started_at in rows:
        where = Elsewhere(issue_id, number, state, started_at)
        found.setdefault((article, part), []).append(where)
    return found


def _all(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    first, *others = conditions
    for other in others:
        first = first & other
    return first


def _by_number(words: str) -> list[ColumnElement[bool]]:
    number = words.strip().lstrip("#").strip()
    return [Article.number == number] if number.replace("-", "").isdigit() else []
