"""The front page: what can be subscribed to, how often it comes, and what was sent last."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from alerts.web.caching import SharedPage
from alerts.web.site import CurrentSite, Site

_LATEST = 3
router = APIRouter()


@router.get("/")
def home(site: CurrentSite, request: Request) -> Response:
    """Show all newsletters with their latest issues; made once a moment for all who look."""
    return site.shared_page("front", lambda: _front_page(site)).answer(request)


def _front_page(site: Site) -> SharedPage:
    with site.runtime.database.glance() as session:
        entries = site.catalogue.with_issues(session, site.runtime.clock.now(), latest=_LATEST)
    page = site.pages.page("home.html", {"entries": list(entries.values())})
    # No date: when the next issues come changes without any issue.
    return SharedPage.of(page, changed_at=None)
