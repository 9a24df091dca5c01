"""What every page is given: the program's parts, made once when the application is."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parseaddr
from typing import Annotated

from fastapi import Depends, Request

from alerts.articles.topics import Topics, topics_in
from alerts.config import Settings
from alerts.delivery.catcher import CatcherStore
from alerts.delivery.clicks import ClickCounter
from alerts.kept_briefly import KeptBriefly
from alerts.operations.metrics import Metrics
from alerts.paths import templates_dir
from alerts.rendering.links import CountedLinks
from alerts.rendering.service import Renderer, renderer_of
from alerts.request_limits import RequestLimits
from alerts.runtime import Runtime
from alerts.staff.guard import Guard, make_guard
from alerts.subscribers.links import SubscriberLinks
from alerts.task_queue import TaskQueue
from alerts.web.caching import SharedPage
from alerts.web.kept_counts import KeptCounts
from alerts.web.pages import Pages
from alerts.web.public.catalogue import Catalogue, Entry
from alerts.web.shared_looks import SharedLooks

# After an issue is out hundreds come for the same pages; nobody sees that they are so old.
PAGES_KEPT_FOR = timedelta(seconds=1)


@dataclass(frozen=True)
class Site:
    """The parts that handlers use; `caught` is None when mail really leaves the machine.

    `guard` stands at the desk's door.
    """

    runtime: Runtime
    queue: TaskQueue
    pages: Pages
    links: SubscriberLinks
    renderer: Renderer
    topics: Topics
    caught: CatcherStore | None
    limits: RequestLimits
    guard: Guard
    catalogue: Catalogue
    metrics: Metrics
    counts: KeptCounts
    kept_issues: KeptBriefly[str]
    kept_pages: KeptBriefly[SharedPage]
    counted_links: CountedLinks
    clicks: ClickCounter
    looks: SharedLooks

    def entries(self) -> dict[str, Entry]:
        """Return what can be subscribed to; opens no session where it was looked up just now."""
        now = self.runtime.clock.now()
        known = self.catalogue.known(now)
        if known is not None:
            return known
        with self.runtime.database.glance() as session:
            return self.catalogue.entries(session, now)

    def shared_page(self, key: Hashable, make: Callable[[], SharedPage]) -> SharedPage:
        """Return a page for everybody that was made a moment ago, or make it."""
        return self.kept_pages.get(key, make, now=self.runtime.clock.now())


def make_site(
    runtime: Runtime,
    queue: TaskQueue,
    *,
    guard: Guard | None = None,
    pages_kept_for: timedelta = PAGES_KEPT_FOR,
) -> Site:
    """Return the site of a runtime; opens the catcher's mailbox where there is one.

    `guard` is for tests, which want cheap hashes of passwords, and `pages_kept_for` for those that
    look at once at what they changed.
    """
    settings = runtime.settings
    name, contact = parseaddr(settings.sender)
    return Site(
        runtime=runtime,
        queue=queue,
        pages=Pages(
            templates_dir("web"),
            site_name=name or "Newsletters",
            contact=contact,
            base_url=settings.base_url,
            shows_caught=settings.uses_catcher,
        ),
        links=SubscriberLinks(runtime.tokens, settings.base_url),
        renderer=renderer_of(settings),
        counted_links=CountedLinks(runtime.tokens, settings.base_url),
        clicks=ClickCounter(runtime.database, runtime.clock),
        looks=SharedLooks(),
        topics=topics_in(settings.data_dir),
        caught=_mailbox(settings),
        limits=RequestLimits(
            runtime.database, queue.redis_url, runtime.clock, secret=settings.secret_key[-1]
        ),
        guard=guard or make_guard(runtime.database, settings, runtime.clock),
        catalogue=Catalogue(kept_for=pages_kept_for),
        metrics=Metrics(runtime.database, queue.redis_url, runtime.clock),
        counts=KeptCounts(),
        kept_issues=KeptBriefly(timedelta(minutes=1)),
        kept_pages=KeptBriefly(pages_kept_for),
    )


def _mailbox(settings: Settings) -> CatcherStore | None:
    return CatcherStore(settings.data_dir) if settings.uses_catcher else None


def site_of(request: Request) -> Site:
    """Return the site the request came to."""
    site: Site = request.app.state.site
    return site


def origin_of(request: Request) -> str | None:
    """Return the network address a request came from, for the consent on record."""
    return request.client.host if request.client else None


# Coroutines, though they wait for nothing: what is a plain function FastAPI hands to a thread, and
# has every request wait for its turn there once more.
async def _site(request: Request) -> Site:
    return site_of(request)


async def _origin(request: Request) -> str | None:
    return origin_of(request)


CurrentSite = Annotated[Site, Depends(_site)]
Origin = Annotated[str | None, Depends(_origin)]
