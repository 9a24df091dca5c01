"""The intake's SQL."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer, lazyload

from alerts.articles.models import (
    Article,
    ArticleAddress,
    ArticleEdit,
    ArticleRevision,
    ArticleState,
)

_MOST_ALIKE = 50
_CHUNK = 200


def lock_likeness(session: Session, likeness: str) -> None:
    """Let one intake at a time work on pages of the same title, until the transaction's end.

    Two renderings of one page may arrive at the same moment under different identities, which no
    UNIQUE constraint can tell. SQLite's writers stand in line anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(zlib.crc32(likeness.encode()))))


def by_identity(session: Session, identity: str) -> Article | None:
    """Return the article with this identity, or with a further address of this identity."""
    found = session.scalars(select(Article).where(Article.identity == identity)).first()
    if found is not None:
        return found
    elsewhere = select(Article).join(ArticleAddress).where(ArticleAddress.key == identity)
    return session.scalars(elsewhere).first()


def by_likeness(session: Session, likeness: str) -> Sequence[Article]:
    """Return the articles with this title and these signatures, the newest first, a few dozen.

    A roundup may carry the same title every week: what is long is loaded when it is looked at.
    """
    query = (
        select(Article)
        .where(Article.likeness == likeness)
        .order_by(Article.id.desc())
        .limit(_MOST_ALIKE)
        .options(
            defer(Article.body_html),
            defer(Article.body_text),
            defer(Article.printed),
            defer(Article.related),
            lazyload(Article.authors),
            lazyload(Article.parts),
        )
    )
    return session.scalars(query).all()


def in_order(session: Session, ids: Sequence[int]) -> Iterator[Article]:
    """Yield articles without their texts in the order of the ids, some hundred in memory."""
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        query = (
            select(Article)
            .where(Article.id.in_(chunk))
            .options(defer(Article.body_html), defer(Article.body_text), defer(Article.printed))
        )
        found = {article.id: article for article in session.scalars(query)}
        yield from (found[article_id] for article_id in chunk)
        session.expunge_all()


def newest(session: Session, *, limit: int, state: ArticleState | None) -> Sequence[Article]:
    """Return the articles noticed last, the newest first."""
    query = select(Article).order_by(Article.noticed_at.desc(), Article.id.desc()).limit(limit)
    if state is not None:
        query = query.where(Article.state == state)
    return session.scalars(query).all()


def addresses_of(session: Session, article_id: int) -> Sequence[str]:
    """Return the further addresses of an article, in the order in which they were seen."""
    query = select(ArticleAddress.url).where(ArticleAddress.article_id == article_id)
    return session.scalars(query.order_by(ArticleAddress.seen_at, ArticleAddress.url)).all()


def revisions_of(session: Session, article_id: int) -> Sequence[ArticleRevision]:
    """Return what an article said before, the oldest first."""
    query = select(ArticleRevision).where(ArticleRevision.article_id == article_id)
    return session.scalars(query.order_by(ArticleRevision.revision)).all()


def edits_of(session: Session, article_id: int) -> Sequence[ArticleEdit]:
    """Return editors' words on an article, by field."""
    query = select(ArticleEdit).where(ArticleEdit.article_id == article_id)
    return session.scalars(query.order_by(ArticleEdit.field)).all()


def open_questions(session: Session, article_id: int) -> bool:
    """Tell whether the page of an article has come to say something else than an editor."""
    asked = ArticleEdit.page_now.is_not(None)
    query = select(ArticleEdit.field).where(ArticleEdit.article_id == article_id, asked)
    return session.scalar(query.limit(1)) is not None


def printed_values(session: Session, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return, of each article that editors changed, what its page says of the fields they did."""
    found: dict[int, dict[str, Any]] = {}
    if not ids:
        return found
    for edit in session.scalars(select(ArticleEdit).where(ArticleEdit.article_id.in_(ids))):
        found.setdefault(edit.article_id, {}).update(edit.page_now or edit.printed)
    return found
