"""The SQL of the archive's shelves and of its search: pieces that are out, the newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from alerts.newsletters.archive.models import (
    ArchivedIssue,
    ArchivedPiece,
    ArchiveMark,
    ShelfKind,
)
from alerts.newsletters.archive.words import shelf_slug
from alerts.web.queries import ISSUE_COLUMNS, PublishedIssue


@dataclass(frozen=True, slots=True)
class Shelf:
    """What pieces can be listed by, with how many there are; `name` as it is printed."""

    kind: ShelfKind
    slug: str
    name: str
    pieces: int = 0


@dataclass(frozen=True, slots=True)
class PublishedPiece:
    """A piece that is out, in the first issue that held it; `url` is where it was published.

    `authors` and `series` are shelves, each without a count; `body` is empty in lists.
    """

    id: int
    title: str
    url: str | None
    authors: tuple[Shelf, ...]
    series: Shelf | None
    label: str
    date: str
    standfirst: str
    issue: PublishedIssue
    body: str = ""


def shelves(session: Session, kind: ShelfKind) -> list[Shelf]:
    """Return all shelves of a kind by name, those of years with the newest first."""
    rows = session.execute(
        select(ArchiveMark.slug, func.min(ArchiveMark.name), func.count())
        .where(ArchiveMark.kind == kind)
        .group_by(ArchiveMark.slug)
    )
    found = [Shelf(kind, *row) for row in rows]
    if kind is ShelfKind.YEAR:
        return sorted(found, key=lambda shelf: shelf.slug, reverse=True)
    return sorted(found, key=lambda shelf: (shelf.name.casefold(), shelf.slug))


def shelf(session: Session, kind: ShelfKind, slug: str) -> Shelf | None:
    """Return one shelf with how many pieces stand on it; None for an empty one."""
    of_shelf = (ArchiveMark.kind == kind, ArchiveMark.slug == slug)
    name = session.execute(select(ArchiveMark.name).where(*of_shelf).limit(1)).scalar()
    if name is None:
        return None
    count = session.execute(select(func.count()).where(*of_shelf)).scalar_one()
    return Shelf(kind, slug, name, count)


def pieces_on_shelf(
    session: Session, kind: ShelfKind, slug: str, *, limit: int, offset: int = 0
) -> list[PublishedPiece]:
    """Return the pieces on a shelf, the newest first."""
    # The primary key gives them in order, so that only those of one page are looked up.
    on_page = (
        select(ArchiveMark.piece_id)
        .where(ArchiveMark.kind == kind, ArchiveMark.slug == slug)
        .order_by(ArchiveMark.piece_id.desc())
        .limit(limit)
        .offset(offset)
    )
    return pieces(session, session.execute(on_page).scalars().all())


def pieces(
    session: Session, numbers: Sequence[int], *, with_body: bool = False
) -> list[PublishedPiece]:
    """Return pieces by their numbers, the newest first."""
    query = _pieces(with_body=with_body).where(ArchivedPiece.id.in_(numbers))
    return [_piece(row) for row in session.execute(query.order_by(ArchivedPiece.id.desc()))]


def _pieces(*, with_body: bool) -> Select[*tuple[Any, ...]]:
    columns = [
        ArchivedPiece.id.label("piece_id"),
        ArchivedPiece.title,
        ArchivedPiece.url,
        ArchivedPiece.authors,
        ArchivedPiece.series,
        ArchivedPiece.label.label("label"),
        ArchivedPiece.date.label("printed"),
        ArchivedPiece.standfirst,
        *([ArchivedPiece.body] if with_body else []),
    ]
    return select(*ISSUE_COLUMNS, *columns).join(
        ArchivedIssue, ArchivedIssue.issue_id == ArchivedPiece.issue_id
    )


def _piece(row: Row[Any]) -> PublishedPiece:
    names = [name for name in row.authors.split("\n") if name]
    series = shelf_slug(row.series)
    return PublishedPiece(
        id=row.piece_id,
        title=row.title,
        url=row.url,
        authors=tuple(Shelf(ShelfKind.AUTHOR, shelf_slug(name), name) for name in names),
        series=Shelf(ShelfKind.SERIES, series, row.series) if series else None,
        label=row.label,
        date=row.printed,
        standfirst=row.standfirst,
        issue=PublishedIssue(*row[: len(ISSUE_COLUMNS)]),
        body=row.body if "body" in row._fields else "",
    )
