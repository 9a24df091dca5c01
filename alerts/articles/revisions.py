"""The history of an article: each correction, and what it changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from alerts.articles.difference import Difference, difference
from alerts.articles.models import Article
from alerts.articles.queries import revisions_of
from alerts.articles.service import get_article
from alerts.articles.storing import stored_record
from alerts.clock import rfc3339
from alerts.errors import NotFound, Refused


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed between two revisions; `at` is when the later one was taken in, in UTC.

    `by` is the editor who made the later one, None where the page did.
    """

    since: int
    until: int
    at: datetime
    difference: Difference
    by: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the changes as a JSON document."""
        at = rfc3339(self.at)
        about = {"from": self.since, "to": self.until, "at": at, "by": self.by}
        return {**about, **self.difference.to_json()}


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


@dataclass(frozen=True, slots=True)
class _State:
    """What an article said from a moment on, and the editor who made it say so."""

    document: dict[str, Any]
    at: datetime
    by: str | None


def _states(session: Session, article: Article) -> dict[int, _State]:
    """Return every state of an article by its number."""
    states, began, by = {}, article.noticed_at, None
    for revision in revisions_of(session, article.id):
        states[revision.revision] = _State(revision.snapshot, began, by)
        began, by = revision.replaced_at, revision.replaced_by
    states[article.revision] = _State(stored_record(article).to_json(), began, by)
    return states


def _compared(states: dict[int, _State], since: int, until: int) -> Changes:
    before, after = states[since], states[until]
    found = difference(before.document, after.document)
    # Who made the last of several steps did not make all of them.
    return Changes(since, until, after.at, found, after.by if until - since == 1 else None)
