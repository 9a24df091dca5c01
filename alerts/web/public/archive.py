"""The web archive: issues that are out, as everybody may read them, without personal parts."""

import re
from http import HTTPStatus

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from alerts.newsletters.content import IssueContent
from alerts.newsletters.models import Issue
from alerts.newsletters.service import offers
from alerts.rendering.models import Edition
from alerts.rendering.service import edition_for, variant_of
from alerts.rendering.slots import Slot
from alerts.subscribers.models import Frequency
from alerts.subscribers.wishes import Offer
from alerts.web.headers import MAIL_POLICY
from alerts.web.public.catalogue import catalogue, issue_path, linked
from alerts.web.queries import PublishedIssue, count_published, published_issue, published_issues
from alerts.web.site import CurrentSite, Site

_PAGE_SIZE = 50
_LATEST = 5
_LARGEST_NUMBER = 2**31 - 1
_NUMBER = re.compile(r"(?:(immediate|daily|weekly|monthly)-)?([1-9][0-9]{0,9})")
# What stands in the archive where a reader's own values stand in the mail.
_NOT_PERSONAL = {
    Slot.EMAIL: "your address",
    Slot.UNSUBSCRIBE_URL: "/",
    Slot.PREFERENCES_URL: "/",
}
router = APIRouter(prefix="/archive")


@router.get("/")
def all_newsletters(site: CurrentSite) -> Response:
    """Show every newsletter with the newest of its issues."""
    with site.runtime.database.read() as session:
        entries = catalogue(session, site.runtime.clock.now(), latest=_LATEST)
    return site.pages.page("archive/all.html", {"entries": list(entries.values())})


@router.get("/{slug}")
def one_newsletter(site: CurrentSite, slug: str, page: int = 1) -> Response:
    """Show all issues of a newsletter, the newest first, a page at a time."""
    with site.runtime.database.read() as session:
        offer = _offer(session, slug)
        pages = max(1, -(-count_published(session, slug) // _PAGE_SIZE))
        if not 1 <= page <= pages:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        offset = (page - 1) * _PAGE_SIZE
        issues = published_issues(session, slug, limit=_PAGE_SIZE, offset=offset)
    context = {"offer": offer, "issues": linked(issues, offer), "page": page, "pages": pages}
    return site.pages.page("archive/newsletter.html", context)


@router.get("/{slug}/{number}")
def one_issue(site: CurrentSite, request: Request, slug: str, number: str) -> Response:
    """Show one issue as it was sent; 304 where the browser has it already.

    An issue of the newsletter's default frequency stands at its running number, any other at
    `FREQUENCY-NUMBER`. It is served in a sandbox, as any mail is.
    """
    with site.runtime.database.read() as session:
        offer = _offer(session, slug)
        issue = _issue(session, offer, number)
        edition = _stored_edition(session, issue)
    if number != issue_path(issue, offer).rpartition("/")[2]:
        return RedirectResponse(issue_path(issue, offer), HTTPStatus.MOVED_PERMANENTLY)
    if edition is None:
        edition = _made_edition(site, issue)
    checksum, html = edition
    headers = {
        "ETag": f'"{checksum}"',
        "Cache-Control": "public, max-age=300",
        "Content-Security-Policy": MAIL_POLICY,
    }
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(_for_everybody(html), media_type="text/html; charset=utf-8", headers=headers)


def _offer(session: Session, slug: str) -> Offer:
    offer = offers(session).get(slug)
    if offer is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return offer


def _issue(session: Session, offer: Offer, number: str) -> PublishedIssue:
    match = _NUMBER.fullmatch(number)
    issue = None
    if match and int(match[2]) <= _LARGEST_NUMBER:
        frequency = Frequency(match[1]) if match[1] else offer.default_frequency
        issue = published_issue(session, offer.slug, frequency, int(match[2]))
    if issue is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return issue


def _stored_edition(session: Session, issue: PublishedIssue) -> tuple[str, str] | None:
    """Return checksum and HTML of the edition with all of an issue's pieces, if it was made."""
    content = _content(session, issue)
    query = select(Edition.checksum, Edition.html).where(
        Edition.issue_id == issue.id, Edition.variant == variant_of(content.item_keys)
    )
    row = session.execute(query).first()
    return (row[0], row[1]) if row else None


def _made_edition(site: Site, issue: PublishedIssue) -> tuple[str, str]:
    """Make the full edition of an issue whose readers all had wishes; kept from then on."""
    runtime = site.runtime
    with runtime.database.transaction() as session:
        edition = edition_for(
            session,
            session.get_one(Issue, issue.id),
            content := _content(session, issue),
            content.item_keys,
            renderer=site.renderer,
            base_url=runtime.settings.base_url,
            clock=runtime.clock,
        )
        return edition.checksum, edition.html


def _content(session: Session, issue: PublishedIssue) -> IssueContent:
    document = session.execute(select(Issue.content).where(Issue.id == issue.id)).scalar_one()
    if document is None:
        # Nothing is out that was not approved, and approval froze it.
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return IssueContent.from_json(document)


def _for_everybody(html: str) -> str:
    for slot, words in _NOT_PERSONAL.items():
        html = html.replace(slot.value, words)
    return html
