"""The front page: what can be subscribed to, how often it comes, and what was sent last."""

from fastapi import APIRouter
from starlette.responses import Response

from alerts.web.site import CurrentSite

_LATEST = 3
router = APIRouter()


@router.get("/")
def home(site: CurrentSite) -> Response:
    """Show all newsletters with their latest issues."""
    with site.runtime.database.glance() as session:
        entries = site.catalogue.with_issues(session, site.runtime.clock.now(), latest=_LATEST)
    return site.pages.page("home.html", {"entries": list(entries.values())})
