"""The web part: readers' pages, the desk, the catcher's mailbox, health; one application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from typing_extensions import override

from alerts.inbound.providers.service import Webhooks
from alerts.runtime import Runtime
from alerts.staff.guard import Guard
from alerts.task_queue import TaskQueue
from alerts.web import caught, health, metrics, sample
from alerts.web.api.app import create_api
from alerts.web.api.problems import TooLargeAsProblem
from alerts.web.desk.router import router as desk
from alerts.web.failures import register_failures
from alerts.web.forms import LARGEST_FORM
from alerts.web.headers import HeadAsGet, SecurityHeaders
from alerts.web.public import (
    archive,
    clicks,
    confirm,
    crawlers,
    embed,
    feeds,
    home,
    lost,
    own_data,
    preferences,
    search,
    shelves,
    subscribe,
    unsubscribe,
)
from alerts.web.site import PAGES_KEPT_FOR, make_site
from alerts.web.webhooks import create_webhooks

_READERS = (
    home,
    clicks,
    subscribe,
    embed,
    confirm,
    lost,
    own_data,
    preferences,
    unsubscribe,
    search,
    shelves,
    feeds,
    crawlers,
    archive,
)


class _Application(FastAPI):
    @override
    def build_middleware_stack(self) -> ASGIApp:
        # Around all: what is too large is turned away before any middleware of ours, and what
        # nobody expected is answered behind them.
        return SecurityHeaders(TooLargeAsProblem(super().build_middleware_stack()))


def create_app(
    runtime: Runtime,
    *,
    queue: TaskQueue,
    guard: Guard | None = None,
    pages_kept_for: timedelta = PAGES_KEPT_FOR,
    webhooks: Webhooks | None = None,
) -> FastAPI:
    """Return the application; the caller keeps the runtime open and puts the newsletters in place.

    Handlers are plain functions in a pool of threads; each opens its own database session.
    `guard` stands at the desk's door, `webhooks` check providers' calls; without one, those of the
    settings. What all readers share is up to `pages_kept_for` old.
    """
    site = make_site(runtime, queue, guard=guard, pages_kept_for=pages_kept_for)
    webhooks = webhooks or Webhooks(runtime.settings, clock=runtime.clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        site.limits.close()
        site.metrics.close()
        site.counts.close()
        webhooks.close()
        site.clicks.close()
        if site.caught is not None:
            site.caught.close()

    app = _Application(
        title=site.pages.site_name,
        lifespan=lifespan,
        openapi_url=None,
        max_body_size=LARGEST_FORM,
        # Paths hold readers' tokens; they are for nobody's traces.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.site = site
    register_failures(app)
    app.add_middleware(HeadAsGet)
    app.include_router(health.router)
    app.include_router(metrics.router)
    for part in _READERS:
        app.include_router(part.router)
    app.include_router(desk)
    app.include_router(caught.router)
    app.include_router(sample.router)
    app.mount("/api", create_api(site), name="api")
    app.mount("/inbound", create_webhooks(site, webhooks), name="inbound")
    app.mount("/static", StaticFiles(directory=site.pages.static_folder), name="static")
    return app
