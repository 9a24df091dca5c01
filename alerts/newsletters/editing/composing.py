"""Between an issue's rows and its composition: read from them, and written back."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.articles.models import Article, ArticleState
from alerts.errors import NotFound, Refused
from alerts.newsletters.contents import is_late
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.editing.composition import (
    Composition,
    Entry,
    PieceEntry,
    TextEntry,
    entry_json,
)
from alerts.newsletters.models import Issue, IssueItem, IssueState, IssueText


def composition_of(issue: Issue, definition: NewsletterDefinition) -> Composition:
    """Return what an issue says now as an editor composes it."""
    placed: list[tuple[int, Entry]] = [(item.position, _piece(item)) for item in issue.items]
    placed += [(one.position, TextEntry(one.key, one.section, one.markdown)) for one in issue.texts]
    entries = tuple(entry for _, entry in sorted(placed, key=lambda one: one[0]))
    return Composition(
        subject=issue.subject,
        preheader=issue.preheader,
        note=issue.editors_note,
        entries=entries,
        aside=tuple(PieceEntry(**one) for one in issue.set_aside),
    ).in_sections(section_keys(definition))


def section_keys(definition: NewsletterDefinition) -> tuple[str, ...]:
    """Return the keys of a newsletter's sections, in order."""
    return tuple(section.key for section in definition.sections)


def write_composition(
    session: Session, issue: Issue, composition: Composition, definition: NewsletterDefinition
) -> None:
    """Let the rows say what was composed; raises NotFound or Refused for a piece that is none.

    The caller holds the issue's row.
    """
    issue.subject = composition.subject
    issue.preheader = composition.preheader
    issue.editors_note = composition.note
    issue.set_aside = [entry_json(piece) for piece in composition.aside]
    _write_texts(session, issue, composition)
    items = {(item.article_id, item.part): item for item in issue.items}
    wanted = {(piece.article, piece.part) for piece in composition.pieces}
    for key in items.keys() - wanted:
        issue.items.remove(items[key])
    session.flush()
    missing = [one for one in composition.pieces if (one.article, one.part) not in items]
    articles = usable_articles(session, missing)
    cut_off = _previous_cut_off(session, issue) if missing else None
    for position, entry in enumerate(composition.entries, start=1):
        if isinstance(entry, TextEntry):
            continue
        item = items.get((entry.article, entry.part))
        if item is None:
            article = articles[entry.article]
            item = IssueItem(
                article_id=article.id,
                article=article,
                part=entry.part,
                late=is_late(article, cut_off, definition.time_zone),
            )
            issue.items.append(item)
        item.section, item.position = entry.section, position
        item.title, item.standfirst = entry.title, entry.standfirst
        item.paragraphs = entry.paragraphs
    session.flush()


def usable_articles(session: Session, pieces: Iterable[PieceEntry]) -> dict[int, Article]:
    """Return the articles that pieces are of; raises NotFound, and Refused for one withdrawn."""
    wanted = list(pieces)
    query = select(Article).where(Article.id.in_({piece.article for piece in wanted}))
    found = {article.id: article for article in session.scalars(query)}
    for piece in wanted:
        article = found.get(piece.article)
        if article is None:
            raise NotFound(f"there is no article {piece.article}")
        if article.state is ArticleState.WITHDRAWN:
            raise Refused(f"“{article.title}” was withdrawn; it can stand in no issue")
        if piece.part and not any(part.position == piece.part for part in article.parts):
            raise NotFound(f"article {piece.article} has no piece {piece.part}")
    return found


def _write_texts(session: Session, issue: Issue, composition: Composition) -> None:
    texts = {text.key: text for text in issue.texts}
    wanted = {one.key for one in composition.entries if isinstance(one, TextEntry)}
    for key in texts.keys() - wanted:
        issue.texts.remove(texts[key])
    session.flush()
    for position, entry in enumerate(composition.entries, start=1):
        if not isinstance(entry, TextEntry):
            continue
        text = texts.get(entry.key)
        if text is None:
            text = IssueText(key=entry.key)
            issue.texts.append(text)
        text.section, text.position, text.markdown = entry.section, position, entry.markdown


def _previous_cut_off(session: Session, issue: Issue) -> datetime | None:
    return session.scalar(
        select(func.max(Issue.until)).where(
            Issue.newsletter == issue.newsletter,
            Issue.frequency == issue.frequency,
            Issue.id < issue.id,
            Issue.number.is_not(None),
            Issue.state != IssueState.CANCELLED,
        )
    )


def _piece(item: IssueItem) -> PieceEntry:
    return PieceEntry(
        item.article_id, item.part, item.section, item.title, item.standfirst, item.paragraphs
    )
