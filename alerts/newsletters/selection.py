"""Which articles are due."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Select, String, cast, exists, or_, select
from sqlalchemy.orm import Session

from alerts.articles.identity import essay_key
from alerts.articles.models import Article, ArticleAuthor, ArticlePart, ArticleState
from alerts.articles.reading.names import folded
from alerts.errors import NotFound, Refused
from alerts.newsletters.arranging import WHOLE, Due
from alerts.newsletters.definitions import NewsletterDefinition, RuleDefinition
from alerts.newsletters.models import Issue, IssueItem, IssueState
from alerts.subscribers.models import Frequency

# A roundup brings the essays of its own weeks; what an editor took out of an issue comes up again.
_ROUNDUPS_LOOK_BACK = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class Window:
    """What an issue looks at: noticed up to `until`, published since `since` where that is asked.

    `since` asks for the printed date (in the newsletter's zone), or, where none is printed, for
    the moment of noticing.
    """

    since: datetime | None
    until: datetime
    zone: str

    @property
    def first_day(self) -> date | None:
        """The first printed date that is looked at."""
        return self.since.astimezone(ZoneInfo(self.zone)).date() if self.since else None


def due_articles(
    session: Session, definition: NewsletterDefinition, frequency: Frequency, window: Window
) -> Due:
    """Return the published articles that match and that no issue at this frequency has held.

    Of a page that grows, those blocks that no issue has held; of a roundup that an issue held in
    part, the pieces that an editor took out of it. The newest come first.
    """
    held = _held(definition, frequency)
    query = select(Article).where(
        Article.state == ArticleState.PUBLISHED,
        Article.noticed_at <= window.until,
        or_(Article.grows, ~exists(held.where(IssueItem.article_id == Article.id))),
    )
    if window.since is not None:
        undated = Article.published_on.is_(None) & (Article.noticed_at >= window.since)
        printed = Article.published_on >= window.first_day
        query = query.where(or_(Article.grows, printed, undated))
    found = [one for one in session.scalars(query) if article_matches(definition.rule, one)]
    growing = [article for article in found if article.grows]
    parts = _new_parts(session, growing, held, window)
    due = [article for article in found if not article.grows or parts[article.id]]
    for article, returned in _taken_out(session, definition, frequency, window):
        parts[article.id] = returned
        due.append(article)
    is_roundup = any(article.parts and not article.grows for article in due)
    essays = _held_essays(session, held, window) if is_roundup else ()
    return Due(sorted(due, key=_newest_first), parts, essays)


def _held(definition: NewsletterDefinition, frequency: Frequency) -> Select[int, int]:
    """Return the query for what issues at a frequency have held: articles and their parts."""
    return (
        select(IssueItem.article_id, IssueItem.part)
        .join(Issue, IssueItem.issue_id == Issue.id)
        .where(
            Issue.newsletter == definition.slug,
            Issue.frequency == frequency,
            Issue.state != IssueState.CANCELLED,
        )
    )


def _held_essays(
    session: Session, held: Select[int, int], window: Window
) -> list[tuple[str, set[str]]]:
    """Return the articles of their own that issues have held of late, by title and names."""
    since = Issue.until >= window.until - _ROUNDUPS_LOOK_BACK
    whole = held.where(IssueItem.part == WHOLE, since).subquery()
    rows = session.execute(
        select(Article.id, Article.title, ArticleAuthor.name)
        .join(whole, whole.c.article_id == Article.id)
        .outerjoin(ArticleAuthor, ArticleAuthor.article_id == Article.id)
    )
    found: dict[int, tuple[str, set[str]]] = {}
    for number, title, name in rows:
        _, names = found.setdefault(number, (essay_key(title), set()))
        if name:
            names.add(folded(name))
    return list(found.values())


def _taken_out(
    session: Session, definition: NewsletterDefinition, frequency: Frequency, window: Window
) -> Iterator[tuple[Article, list[ArticlePart]]]:
    """Yield roundups of which issues have held some pieces, with those that editors took out.

    One that no issue holds is due as a whole. A piece that does not fit the rule was pulled in by
    hand, and is not due by itself.
    """
    aside = _parts_aside(session, definition, frequency, window)
    held = _held(definition, frequency).where(IssueItem.article_id.in_(aside))
    standing: dict[int, set[int]] = {}
    for article_id, part in session.execute(held) if aside else ():
        standing.setdefault(article_id, set()).add(part)
    in_part = [number for number, parts in standing.items() if WHOLE not in parts]
    published = Article.state == ArticleState.PUBLISHED
    query = select(Article).where(Article.id.in_(in_part), published, ~Article.grows)
    for article in session.scalars(query) if in_part else ():
        free = aside[article.id] - standing[article.id]
        parts = [one for one in article.parts if one.position in free]
        fitting = [one for one in parts if _fits(definition.rule, one)]
        if (
            fitting
            and article_matches(definition.rule, article)
            and _is_printed_in(window, article)
        ):
            yield article, fitting


def _parts_aside(
    session: Session, definition: NewsletterDefinition, frequency: Frequency, window: Window
) -> dict[int, set[int]]:
    """Return which parts of which articles editors took out of issues of late."""
    rows = session.scalars(
        select(Issue.set_aside).where(
            Issue.newsletter == definition.slug,
            Issue.frequency == frequency,
            Issue.state != IssueState.CANCELLED,
            Issue.until >= window.until - _ROUNDUPS_LOOK_BACK,
            cast(Issue.set_aside, String) != "[]",
        )
    )
    found: dict[int, set[int]] = {}
    for piece in (piece for pieces in rows for piece in pieces):
        if piece["part"] != WHOLE:
            found.setdefault(piece["article"], set()).add(piece["part"])
    return found


def _fits(rule: RuleDefinition, part: ArticlePart) -> bool:
    return not rule.regions or bool(set(rule.regions) & set(part.regions))


def _is_printed_in(window: Window, article: Article) -> bool:
    first, printed = window.first_day, article.published_on
    return first is None or printed is None or printed >= first


def _new_parts(
    session: Session, growing: Sequence[Article], held: Select[int, int], window: Window
) -> dict[int, list[ArticlePart]]:
    """Return the blocks of pages that grow which are in the window and in no issue."""
    numbers = [article.id for article in growing]
    rows = session.execute(held.where(IssueItem.article_id.in_(numbers))) if numbers else ()
    taken = {(article_id, part) for article_id, part in rows}
    return {
        article.id: [
            part
            for part in article.parts
            if (article.id, part.position) not in taken and _is_in(window, article, part)
        ]
        for article in growing
    }


def _is_in(window: Window, article: Article, part: ArticlePart) -> bool:
    noticed = part.noticed_at or article.noticed_at
    if noticed > window.until:
        return False
    if window.since is None or window.first_day is None:
        return True
    return part.dated_on >= window.first_day if part.dated_on else noticed >= window.since


def chosen_articles(session: Session, article_ids: Sequence[int]) -> list[Article]:
    """Return exactly these articles, in this order; raises NotFound or Refused."""
    found = {a.id: a for a in session.scalars(select(Article).where(Article.id.in_(article_ids)))}
    for number in article_ids:
        if number not in found:
            raise NotFound(f"there is no article {number}; see `alerts article list`")
        if found[number].state is ArticleState.WITHDRAWN:
            raise Refused(f"article {number} was withdrawn; leave it out")
    return [found[number] for number in dict.fromkeys(article_ids)]


def article_matches(rule: RuleDefinition, article: Article) -> bool:
    """Tell whether an article, or one of its parts, is what a rule asks for."""
    series = {name.casefold() for name in rule.series}
    topics = {name.casefold() for name in rule.topics}
    if series and (article.series or "").casefold() not in series:
        return False
    if topics and not topics & {topic.casefold() for topic in article.topics}:
        return False
    regions = set(rule.regions)
    return (
        not regions
        or bool(regions & set(article.regions))
        or any(regions & set(part.regions) for part in article.parts)
    )


def _newest_first(article: Article) -> tuple[float, int]:
    if article.published_on is None:
        return (-article.noticed_at.timestamp(), -article.id)
    day = datetime.combine(article.published_on, datetime.min.time(), article.noticed_at.tzinfo)
    return (-day.timestamp(), -article.id)
