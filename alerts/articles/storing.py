"""An article's record as rows: read from them, written to them, kept as a revision."""

from collections.abc import Mapping
from itertools import count
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from alerts.articles.models import Article, ArticleAuthor, ArticlePart, ArticleRevision
from alerts.articles.record import ArticleRecord, PartRecord, key_of_part
from alerts.clock import Clock

_PLAIN_FIELDS = (
    *("title", "url", "series", "number", "volume", "volume_number"),
    *("published_on", "published_precision", "team", "photo_url", "photo_credit", "photo_alt"),
    *("standfirst", "body_html", "body_text", "language", "words", "printed", "grows"),
)
_LIST_FIELDS = ("regions", "countries", "topics", "flags", "related")


def stored_record(article: Article) -> ArticleRecord:
    """Return what the database holds of an article's content."""
    fields: dict[str, Any] = {name: getattr(article, name) for name in _PLAIN_FIELDS}
    fields |= {name: tuple(getattr(article, name)) for name in _LIST_FIELDS}
    return ArticleRecord(
        **fields,
        authors=tuple((author.name, author.about) for author in article.authors),
        parts=tuple(_stored_part(part) for part in article.parts),
    )


def _stored_part(part: ArticlePart) -> PartRecord:
    return PartRecord(
        title=part.title,
        authors=tuple(part.authors),
        in_focus=part.in_focus,
        country=part.country,
        regions=tuple(part.regions),
        standfirst=part.standfirst,
        body_html=part.body_html,
        body_text=part.body_text,
        key=_key_of(part),
        dated_on=part.dated_on,
    )


def _key_of(part: ArticlePart) -> str:
    # Parts that were stored before there were keys have none.
    return part.key or key_of_part(part.title)


def keep_revision(
    session: Session, article: Article, known: ArticleRecord, *, by: str | None = None, clock: Clock
) -> None:
    """Keep what an article says now as a revision, before it says something else.

    `by` is the editor who changes it, None for the page itself.
    """
    session.add(
        ArticleRevision(
            article_id=article.id,
            revision=article.revision,
            snapshot=known.to_json(),
            replaced_at=clock.now(),
            replaced_by=by,
        )
    )
    article.revision += 1


def write_record(
    session: Session, article: Article, record: ArticleRecord, *, clock: Clock
) -> None:
    """Make a stored article say what a record says; parts that it has keep their positions."""
    article.updated_at = clock.now()
    # The old authors and parts go first: their positions are taken again.
    held = {_key_of(part): part for part in article.parts}
    article.authors.clear()
    article.parts.clear()
    session.flush()
    fill(article, record, held=held, clock=clock)
    session.flush()


def fill(
    article: Article,
    record: ArticleRecord,
    *,
    held: Mapping[str, ArticlePart] = MappingProxyType({}),
    clock: Clock,
) -> None:
    """Set an article's columns, authors and parts; `held` are parts that had positions already."""
    for name in _PLAIN_FIELDS:
        setattr(article, name, getattr(record, name))
    for name in _LIST_FIELDS:
        setattr(article, name, list(getattr(record, name)))
    article.checksum = record.checksum()
    article.authors.extend(
        ArticleAuthor(position=position, name=name, about=about)
        for position, (name, about) in enumerate(record.authors, start=1)
    )
    taken = {part.position for part in held.values()}
    free = (number for number in count(1) if number not in taken)
    for part in record.parts:
        known = held.get(part.key)
        article.parts.append(
            ArticlePart(
                position=known.position if known else next(free),
                key=part.key,
                dated_on=part.dated_on,
                noticed_at=known.noticed_at if known else clock.now(),
                title=part.title,
                in_focus=part.in_focus,
                authors=list(part.authors),
                country=part.country,
                regions=list(part.regions),
                standfirst=part.standfirst,
                body_html=part.body_html,
                body_text=part.body_text,
            )
        )
