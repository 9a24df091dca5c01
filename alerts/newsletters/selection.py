"""Which articles are due, and in which section each goes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import Session

from alerts.articles.identity import essay_key
from alerts.articles.models import Article, ArticleAuthor, ArticlePart, ArticleState
from alerts.articles.reading.names import folded
from alerts.errors import NotFound, Refused
from alerts.newsletters.definitions import NewsletterDefinition, RuleDefinition, SectionDefinition
from alerts.newsletters.models import Issue, IssueItem, IssueState
from alerts.newsletters.places import place_of
from alerts.subscribers.models import Frequency

WHOLE = 0
# A roundup brings the essays of its own weeks.
_ROUNDUPS_LOOK_BACK = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class Piece:
    """An article, or one part of a roundup, that may stand in an issue."""

    article: Article
    part: ArticlePart | None = None

    @property
    def position(self) -> int:
        """The part's position; 0 stands for the whole article."""
        return self.part.position if self.part else WHOLE

    @property
    def title(self) -> str:
        """The piece's own title."""
        return self.part.title if self.part else self.article.title

    @property
    def is_essay(self) -> bool:
        """Whether it is a signed piece by itself, no roundup and no part of one."""
        return self.part is None and bool(self.article.authors) and not self.article.parts


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


@dataclass(frozen=True, slots=True)
class Due:
    """What an issue may hold: articles, and of pages that grow the parts by the article's id.

    `held` are essays that issues have held as articles of their own, each by the key of its title
    with the names it is signed by: where a roundup brings one of them again, it is no news.
    """

    articles: Sequence[Article]
    parts: Mapping[int, Sequence[ArticlePart]] = field(default_factory=dict)
    held: Sequence[tuple[str, set[str]]] = ()


def due_articles(
    session: Session, definition: NewsletterDefinition, frequency: Frequency, window: Window
) -> Due:
    """Return the published articles that match and that no issue at this frequency has held.

    Of a page that grows, those blocks that no issue has held. The newest come first.
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


def arrange(
    definition: NewsletterDefinition, due: Due
) -> list[tuple[SectionDefinition, list[Piece]]]:
    """Put articles into the sections of a newsletter.

    An `essay` section takes the longest signed essay, else a part that its roundup has in focus;
    `briefs` take roundups apart into their pieces, ordered by place; `cards` take whole articles,
    and of pages that grow the new blocks. A section with a limit leaves the rest to those after
    it. An essay that stands alone and in a roundup too is held once, as the article of its own,
    also where an issue before held it.
    """
    takes_parts = any(section.kind == "briefs" for section in definition.sections)
    pieces = without_doubles(
        piece
        for article in due.articles
        for piece in _pieces(definition.rule, article, due.parts, takes_parts=takes_parts)
        if not (piece.part and not article.grows and _stands_alone(piece.part, due.held))
    )
    arranged = []
    for section in definition.sections:
        taken = _take(section, pieces)
        pieces = [piece for piece in pieces if piece not in taken]
        arranged.append((section, taken))
    return arranged


def _take(section: SectionDefinition, pieces: list[Piece]) -> list[Piece]:
    match section.kind:
        case "essay":
            essays = sorted(
                (piece for piece in pieces if piece.is_essay),
                key=lambda piece: (-piece.article.words, piece.article.id),
            )
            in_focus = [piece for piece in pieces if piece.part and piece.part.in_focus]
            return (essays + in_focus)[: section.limit]
        case "briefs":
            ordered = sorted(pieces, key=_by_place)
            return ordered[: section.limit]
        case _:
            return pieces[: section.limit]


def without_doubles(pieces: Iterable[Piece]) -> list[Piece]:
    """Leave out the parts of roundups that stand among the pieces as articles of their own."""
    every = list(pieces)
    alone = [
        (essay_key(piece.title), {folded(author.name) for author in piece.article.authors})
        for piece in every
        if piece.part is None
    ]
    return [piece for piece in every if piece.part is None or not _stands_alone(piece.part, alone)]


def _stands_alone(part: ArticlePart, alone: Sequence[tuple[str, set[str]]]) -> bool:
    signed = {folded(name) for name in part.authors}
    return any(
        key == essay_key(part.title) and (not signed or not names or signed & names)
        for key, names in alone
    )


def _pieces(
    rule: RuleDefinition,
    article: Article,
    new_parts: Mapping[int, Sequence[ArticlePart]],
    *,
    takes_parts: bool,
) -> list[Piece]:
    """Take a roundup, or a page that grows, apart into the parts that the rule asks for."""
    wanted = set(rule.regions)
    if article.grows:
        parts = new_parts.get(article.id, article.parts)
        # A block that names no place is about what its page is about.
        fitting = [part for part in parts if not wanted or wanted & set(part.regions)]
        return [Piece(article, part) for part in fitting or parts]
    if not takes_parts:
        return [Piece(article)]
    parts = [part for part in article.parts if not wanted or wanted & set(part.regions)]
    return [Piece(article, part) for part in parts] or [Piece(article)]


def _by_place(piece: Piece) -> tuple[bool, str, str, str]:
    place = place_of(piece.article, piece.part)
    return (not place.region, place.region, place.name, piece.title.casefold())


def _newest_first(article: Article) -> tuple[float, int]:
    if article.published_on is None:
        return (-article.noticed_at.timestamp(), -article.id)
    day = datetime.combine(article.published_on, datetime.min.time(), article.noticed_at.tzinfo)
    return (-day.timestamp(), -article.id)
