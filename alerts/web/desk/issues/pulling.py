"""Pulling an article into an issue by its address: fetched, read and stored as at intake."""

from collections.abc import Iterator
from contextlib import contextmanager

from alerts.articles.fetching.fetcher import Fetcher
from alerts.articles.intake import add_sources, is_address
from alerts.articles.topics import topics_in
from alerts.config import Settings
from alerts.errors import Invalid, Refused
from alerts.runtime import Runtime


def article_at(runtime: Runtime, address: str) -> int:
    """Return the number of the article at an address, taken in now unless it is known.

    What may be fetched, how large, how long: all as at intake. Raises Invalid for what is no
    address, Refused with the reason where there is no article to be had.
    """
    if not is_address(address):
        raise Invalid(f"{address!r} is no address; https://example.org/an-article would be right")
    with _fetcher(runtime.settings) as fetcher:
        intake = add_sources(
            runtime.database,
            [address],
            clock=runtime.clock,
            fetcher=fetcher,
            topics=topics_in(runtime.settings.data_dir),
        )
    if intake.refused:
        raise Refused(f"nothing was taken in from {address}: {intake.refused[0].reason}")
    return next(iter([*intake.added, *intake.updated, *intake.unchanged]))


@contextmanager
def _fetcher(settings: Settings) -> Iterator[Fetcher]:
    fetcher = Fetcher(contact=settings.base_url, allowed_hosts=settings.fetch_hosts)
    try:
        yield fetcher
    finally:
        fetcher.close()
