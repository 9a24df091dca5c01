"""The web archive: issues that are out, as everybody may read them, without personal parts."""

import re
from http import HTTPStatus

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from alerts.newsletters.archive.models import ShelfKind
from alerts.newsletters.archive.words import shelf_slug
from alerts.newsletters.content import IssueContent
from alerts.newsletters.models import Issue
from alerts.newsletters.numbering import Numbers
from alerts.regions import REGIONS
from alerts.rendering.models import Edition
from alerts.rendering.service import edition_for, variant_of
from alerts.subscribers.models import Frequency
from alerts.subscribers.wishes import Offer
from alerts.web.caching import SharedPage
from alerts.web.headers import MAIL_POLICY
from alerts.web.issue_page import IssuePage, page_of
from alerts.web.public.catalogue import issue_path, linked
from alerts.web.public.shelves import shelf_path
from alerts.web.queries import (
    PublishedIssue,
    count_published,
    newest_at,
    published_issue,
    published_issues,
)
from alerts.web.site import CurrentSite, Site

_PAGE_SIZE = 50
_LATEST = 5
_LARGEST_NUMBER = 2**31 - 1
_NUMBER = re.compile(
    r"(?:(immediate|daily|weekly|monthly)-)?(([1-9][0-9]{0,9})(?:-[1-9][0-9]{0,9})?)"
)
_MOST_SHELVES = 12
router = APIRouter(prefix="/archive")


@router.get("/")
def all_newsletters(site: CurrentSite, request: Request) -> Response:
    """Show every newsletter with the newest of its issues."""
    return site.shared_page("archive", lambda: _all_newsletters(site)).answer(request)


@router.get("/{slug}")
def one_newsletter(site: CurrentSite, request: Request, slug: str, page: int = 1) -> Response:
    """Show all issues of a newsletter, the newest first, a page at a time."""
    return site.shared_page((slug, page), lambda: _one_newsletter(site, slug, page)).answer(request)


@router.get("/{slug}/{number}")
def one_issue(site: CurrentSite, request: Request, slug: str, number: str) -> Response:
    """Show one issue as it was sent; 304 where the browser has it already.

    An issue of the newsletter's default frequency stands at its running number, any other at
    `FREQUENCY-NUMBER`. A double issue is at `85-86`, and at 85 and 86 too. It is served
    in a sandbox, as any mail is.
    """
    try:
        page = site.shared_page((slug, number), lambda: _one_issue(site, slug, number))
    except _Elsewhere as other:
        return RedirectResponse(other.path, HTTPStatus.MOVED_PERMANENTLY)
    return page.answer(request)


class _Elsewhere(Exception):
    """An issue stands at another address than the one that was asked for."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def _all_newsletters(site: Site) -> SharedPage:
    with site.runtime.database.glance() as session:
        entries = site.catalogue.with_issues(session, site.runtime.clock.now(), latest=_LATEST)
    # The newest of all is the newest of its newsletter.
    newest = [one.issue.out_at for entry in entries.values() for one in entry.latest]
    page = site.pages.page("archive/all.html", {"entries": list(entries.values())})
    return SharedPage.of(page, changed_at=max(newest, default=None))


def _one_newsletter(site: Site, slug: str, page: int) -> SharedPage:
    with site.runtime.database.glance() as session:
        offer = _offer(site, session, slug)
        pages = max(1, -(-count_published(session, slug) // _PAGE_SIZE))
        if not 1 <= page <= pages:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        offset = (page - 1) * _PAGE_SIZE
        issues = published_issues(session, slug, limit=_PAGE_SIZE, offset=offset)
        newest = issues[0].out_at if page == 1 and issues else newest_at(session, slug)
    context = {"offer": offer, "issues": linked(issues, offer), "page": page, "pages": pages}
    made = site.pages.page("archive/newsletter.html", context)
    return SharedPage.of(made, changed_at=newest)


def _one_issue(site: Site, slug: str, number: str) -> SharedPage:
    """Return an issue's page; raises _Elsewhere for a number that it has at another address."""
    with site.runtime.database.glance() as session:
        offer = _offer(site, session, slug)
        issue = _issue(session, offer, number)
        if number not in _names(issue, offer):
            raise _Elsewhere(issue_path(issue, offer))
        html = site.kept_issues.get(
            (issue, offer),
            lambda: _html(site, session, issue, offer),
            now=site.runtime.clock.now(),
        )
    page = HTMLResponse(html, headers={"Content-Security-Policy": MAIL_POLICY})
    return SharedPage.of(page, changed_at=issue.out_at)


