"""The history of an article: each correction, and what it changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from alerts.articles.difference import Difference, difference
from alerts.articles.models import Article
from alerts.articles.queries import revisions_of
from alerts.articles.service import get_article, stored_record
from alerts.clock import rfc3339
from alerts.errors import NotFound, Refused


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed between two revisions; `at` is when the later one was taken in, in UTC."""

    since: int
    until: int
    at: datetime
    difference: Difference

    def to_json(self) -> dict[str, Any]:
        """Return the changes as a JSON document."""
        at = rfc3339(self.at)
        return {"from": self.since, "to": self.until, "at": at, **self.difference.to_json()}


def changes_of(
    session: Session, article_id: int, *, since: int | None = None, until: int | None = None
) -> Changes:
    """Compare two revisions of an article, the last two unless others are named.

    Raises NotFound for one that there is not, Refused when the article was never corrected.
    """
    article = get_article(session, article_id)
    states = _states(session, article)
    if len(states) == 1:
        raise Refused(f"article {article_id} was never corrected; there is nothing to compare")
    until = until or article.revision
    since = since or until - 1
    for number in (since, until):
        if number not in states:
            known = f"1 to {article.revision}"
            raise NotFound(f"article {article_id} has no revision {number}; it has {known}")
    return _compared(states, since, until)


def all_changes(session: Session, article: Article) -> list[Changes]:
    """Return what each correction of an article changed, the first one first."""
    states = _states(session, article)
    return [_compared(states, number - 1, number) for number in states if number - 1 in states]


def _states(session: Session, article: Article) -> dict[int, tuple[dict[str, Any], datetime]]:
    """Return every state of an article by its number, with the moment when it began."""
    states, began = {}, article.noticed_at
    for revision in revisions_of(session, article.id):
        states[revision.revision] = (revision.snapshot, began)
        began = revision.replaced_at
    states[article.revision] = (stored_record(article).to_json(), began)
    return states


def _compared(
    states: dict[int, tuple[dict[str, Any], datetime]], since: int, until: int
) -> Changes:
    before, (after, at) = states[since][0], states[until]
    return Changes(since, until, at, difference(before, after))
