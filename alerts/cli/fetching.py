"""The way to other people's pages, for commands that fetch."""

from collections.abc import Iterator
from contextlib import contextmanager

from alerts.articles.fetching.fetcher import Fetcher
from alerts.config import Settings


@contextmanager
def open_fetcher(settings: Settings) -> Iterator[Fetcher]:
    """Yield a fetcher that keeps a pace of its own; it is closed at the end."""
    fetcher = Fetcher(contact=settings.base_url, allowed_hosts=settings.fetch_hosts)
    try:
        yield fetcher
    finally:
        fetcher.close()
