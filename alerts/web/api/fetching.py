"""The way to other people's pages, for a request that wants one read."""

from collections.abc import Iterator
from contextlib import contextmanager

from alerts.articles.fetching.fetcher import Fetcher
from alerts.web.site import Site

# Somebody waits for the answer.
_SECONDS = 20.0


@contextmanager
def open_fetcher(site: Site) -> Iterator[Fetcher]:
    """Yield a fetcher under the usual guard; it is closed at the end."""
    settings = site.runtime.settings
    fetcher = Fetcher(
        contact=settings.base_url, allowed_hosts=settings.fetch_hosts, total_seconds=_SECONDS
    )
    try:
        yield fetcher
    finally:
        fetcher.close()
