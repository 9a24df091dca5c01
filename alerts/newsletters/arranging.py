"""In which section of an issue each piece goes. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from alerts.articles.identity import essay_key
from alerts.articles.models import Article, ArticlePart
from alerts.articles.reading.names import folded
from alerts.newsletters.definitions import NewsletterDefinition, RuleDefinition, SectionDefinition
from alerts.newsletters.places import place_of

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


@dataclass(frozen=True, slots=True)
class Due:
    """What an issue may hold: articles, and by the article's id those parts that alone are due.

    These are the new blocks of pages that grow, and the pieces of a roundup that editors took out
    of an issue which held the others. `held` are essays that issues have held as articles of their
    own, each by the key of its title with the names it is signed by: where a roundup brings one of
    them again, it is no news.
    """

    articles: Sequence[Article]
    parts: Mapping[int, Sequence[ArticlePart]] = field(default_factory=dict)
    held: Sequence[tuple[str, set[str]]] = ()


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
    if article.id in new_parts:
        return [Piece(article, part) for part in new_parts[article.id]]
    if not takes_parts:
        return [Piece(article)]
    parts = [part for part in article.parts if not wanted or wanted & set(part.regions)]
    return [Piece(article, part) for part in parts] or [Piece(article)]


def _by_place(piece: Piece) -> tuple[bool, str, str, str]:
    place = place_of(piece.article, piece.part)
    return (not place.region, place.region, place.name, piece.title.casefold())