def _html(site: Site, session: Session, issue: PublishedIssue, offer: Offer) -> str:
    """Return an issue's page, made of its stored edition where there is one."""
    content = _content(session, issue)
    edition = _stored_edition(session, issue, content)
    if edition is None:
        edition = _made_edition(site, issue, content)
    else:
        edition = site.counted_links.without(session, issue.id, edition)
    return page_of(edition, _page(site, issue, offer, content))


def _offer(site: Site, session: Session, slug: str) -> Offer:
    entry = site.catalogue.entries(session, site.runtime.clock.now()).get(slug)
    if entry is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return entry.offer


def _issue(session: Session, offer: Offer, number: str) -> PublishedIssue:
    match = _NUMBER.fullmatch(number)
    issue = None
    if match and int(match[3]) <= _LARGEST_NUMBER:
        frequency = Frequency(match[1]) if match[1] else offer.default_frequency
        issue = published_issue(session, offer.slug, frequency, int(match[3]))
        if issue is not None and match[2] not in {match[3], issue.spelled}:
            issue = None
    if issue is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return issue


def _names(issue: PublishedIssue, offer: Offer) -> set[str]:
    """Return what an issue's address may end with; the page names the one that holds."""
    name = issue_path(issue, offer).rpartition("/")[2]
    naming = name.removesuffix(issue.spelled)
    each = Numbers(issue.number, count=issue.number_count).each
    return {name} | {f"{naming}{one.number}" for one in each}


def _stored_edition(session: Session, issue: PublishedIssue, content: IssueContent) -> str | None:
    """Return the HTML of the edition with all of an issue's pieces, if it was made."""
    query = select(Edition.html).where(
        Edition.issue_id == issue.id, Edition.variant == variant_of(content.item_keys)
    )
    return session.execute(query).scalar()


def _made_edition(site: Site, issue: PublishedIssue, content: IssueContent) -> str:
    """Make the full edition of an issue whose readers all had wishes; kept from then on."""
    runtime = site.runtime
    with runtime.database.transaction() as session:
        edition = edition_for(
            session,
            session.get_one(Issue, issue.id),
            content,
            content.item_keys,
            renderer=site.renderer,
            base_url=runtime.settings.base_url,
            clock=runtime.clock,
        )
        return site.counted_links.without(session, issue.id, edition.html)


def _content(session: Session, issue: PublishedIssue) -> IssueContent:
    document = session.execute(select(Issue.content).where(Issue.id == issue.id)).scalar_one()
    if document is None:
        # Nothing is out that was not approved, and approval froze it.
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return IssueContent.from_json(document)


def _page(site: Site, issue: PublishedIssue, offer: Offer, content: IssueContent) -> IssuePage:
    base_url = site.runtime.settings.base_url
    return IssuePage(
        content=content,
        url=base_url + issue_path(issue, offer),
        site_name=site.pages.site_name,
        base_url=base_url,
        newsletter=issue.newsletter,
        out_at=issue.out_at,
        shelves=_shelves_of(content),
    )


def _shelves_of(content: IssueContent) -> tuple[tuple[str, str], ...]:
    """Return the regions and authors of an issue's pieces, with the addresses of their lists."""
    regions = dict.fromkeys(slug for item in content.items for slug in item.regions)
    authors = dict.fromkeys(name for item in content.items for name in item.authors)
    found = [
        (REGIONS[slug].name, shelf_path(ShelfKind.REGION, slug))
        for slug in regions
        if slug in REGIONS
    ]
    found += [
        (name, shelf_path(ShelfKind.AUTHOR, slug)) for name in authors if (slug := shelf_slug(name))
    ]
    return tuple(found[:_MOST_SHELVES])
