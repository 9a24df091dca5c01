"""Entering issues into the archive: when they start, and afterwards where that did not happen."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, and_, func, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from alerts.database import insert_into
from alerts.newsletters.archive.index import PARTS, index_piece
from alerts.newsletters.archive.models import (
    ArchivedIssue,
    ArchivedPiece,
    ArchiveMark,
    ShelfKind,
)
from alerts.newsletters.archive.words import shelf_slug
from alerts.newsletters.content import IssueContent, ItemContent
from alerts.newsletters.models import Issue, IssueState
from alerts.regions import REGIONS

# A sweep is one transaction, which others wait for.
_MOST_AT_ONCE = 100
_LONGEST_NAME = 200
_LONGEST_URL = 2_000
OUT_AT = func.coalesce(Issue.started_at, Issue.approved_at, Issue.created_at)


def is_out() -> ColumnElement[bool]:
    """Return the condition that readers have an issue, or are getting it.

    One that was stopped half-way stays: some readers have mails that link to it.
    """
    return and_(
        Issue.number.is_not(None),
        Issue.content.is_not(None),
        or_(
            Issue.state.in_((IssueState.SENDING, IssueState.SENT)),
            and_(
                Issue.state.in_((IssueState.PAUSED, IssueState.CANCELLED)),
                Issue.started_at.is_not(None),
            ),
        ),
    )


def enter_issue(session: Session, issue: Issue) -> bool:
    """Enter an issue that has started into the archive; tells whether it was new there.

    In the transaction that starts the issue, so that nothing is shown before. It may run any
    number of times: an issue is unique here, and so is a piece, which stays with the issue that
    held it first.
    """
    if issue.number is None or issue.content is None:
        return False
    content = IssueContent.from_json(issue.content)
    out_at = issue.started_at or issue.approved_at or issue.created_at
    entered = session.execute(
        _once(session, ArchivedIssue).returning(ArchivedIssue.issue_id),
        _issue_row(issue, content, out_at),
    ).scalar_one_or_none()
    if entered is None:
        return False
    for item in content.items:
        _enter_piece(session, issue.id, item, out_at)
    return True


def enter_missing(session: Session, *, limit: int = _MOST_AT_ONCE) -> int:
    """Enter issues that are out and not in the archive, the oldest first; returns how many."""
    known = select(ArchivedIssue.issue_id).where(ArchivedIssue.issue_id == Issue.id).exists()
    missing = select(Issue.id).where(is_out(), ~known).order_by(OUT_AT, Issue.id).limit(limit)
    return sum(
        enter_issue(session, session.get_one(Issue, issue_id))
        for issue_id in session.execute(missing).scalars().all()
    )


def _enter_piece(session: Session, issue_id: int, item: ItemContent, out_at: datetime) -> None:
    row = _piece_row(issue_id, item)
    piece_id = session.execute(
        _once(session, ArchivedPiece).returning(ArchivedPiece.id), row
    ).scalar_one_or_none()
    if piece_id is None:
        return
    marks = {
        (kind, slug): {"kind": kind, "slug": slug, "piece_id": piece_id, "name": name}
        for kind, slug, name in _marks(item, out_at)
        if slug
    }
    session.execute(insert(ArchiveMark), list(marks.values()))
    index_piece(session, piece_id, {part: row[part] for part in PARTS})


def _marks(item: ItemContent, out_at: datetime) -> Iterator[tuple[ShelfKind, str, str]]:
    """Yield the shelves a piece stands on: kind, slug and printed name."""
    yield ShelfKind.YEAR, str(out_at.year), str(out_at.year)
    for slug in item.regions:
        if slug in REGIONS:
            yield ShelfKind.REGION, slug, REGIONS[slug].name
    series = item.series[:_LONGEST_NAME]
    yield ShelfKind.SERIES, shelf_slug(series), series
    for author in item.authors:
        yield ShelfKind.AUTHOR, shelf_slug(author), author[:_LONGEST_NAME]


def _issue_row(issue: Issue, content: IssueContent, out_at: datetime) -> dict[str, Any]:
    return {
        "issue_id": issue.id,
        "newsletter": issue.newsletter,
        "frequency": issue.frequency,
        "number": issue.number,
        "number_count": issue.number_count,
        "volume": issue.volume,
        "volume_number": issue.volume_number,
        "subject": issue.subject,
        "date": content.date[:100],
        "out_at": out_at,
        "preheader": content.preheader,
        "pieces": [
            {
                "title": item.title,
                "url": _web_address(item.url),
                "authors": list(item.authors),
                "standfirst": item.standfirst,
            }
            for item in content.items
        ],
    }


def _piece_row(issue_id: int, item: ItemContent) -> Mapping[str, Any]:
    return {
        "key": item.key,
        "issue_id": issue_id,
        "title": item.title,
        "url": _web_address(item.url),
        "authors": "\n".join(item.authors),
        "label": item.label,
        "series": item.series[:_LONGEST_NAME],
        "date": item.date[:100],
        "standfirst": item.standfirst,
        "body": _readable(item),
    }


def _readable(item: ItemContent) -> str:
    """Return the text that whoever finds a piece can read: all of it where the piece stands.

    A piece that is nowhere on the web is found by what its issue shows, since that is where a hit
    leads; the rest was shown to nobody.
    """
    if item.paragraphs is None or _web_address(item.url):
        return item.body_text
    return "\n\n".join(item.body_text.split("\n\n")[: item.paragraphs])


def _web_address(url: str | None) -> str | None:
    """Return an address that a page may link to, else None."""
    if not url or len(url) > _LONGEST_URL:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.netloc else None


def _once(
    session: Session, table: type[ArchivedIssue | ArchivedPiece]
) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that leaves alone what is there already."""
    return insert_into(session, table).on_conflict_do_nothing()
