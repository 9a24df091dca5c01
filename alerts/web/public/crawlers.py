"""What search engines ask for: robots.txt and the sitemap of all that is public."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from alerts.newsletters.archive.models import ShelfKind
from alerts.newsletters.service import offers
from alerts.web.archive_queries import shelves
from alerts.web.caching import cacheable
from alerts.web.public.catalogue import issue_path
from alerts.web.public.shelves import shelf_path
from alerts.web.queries import count_published, newest_at, published_issues
from alerts.web.site import CurrentSite, Site
from alerts.web.sitemaps import MOST_ADDRESSES, Address, robots, sitemap, sitemap_index

_XML = "application/xml; charset=utf-8"
router = APIRouter()


@router.get("/robots.txt")
def robots_txt(site: CurrentSite, request: Request) -> Response:
    """Tell robots to keep out of personal pages, and where the sitemap is."""
    text = PlainTextResponse(robots(site.runtime.settings.base_url))
    return cacheable(request, text, changed_at=None)


@router.get("/sitemap.xml")
def first_sitemap(site: CurrentSite, request: Request) -> Response:
    """Serve all addresses, or the index of several sitemaps where one cannot hold them."""
    with site.runtime.database.read() as session:
        others = _other_addresses(site, session)
        files = -(-(len(others) + count_published(session)) // MOST_ADDRESSES)
        if files == 1:
            document = sitemap([*others, *_issues(site, session, MOST_ADDRESSES, 0)])
        else:
            folder = site.runtime.settings.base_url
            numbers = range(1, files + 1)
            document = sitemap_index((f"{folder}/sitemap-{one}.xml", None) for one in numbers)
        changed_at = newest_at(session)
    return cacheable(request, Response(document, media_type=_XML), changed_at=changed_at)


@router.get("/sitemap-{number}.xml")
def further_sitemap(site: CurrentSite, request: Request, number: int) -> Response:
    """Serve one of several sitemaps; the first begins with the pages that are no issues."""
    with site.runtime.database.read() as session:
        others = _other_addresses(site, session)
        start = (number - 1) * MOST_ADDRESSES
        if not 0 <= start < len(others) + count_published(session):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        own = others[start : start + MOST_ADDRESSES]
        room = MOST_ADDRESSES - len(own)
        own += _issues(site, session, room, max(0, start - len(others)))
        changed_at = newest_at(session)
    return cacheable(request, Response(sitemap(own), media_type=_XML), changed_at=changed_at)


def _other_addresses(site: Site, session: Session) -> list[Address]:
    paths = ["/", "/subscribe", "/archive/"]
    paths += [f"/archive/{slug}" for slug in offers(session)]
    for kind in ShelfKind:
        paths += [f"/archive/{kind}"]
        paths += [shelf_path(kind, shelf.slug) for shelf in shelves(session, kind)]
    return [(site.runtime.settings.base_url + path, None) for path in paths]


def _issues(site: Site, session: Session, limit: int, offset: int) -> list[Address]:
    offered = offers(session)
    return [
        (site.runtime.settings.base_url + issue_path(one, offered[one.newsletter]), one.out_at)
        for one in published_issues(session, limit=limit, offset=offset)
    ]
