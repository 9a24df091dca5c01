"""The use cases of the intake: store what was read, look it up, withdraw it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.articles.cards import keep_card
from alerts.articles.editing import as_page_says, with_edits
from alerts.articles.fields import date_of, date_text, field_of_flag
from alerts.articles.growth import has_only_grown, with_kept_parts
from alerts.articles.identity import identity_of, is_numbered, likeness_of, same_words
from alerts.articles.models import Article, ArticleAddress, ArticleEdit, ArticleState
from alerts.articles.queries import (
    by_identity,
    by_likeness,
    edits_of,
    lock_likeness,
    newest,
    printed_values,
)
from alerts.articles.reading.record import ReadArticle
from alerts.articles.record import ArticleRecord, record_of
from alerts.articles.storing import fill, keep_revision, stored_record, write_record
from alerts.articles.telling import tell_added, tell_withdrawn
from alerts.articles.topics import Topics
from alerts.clock import Clock
from alerts.errors import NotFound, Refused


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
    keep_card(session, article)
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
    keep_card(session, article)
    return article


def _find(session: Session, page: ReadArticle) -> Article | None:
    found = by_identity(session, identity_of(page))
    if found is not None:
        return found
    alike = by_likeness(session, likeness_of(page))
    printed = printed_values(session, [article.id for article in alike])
    return next((a for a in alike if _may_be(_Printed.of(a, printed.get(a.id, {})), page)), None)


@dataclass(frozen=True, slots=True)
class _Printed:
    """What an article's page prints of what tells it apart, whatever an editor made of it."""

    url: str | None
    series: str | None
    number: str | None
    published_on: date | None
    published_precision: str | None
    body_text: Callable[[], str]

    @classmethod
    def of(cls, article: Article, printed: Mapping[str, Any]) -> "_Printed":
        day = printed.get(
            "published_on", date_text(article.published_on, article.published_precision)
        )
        published_on, precision = date_of(day)
        return cls(
            url=article.url,
            series=printed.get("series", article.series),
            number=printed.get("number", article.number),
            published_on=published_on,
            published_precision=precision,
            # Loaded when it is looked at.
            body_text=lambda: article.body_text,
        )


def _may_be(article: _Printed, page: ReadArticle) -> bool:
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


def _is_copy(article: _Printed, page: ReadArticle, url: str, known_url: str) -> bool:
    if is_numbered(url) and is_numbered(known_url):
        return False
    printed = article.published_on, page.published_on
    return (
        printed[0] is not None
        and printed[0] == printed[1]
        and article.published_precision == page.published_precision
        and same_words(article.body_text(), page.body_text)
    )


def _remember_address(session: Session, article: Article, page: ReadArticle, clock: Clock) -> None:
    key = identity_of(page)
    if session.get(ArticleAddress, key) is None:
        session.add(
            ArticleAddress(key=key, article_id=article.id, url=page.url or "", seen_at=clock.now())
        )
        session.flush()


def _same_date(article: _Printed, page: ReadArticle) -> bool:
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
    fill(article, record_of(page, topics=topics), clock=clock)
    session.add(article)
    session.flush()
    keep_card(session, article)
    tell_added(session, article, clock=clock)
    return article


def _join(
    session: Session, article: Article, page: ReadArticle, clock: Clock, topics: Topics | None
) -> AddOutcome:
    """Make a page a new revision of an article, when it says anything new.

    What an editor said of a field stays; see `editing`.
    """
    known = stored_record(article)
    edits = edits_of(session, article.id)
    record = record_of(page, as_page_says(known, edits), topics=topics)
    if article.url and page.url:
        # Both spell one address; the first spelling stays.
        record = replace(record, url=article.url)
    record = with_kept_parts(with_edits(session, record, edits), known)
    record = _without_settled(record, article, edits)
    if record.checksum() == known.checksum():
        if edits:
            keep_card(session, article)
        return AddOutcome("unchanged", article)
    if not has_only_grown(known, record):
        keep_revision(session, article, known, clock=clock)
    if page.url:
        article.identity = identity_of(page)
    article.likeness = likeness_of(page)
    write_record(session, article, record, clock=clock)
    keep_card(session, article)
    return AddOutcome("updated", article)


def _without_settled(
    record: ArticleRecord, article: Article, edits: Sequence[ArticleEdit]
) -> ArticleRecord:
    """Leave out the flags that an editor settled, or whose field one has filled in."""
    settled, edited = set(article.settled_flags), {edit.field for edit in edits}
    flags = (
        flag for flag in record.flags if flag not in settled and field_of_flag(flag) not in edited
    )
    return replace(record, flags=tuple(flags))
