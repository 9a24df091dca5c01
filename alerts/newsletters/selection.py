"""Which articles are due, and in which section each goes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from alerts.articles.models import Article, ArticlePart, ArticleState
from alerts.errors import NotFound, Refused
from alerts.newsletters.definitions import NewsletterDefinition, RuleDefinition, SectionDefinition
from alerts.newsletters.models import Issue, IssueItem, IssueState
from alerts.newsletters.places import place_of
from alerts.subscribers.models import Frequency

WHOLE = 0


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


def due_articles(
    session: Session,
    definition: NewsletterDefinition,
    frequency: Frequency,
    *,
    since: datetime | None,
    until: datetime,
) -> list[Article]:
    """Return the published articles that match and that no issue at this frequency has held.

    Noticed up to `until`. `since` asks for the printed date (in the newsletter's zone), or, where
    none is printed, for the moment of noticing. The newest come first.
    """
    held = exists().where(
        IssueItem.article_id == Article.id,
        IssueItem.issue_id == Issue.id,
        Issue.newsletter == definition.slug,
        Issue.frequency == frequency,
        Issue.state != IssueState.CANCELLED,
    )
    query = select(Article).where(
        Article.state == ArticleState.PUBLISHED, Article.noticed_at <= until, ~held
    )
    if since is not None:
        day = since.astimezone(ZoneInfo(definition.time_zone)).date()
        undated = Article.published_on.is_(None) & (Article.noticed_at >= since)
        query = query.where(or_(Article.published_on >= day, undated))
    found = [
        article for article in session.scalars(query) if article_matches(definition.rule, article)
    ]
    return sorted(found, key=_newest_first)


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
    definition: NewsletterDefinition, articles: Iterable[Article]
) -> list[tuple[SectionDefinition, list[Piece]]]:
    """Put articles into the sections of a newsletter.

    An `essay` section takes the longest signed essay, else a part that its roundup has in focus;
    `briefs` take roundups apart into their pieces, ordered by place; `cards` take whole articles.
    A section with a limit leaves the rest to those after it.
    """
    left = list(articles)
    takes_parts = any(section.kind == "briefs" for section in definition.sections)
    pieces = [
        piece
        for article in left
        for piece in (_pieces(definition.rule, article) if takes_parts else [Piece(article)])
    ]
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


def _pieces(rule: RuleDefinition, article: Article) -> list[Piece]:
    """Take a roundup apart into the parts that the rule asks for."""
    wanted = set(rule.regions)
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
