"""What other programs are told of an article."""

from typing import Any

from sqlalchemy.orm import Session

from alerts.articles.models import Article
from alerts.clock import Clock
from alerts.outbox.events import EventKind
from alerts.outbox.writing import announce


def tell_added(session: Session, article: Article, *, clock: Clock) -> None:
    """Write down, in the transaction that stores it, that an article is new."""
    announce(session, EventKind.ARTICLE_ADDED, _shown(article), at=clock.now())


def tell_withdrawn(session: Session, article: Article, *, clock: Clock) -> None:
    """Write down, in the transaction that withdraws it, that an article is withdrawn."""
    data = _shown(article) | {"because": article.withdrawn_because}
    announce(session, EventKind.ARTICLE_WITHDRAWN, data, at=clock.now())


def _shown(article: Article) -> dict[str, Any]:
    return {
        "id": article.id,
        "url": article.url,
        "title": article.title,
        "series": article.series,
        "number": article.number,
    }
