"""The intake's SQL."""

import zlib
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.articles.models import Article, ArticleState


def lock_likeness(session: Session, likeness: str) -> None:
    """Let one intake at a time work on pages of the same title, until the transaction's end.

    Two renderings of one page may arrive at the same moment under different identities, which no
    UNIQUE constraint can tell. SQLite's writers stand in line anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(zlib.crc32(likeness.encode()))))


def by_identity(session: Session, identity: str) -> Article | None:
    """Return the article with this identity."""
    return session.scalars(select(Article).where(Article.identity == identity)).first()


def by_likeness(session: Session, likeness: str) -> Sequence[Article]:
    """Return the articles with this title and these signatures, the newest first."""
    query = select(Article).where(Article.likeness == likeness).order_by(Article.id.desc())
    return session.scalars(query).all()


def newest(session: Session, *, limit: int, state: ArticleState | None) -> Sequence[Article]:
    """Return the articles noticed last, the newest first."""
    query = select(Article).order_by(Article.noticed_at.desc(), Article.id.desc()).limit(limit)
    if state is not None:
        query = query.where(Article.state == state)
    return session.scalars(query).all()
