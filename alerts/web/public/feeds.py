"""Feeds of the newest issues: of each newsletter, and of all of them."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import Response

from alerts.newsletters.service import definition_of, list_newsletters, offers
from alerts.subscribers.wishes import Offer
from alerts.web.caching import cacheable
from alerts.web.public.catalogue import issue_path
from alerts.web.queries import FullIssue, newest_issues
from alerts.web.site import CurrentSite, Site
from alerts.web.syndication import (
    ATOM_TYPE,
    JSON_TYPE,
    Feed,
    FeedEntry,
    FeedPiece,
    atom,
    json_feed,
)

_NEWEST = 30
router = APIRouter(prefix="/archive")


@router.get("/feed.atom")
def all_atom(site: CurrentSite, request: Request) -> Response:
    """Serve the newest issues of all newsletters as Atom."""
    return _atom(request, _feed(site, None), "/archive/feed.atom")


@router.get("/feed.json")
def all_json(site: CurrentSite, request: Request) -> Response:
    """Serve the newest issues of all newsletters as JSON Feed."""
    return _json(request, _feed(site, None), "/archive/feed.json")


@router.get("/{slug}/feed.atom")
def one_atom(site: CurrentSite, request: Request, slug: str) -> Response:
    """Serve the newest issues of a newsletter as Atom."""
    return _atom(request, _feed(site, slug), f"/archive/{slug}/feed.atom")


@router.get("/{slug}/feed.json")
def one_json(site: CurrentSite, request: Request, slug: str) -> Response:
    """Serve the newest issues of a newsletter as JSON Feed."""
    return _json(request, _feed(site, slug), f"/archive/{slug}/feed.json")


def _atom(request: Request, feed: Feed, path: str) -> Response:
    answer = Response(atom(feed, own_path=path), media_type=ATOM_TYPE)
    return cacheable(request, answer, changed_at=feed.changed_at)


def _json(request: Request, feed: Feed, path: str) -> Response:
    answer = Response(json_feed(feed, own_path=path), media_type=JSON_TYPE)
    return cacheable(request, answer, changed_at=feed.changed_at)


def _feed(site: Site, slug: str | None) -> Feed:
    """Return the feed of one newsletter, or of all; raises 404 for one that there is not."""
    base_url = site.runtime.settings.base_url
    with site.runtime.database.read() as session:
        known = {one.slug: one for one in list_newsletters(session)}
        if slug is None:
            return Feed(
                title=site.pages.site_name,
                description="",
                publisher=site.pages.site_name,
                base_url=base_url,
                path="/archive/",
                entries=_entries(session, None),
                since=min(
                    (one.created_at for one in known.values()), default=site.runtime.clock.now()
                ),
            )
        if slug not in known:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        definition = definition_of(known[slug])
        return Feed(
            title=definition.title,
            description=definition.tagline,
            publisher=definition.publisher or definition.title,
            base_url=base_url,
            path=f"/archive/{slug}",
            entries=_entries(session, slug),
            since=known[slug].created_at,
        )


def _entries(session: Session, slug: str | None) -> tuple[FeedEntry, ...]:
    offered = offers(session)
    found = newest_issues(session, slug, limit=_NEWEST)
    return tuple(_entry(one, offered[one.issue.newsletter]) for one in found)


def _entry(full: FullIssue, offer: Offer) -> FeedEntry:
    name = f"{offer.title} #{full.issue.printed}"
    subject = full.issue.subject.removeprefix(f"{name}: ")
    return FeedEntry(
        key=f"{full.issue.newsletter}/{full.issue.frequency}-{full.issue.number}",
        path=issue_path(full.issue, offer),
        title=f"{name}: {subject}",
        summary=full.preheader,
        out_at=full.issue.out_at,
        pieces=tuple(
            FeedPiece(one["title"], one["url"], tuple(one["authors"]), one["standfirst"])
            for one in full.pieces
        ),
    )
