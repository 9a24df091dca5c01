"""An issue as the page that composes it shows it: sections, rows, what may be pulled in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session, defer, selectinload

from alerts.articles.models import Article, ArticlePart, ArticleState
from alerts.newsletters.contents import label_of
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.editing.composition import Composition, PieceEntry, TextEntry
from alerts.newsletters.editing.finding import Elsewhere, find_articles, held_elsewhere
from alerts.newsletters.markdown import html_of
from alerts.newsletters.models import Issue
from alerts.newsletters.places import place_of
from alerts.rendering.plain import join_names
from alerts.web.desk.issues.ending import Ending, endings_of
from alerts.web.desk.issues.form import mark
from alerts.web.words import counted

KINDS = {
    "essay": "shown in full",
    "briefs": "short texts, grouped by place in the order in which each place comes first",
    "cards": "title, standfirst and picture",
}


@dataclass(frozen=True, slots=True)
class PieceRow:
    """A piece as it can be changed; `own_title` and `own_standfirst` are the article's.

    `place` is what a brief is filed under, `parts` how many pieces it could be taken apart into; of
    a roundup's piece, `roundup` is the title of the whole, else empty. `endings` are the paragraphs
    of a text that its section shows in full; `paragraphs` is how many of them stand in the issue.
    """

    key: str
    entry: str
    section: str
    title: str
    standfirst: str
    own_title: str
    own_standfirst: str
    about: str
    place: str
    is_retitled: bool
    is_shortened: bool
    is_late: bool
    is_withdrawn: bool
    parts: int
    roundup: str
    article: int
    url: str | None
    elsewhere: tuple[Elsewhere, ...]
    paragraphs: int | None
    endings: tuple[Ending, ...]

    @property
    def is_piece(self) -> bool:
        """Whether this is a piece, and no text of the editors' own."""
        return True

    @property
    def is_whole(self) -> bool:
        """Whether the whole text stands in the issue; so it does where more is asked for."""
        return self.paragraphs is None or self.paragraphs >= len(self.endings)

    @property
    def shown(self) -> str:
        """How much of the text stands in the issue, in words."""
        return self.shown_with(None if self.is_whole else self.paragraphs)

    def shown_with(self, paragraphs: int | None) -> str:
        """Return in words how much of the text that many paragraphs are; None are all."""
        many = counted(len(self.endings), "paragraph")
        if paragraphs is None:
            return f"all of it, {many}"
        if not paragraphs:
            return "none of it"
        return f"the first {paragraphs} of {many}" if paragraphs > 1 else f"the first of {many}"


@dataclass(frozen=True, slots=True)
class TextRow:
    """A text of the editors' own: its Markdown, and what becomes of it."""

    key: str
    entry: str
    section: str
    markdown: str
    preview: Markup

    @property
    def is_piece(self) -> bool:
        """Whether this is a piece, and no text of the editors' own."""
        return False


