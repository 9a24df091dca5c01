"""The API for programs, an application of its own below `/api`: JSON in, JSON or problems out."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from alerts import __version__
from alerts.articles.push import LARGEST
from alerts.web.api import (
    articles,
    docs,
    issue_acts,
    issues,
    newsletters,
    reports,
    schedules,
    segments,
    sources,
    subscribers,
    suppressions,
)
from alerts.web.api.description import ABOUT, TAGS, complete
from alerts.web.api.problems import register_problems
from alerts.web.site import Site

_PARTS = (
    articles,
    sources,
    newsletters,
    schedules,
    issues,
    issue_acts,
    subscribers,
    segments,
    suppressions,
    reports,
)


def create_api(site: Site) -> FastAPI:
    """Return the application; its description stands at `/api/openapi.json`."""
    api = FastAPI(
        title=f"{site.pages.site_name}: API",
        version=__version__,
        openapi_url="/openapi.json",
        # The usual page of the documentation is fetched from other people's servers.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        max_body_size=LARGEST,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    api.state.site = site
    register_problems(api)
    for part in _PARTS:
        api.include_router(part.router)
    api.include_router(docs.router)
    _describe(api)
    return api


def _describe(api: FastAPI) -> None:
    described: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not described:
            found = get_openapi(
                title=api.title,
                version=api.version,
                openapi_version="3.1.0",
                summary="What the desk does, for programs.",
                description=ABOUT,
                routes=api.routes,
                tags=TAGS,
                servers=[{"url": "/api"}],
            )
            described.update(complete(found))
        return described

    api.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it
