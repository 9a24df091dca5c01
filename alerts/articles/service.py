"""The use cases of the intake: store what was read, look it up, withdraw it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import count
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.articles.growth import has_only_grown, with_kept_parts
from alerts.articles.identity import identity_of, is_numbered, likeness_of, same_words
from alerts.articles.models import (
    Article,
    ArticleAddress,
    ArticleAuthor,
    ArticlePart,
    ArticleRevision,
    ArticleState,
)
from alerts.articles.queries import by_identity, by_likeness, lock_likeness, newest
from alerts.articles.reading.record import ReadArticle
from alerts.articles.record import ArticleRecord, PartRecord, key_of_part, record_of
from alerts.articles.telling import tell_added, tell_withdrawn
from alerts.articles.topics import Topics
from alerts.clock import Clock
from alerts.errors import NotFound, Refused

_PLAIN_FIELDS = (
    *("title", "url", "series", "number", "volume", "volume_number"),
    *("published_on", "published_precision", "team", "photo_url", "photo_credit", "photo_alt"),
    *("standfirst", "body_html", "body_text", "language", "words", "printed", "grows"),
)
_LIST_FIELDS = ("regions", "countries", "topics", "flags", "related")


@dataclass(frozen=True, slots=True)
class AddOutcome:
    """What adding a page came to."""

    kind: Literal["added", "updated", "unchanged"]
    article: Article


def add_article(
    session: Session, page: ReadArticle, *, clock: Clock, topics: Topics | None = None
) -> AddOutcome:
    """Store a page as an article, or as a new revision of the one it is.

    `topics` are the rules for what it is about; without them, those that the program ships.

    The same page through any way, in either rendering, is one article; the UNIQUE identity holds
    it even when two intakes add it at the same moment. A copy under a further address changes
    nothing: the first address has the say, or two copies would take turns in correcting each other.
    """
    lock_likeness(session, likeness_of(page))
    article = _find(session, page)
    if article is None:
        try:
            with session.begin_nested():
                return AddOutcome("added", _insert(session, page, clock, topics))
        except IntegrityError:
            # Another intake stored the page between our look and our insert.
            article = by_identity(session, identity_of(page))
            if article is None:
                raise
    if page.url and article.url and identity_of(page) != article.identity:
        _remember_address(session, article, page, clock)
        return AddOutcome("unchanged", article)
    return _join(session, article, page, clock, topics)


def get_article(session: Session, article_id: int) -> Article:
    """Return an article by its id; raises NotFound."""
    article = session.get(Article, article_id)
    if article is None:
        raise NotFound(f"there is no article {article_id}; see `alerts article list`")
    return article


def list_articles(
    session: Session, *, limit: int = 50, state: ArticleState | None = None
) -> Sequence[Article]:
    """Return the articles noticed last, the newest first."""
    return newest(session, limit=limit, state=state)


def withdraw_article(
    session: Session, article_id: int, *, reason: str = "withdrawn by hand", clock: Clock
) -> Article:
    """Mark an article as withdrawn, so that no new issue takes it; raises NotFound or Refused.

    Issues that hold it and were not sent yet are seen to by `retract_withdrawn`.
    """
    article = get_article(session, article_id)
    if article.state is ArticleState.WITHDRAWN:
        raise Refused(f"article {article_id} was withdrawn before; there is nothing to do")
    article.state = ArticleState.WITHDRAWN
    article.withdrawn_because = reason
    article.updated_at = clock.now()
    tell_withdrawn(session, article, clock=clock)
    return article


def reinstate_article(session: Session, article_id: int, *, clock: Clock) -> Article:
    """Take a withdrawal back: issues may hold the article again; raises NotFound or Refused."""
    article = get_article(session, article_id)
    if article.state is ArticleState.PUBLISHED:
        raise Refused(f"article {article_id} is not withdrawn; there is nothing to do")
    article.state = ArticleState.PUBLISHED
    article.withdrawn_because = None
    article.updated_at = clock.now()
    return article


def _find(session: Session, page: ReadArticle) -> Article | None:
    found = by_identity(session, identity_of(page))
    if found is not None:
        return found
    return next((a for a in by_likeness(session, likeness_of(page)) if _may_be(a, page)), None)


def _may_be(article: Article, page: ReadArticle) -> bool:
    """Tell whether an article of the same title and signature may be this page.

    Two numbers or two dates are two articles; what only one of the two says does not tell them
    apart. Two addresses are two articles unless both print the same day and say the same.
    """
    pairs = ((article.series, page.series), (article.number, page.number))
    if any(one and other and one != other for one, other in pairs):
        return False
    if article.url and page.url:
        return _is_copy(article, page, page.url, article.url)
    return _same_date(article, page)


def _is_copy(article: Article, page: ReadArticle, url: str, known_url: str) -> bool:
    if is_numbered(url) and is_numbered(known_url):
        return False
    printed = article.published_on, page.published_on
    return (
        printed[0] is not None
        and printed[0] == printed[1]
        and article.published_precision == page.published_precision
        and same_words(article.body_text, page.body_text)
    )


def _remember_address(session: Session, article: Article, page: ReadArticle, clock: Clock) -> None:
    key = identity_of(page)
    if session.get(ArticleAddress, key) is None:
        session.add(
            ArticleAddress(key=key, article_id=article.id, url=page.url or "", seen_at=clock.now())
        )
        session.flush()


def _same_date(article: Article, page: ReadArticle) -> bool:
    one, other = article.published_on, page.published_on
    if one is None or other is None:
        return True
    if "month" in (article.published_precision, page.published_precision):
        return _month(one) == _month(other)
    return one == other


def _month(day: date) -> tuple[int, int]:
    return day.year, day.month


def _insert(session: Session, page: ReadArticle, clock: Clock, topics: Topics | None) -> Article:
    article = Article(
        identity=identity_of(page),
        likeness=likeness_of(page),
        noticed_at=clock.now(),
        updated_at=clock.now(),
        revision=1,
        state=ArticleState.PUBLISHED,
        # Set, though empty: what was never set is looked for in the database after the flush.
        authors=[],
        parts=[],
    )
    _write(article, record_of(page, topics=topics), clock=clock)
    session.add(article)
    session.flush()
    tell_added(session, article, clock=clock)
    return article


def _join(
    session: Session, article: Article, page: ReadArticle, clock: Clock, topics: Topics | None
) -> AddOutcome:
    """Make a page a new revision of an article, when it says anything new."""
    known = stored_record(article)
    record = record_of(page, known, topics=topics)
    if article.url and page.url:
        # Both spell one address; the first spelling stays.
        record = replace(record, url=article.url)
    record = with_kept_parts(record, known)
    if record.checksum() == known.checksum():
        return AddOutcome("unchanged", article)
    if not has_only_grown(known, record):
        session.add(
            ArticleRevision(
                article_id=article.id,
                revision=article.revision,
                snapshot=known.to_json(),
                replaced_at=clock.now(),
            )
        )
        article.revision += 1
    article.updated_at = clock.now()
    if page.url:
        article.identity = identity_of(page)
    article.likeness = likeness_of(page)
    # The old authors and parts go first: their positions are taken again.
    held = {_key_of(part): part for part in article.parts}
    article.authors.clear()
    article.parts.clear()
    session.flush()
    _write(article, record, held=held, clock=clock)
    session.flush()
    return AddOutcome("updated", article)


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


def _write(
    article: Article,
    record: ArticleRecord,
    *,
    held: Mapping[str, ArticlePart] = MappingProxyType({}),
    clock: Clock,
) -> None:
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