@dataclass(frozen=True, slots=True)
class SectionRows:
    """A section with what stands in it, and `kind` in words."""

    key: str
    title: str
    kind: str
    is_essay: bool
    is_briefs: bool
    rows: tuple[PieceRow | TextRow, ...]


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A piece that may be pulled in; `parts` are those of a roundup, each by itself.

    They are `open` where it is one of them that was looked for.
    """

    key: str
    title: str
    about: str
    is_here: bool
    elsewhere: tuple[Elsewhere, ...]
    parts: tuple["FoundRow", ...] = ()
    is_open: bool = False

    @property
    def parts_here(self) -> int:
        """How many of its pieces stand in the issue."""
        return sum(part.is_here for part in self.parts)


@dataclass(frozen=True, slots=True)
class ComposeView:
    """All rows of the page."""

    sections: tuple[SectionRows, ...]
    aside: tuple[PieceRow, ...]
    found: tuple[FoundRow, ...]

    @property
    def pieces(self) -> list[PieceRow]:
        """The pieces that stand in the issue, in order."""
        rows = [row for section in self.sections for row in section.rows]
        return [row for row in rows if isinstance(row, PieceRow)]


def compose_view(
    session: Session,
    issue: Issue,
    definition: NewsletterDefinition,
    composition: Composition,
    *,
    words: str | None = None,
    roundup: int | None = None,
) -> ComposeView:
    """Return what the page shows of a composition, and the articles found by `words`.

    `roundup` is the article whose pieces are to be picked singly. A handful of queries, whatever
    the number of pieces.
    """
    found = [] if words is None else list(find_articles(session, words))
    wanted = {piece.article for piece in (*composition.pieces, *composition.aside)}
    articles = _articles(session, wanted | ({roundup} if roundup else set()))
    if roundup in articles and words is None:
        found = [articles[roundup]]
    held = held_elsewhere(session, issue, [*wanted, *(article.id for article in found)])
    late = {(item.article_id, item.part) for item in issue.items if item.late}
    essays = {section.key for section in definition.sections if section.kind == "essay"}
    endings = endings_of(session, (one for one in composition.pieces if one.section in essays))
    rows: list[PieceRow | TextRow] = [
        _text_row(entry)
        if isinstance(entry, TextEntry)
        else _piece_row(entry, articles, held, late, endings.get(entry.key, ()))
        for entry in composition.entries
        if isinstance(entry, TextEntry) or entry.article in articles
    ]
    here = {piece.key for piece in composition.pieces}
    return ComposeView(
        sections=tuple(
            SectionRows(
                section.key,
                section.title or "Pieces",
                KINDS[section.kind],
                section.kind == "essay",
                section.kind == "briefs",
                tuple(row for row in rows if row.section == section.key),
            )
            for section in definition.sections
        ),
        aside=tuple(
            _piece_row(piece, articles, held, late)
            for piece in composition.aside
            if piece.article in articles
        ),
        found=tuple(_found_row(article, here, held, words or "") for article in found),
    )


def preview_of(markdown: str) -> Markup:
    """Return a text as it will look; it is cleaned as what comes in at intake is."""
    return Markup(html_of(markdown))  # noqa: S704 - cleaned, see newsletters/markdown.py


def _articles(session: Session, numbers: Iterable[int]) -> dict[int, Article]:
    """Return articles with their parts, without the texts of either."""
    query = (
        select(Article)
        .where(Article.id.in_(set(numbers)))
        .options(
            defer(Article.body_html),
            defer(Article.body_text),
            selectinload(Article.parts).options(
                defer(ArticlePart.body_html), defer(ArticlePart.body_text)
            ),
        )
    )
    return {article.id: article for article in session.scalars(query)}


def _piece_row(
    entry: PieceEntry,
    articles: Mapping[int, Article],
    held: Mapping[tuple[int, int], Sequence[Elsewhere]],
    late: set[tuple[int, int]],
    endings: tuple[Ending, ...] = (),
) -> PieceRow:
    article = articles[entry.article]
    part = next((one for one in article.parts if one.position == entry.part), None)
    own_title = part.title if part else article.title
    own_standfirst = part.standfirst if part else article.standfirst
    return PieceRow(
        key=entry.key,
        entry=f"p:{entry.key}:{mark(own_title)}:{mark(own_standfirst)}",
        section=entry.section,
        title=entry.title or own_title,
        standfirst=own_standfirst if entry.standfirst is None else entry.standfirst,
        own_title=own_title,
        own_standfirst=own_standfirst,
        about=_about(article, part),
        place=place_of(article, part).name,
        is_retitled=entry.title is not None,
        is_shortened=entry.standfirst is not None,
        is_late=(entry.article, entry.part) in late,
        is_withdrawn=article.state is ArticleState.WITHDRAWN,
        parts=0 if part else len(article.parts),
        roundup=article.title if part else "",
        article=article.id,
        url=article.url,
        elsewhere=tuple(held.get((entry.article, entry.part), ())),
        paragraphs=entry.paragraphs,
        endings=endings,
    )


def _text_row(entry: TextEntry) -> TextRow:
    preview = preview_of(entry.markdown)
    return TextRow(entry.key, f"t:{entry.key}", entry.section, entry.markdown, preview)


def _found_row(
    article: Article,
    here: set[str],
    held: Mapping[tuple[int, int], Sequence[Elsewhere]],
    words: str,
) -> FoundRow:
    wanted = words.casefold().split()
    return FoundRow(
        key=str(article.id),
        title=article.title,
        about=_about(article, None),
        is_here=str(article.id) in here,
        elsewhere=tuple(held.get((article.id, 0), ())),
        parts=tuple(
            FoundRow(
                key=f"{article.id}.{part.position}",
                title=part.title,
                about=" · ".join(
                    filter(None, (place_of(article, part).name, join_names(part.authors)))
                ),
                is_here=f"{article.id}.{part.position}" in here,
                elsewhere=tuple(held.get((article.id, part.position), ())),
            )
            for part in article.parts
        ),
        is_open=bool(wanted)
        and any(all(word in part.title.casefold() for word in wanted) for part in article.parts),
    )


def _about(article: Article, part: ArticlePart | None) -> str:
    names = part.authors if part else [author.name for author in article.authors]
    day = article.published_on
    said = (
        join_names(names) or article.team or "",
        label_of(article),
        f"{day.day} {day:%B %Y}" if day else "",
    )
    return " · ".join(filter(None, said))
