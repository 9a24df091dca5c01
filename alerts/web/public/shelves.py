"""The archive by region, series, author and year: every piece once, the newest first."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from alerts.newsletters.archive.models import ShelfKind
from alerts.newsletters.archive.words import shelf_slug
from alerts.newsletters.service import offers
from alerts.regions import REGIONS
from alerts.web.archive_queries import (
    PublishedPiece,
    Shelf,
    pieces_on_shelf,
    shelf,
    shelves,
)
from alerts.web.caching import cacheable
from alerts.web.public.catalogue import issue_path
from alerts.web.queries import newest_at
from alerts.web.site import CurrentSite, Site

_PAGE_SIZE = 50
HEADINGS = {
    ShelfKind.REGION: "Regions",
    ShelfKind.SERIES: "Series",
    ShelfKind.AUTHOR: "Authors",
    ShelfKind.YEAR: "Years",
}
router = APIRouter(prefix="/archive")


@dataclass(frozen=True, slots=True)
class ListedPiece:
    """A piece with the address of the issue it stands in, and that issue's name."""

    piece: PublishedPiece
    issue_path: str
    issue_name: str


def shelf_path(kind: ShelfKind, slug: str) -> str:
    """Return where a shelf stands in the archive."""
    return f"/archive/{kind}/{quote(slug, safe='')}"


def listed_pieces(session: Session, found: list[PublishedPiece]) -> tuple[ListedPiece, ...]:
    """Return pieces with the issues they stand in, as lists show them."""
    offered = offers(session)
    return tuple(
        ListedPiece(piece, issue_path(piece.issue, offer), f"{offer.title} #{piece.issue.printed}")
        for piece in found
        if (offer := offered.get(piece.issue.newsletter)) is not None
    )


def all_of(site: Site, request: Request, kind: ShelfKind) -> Response:
    """Show every shelf of a kind with how many pieces stand on it."""
    with site.runtime.database.read() as session:
        found = shelves(session, kind)
        changed_at = newest_at(session)
    context = {"heading": HEADINGS[kind], "kind": kind, "shelves": found}
    page = site.pages.page("archive/shelves.html", context)
    return cacheable(request, page, changed_at=changed_at)


def one(site: Site, request: Request, kind: ShelfKind, slug: str, page: int) -> Response:
    """Show the pieces on one shelf, a page at a time."""
    right = shelf_slug(slug)
    with site.runtime.database.read() as session:
        found = shelf(session, kind, right) or _empty(kind, right)
        pages = max(1, -(-found.pieces // _PAGE_SIZE))
        if not 1 <= page <= pages:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        offset = (page - 1) * _PAGE_SIZE
        on_page = pieces_on_shelf(session, kind, right, limit=_PAGE_SIZE, offset=offset)
        listed = listed_pieces(session, on_page)
        changed_at = newest_at(session)
    if slug != right:
        # As a person types it: /archive/author/Ama Boateng.
        return RedirectResponse(shelf_path(kind, right), HTTPStatus.MOVED_PERMANENTLY)
    context = {
        "shelf": found,
        "heading": HEADINGS[kind],
        "pieces": listed,
        "page": page,
        "pages": pages,
    }
    answer = site.pages.page("archive/shelf.html", context)
    return cacheable(request, answer, changed_at=changed_at)


def _empty(kind: ShelfKind, slug: str) -> Shelf:
    """Return the empty shelf of a region that nothing was written about yet; else 404."""
    if kind is ShelfKind.REGION and slug in REGIONS:
        return Shelf(kind, slug, REGIONS[slug].name)
    raise HTTPException(HTTPStatus.NOT_FOUND)


def _add_routes(kind: ShelfKind) -> None:
    # A route for each kind: what is none of them goes on to the newsletters.
    @router.get(f"/{kind}")
    def shelves_of_kind(site: CurrentSite, request: Request) -> Response:
        return all_of(site, request, kind)

    @router.get(f"/{kind}/{{slug}}")
    def shelf_of_kind(site: CurrentSite, request: Request, slug: str, page: int = 1) -> Response:
        return one(site, request, kind, slug, page)


for _kind in ShelfKind:
    _add_routes(_kind)
