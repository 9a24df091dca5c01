"""The API for programs, an application of its own below `/api`: JSON in, JSON or problems out."""

from fastapi import FastAPI

from alerts import __version__
from alerts.articles.push import LARGEST
from alerts.web.api import articles
from alerts.web.api.problems import register_problems
from alerts.web.site import Site


def create_api(site: Site) -> FastAPI:
    """Return the application; its description stands at `/api/openapi.json`."""
    api = FastAPI(
        title=f"{site.pages.site_name}: API",
        version=__version__,
        openapi_url="/openapi.json",
        # The usual page of the documentation is fetched from other people's servers.
        docs_url=None,
        redoc_url=None,
        max_body_size=LARGEST,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    api.state.site = site
    register_problems(api)
    api.include_router(articles.router)
    return api
