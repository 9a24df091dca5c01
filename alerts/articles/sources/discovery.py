"""What stands at an address: a feed, a listing, a page or a folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from alerts.articles.fetching.answers import Fetched, FetchFailed
from alerts.articles.fetching.fetcher import Fetcher
from alerts.articles.intake import is_address, read_bytes
from alerts.articles.reading.cleaning import web_address
from alerts.articles.reading.record import NoArticle
from alerts.articles.sources.feeds import read_feed
from alerts.articles.sources.models import SourceKind
from alerts.articles.sources.pages import Links, read_links
from alerts.articles.sources.shown import NoSource

# A page that is for the most part links to articles lists them; one with a few at its end is one.
_LISTING_SHARE = 0.4
_MANY_LINKS = 20
# A page may announce feeds of comments and of other things beside its own.
_MOST_FEEDS = 3


@dataclass(frozen=True, slots=True)
class Discovered:
    """What was found; `url` is the feed's own address when a page announced one."""

    kind: SourceKind
    url: str

    @classmethod
    def named(cls, kind: SourceKind, url: str) -> Self:
        """Take a person's word for what stands there; raises NoSource for what cannot be.

        A site that is away just now, or a page that lists nothing yet, may be a source as well.
        """
        if kind is SourceKind.FOLDER:
            if is_address(url) or not Path(url).is_dir():
                raise NoSource(f"{url} is no folder here")
            return cls(kind, str(Path(url).resolve()))
        if web_address(url, None) is None:
            raise NoSource(f"{url} is no web address; http(s)://… is needed")
        return cls(kind, url)


def discover(url: str, *, fetcher: Fetcher) -> Discovered:
    """Find out what stands at an address or path; raises NoSource or FetchFailed."""
    if not is_address(url):
        if Path(url).is_dir():
            return Discovered(SourceKind.FOLDER, str(Path(url).resolve()))
        raise NoSource(f"{url} is neither a web address nor a folder here")
    fetched = fetcher.fetch(url)
    here = fetched.moved_to or url
    if _is_feed(fetched):
        return Discovered(SourceKind.FEED, here)
    try:
        links = read_links(fetched.content, fetched.url, charset=fetched.charset)
    except NoArticle as error:
        raise NoSource(f"{url} is neither a feed nor a page: {error}") from error
    for feed in links.feeds[:_MOST_FEEDS]:
        if feed.rstrip("/").endswith("/comments/feed"):
            continue
        found = _feed_at(feed, fetcher)
        if found:
            return Discovered(SourceKind.FEED, found)
    return Discovered(_kind_of_page(fetched, links), here)


def _is_feed(fetched: Fetched) -> bool:
    try:
        read_feed(fetched.content, fetched.url)
    except NoSource:
        return False
    return True


def _feed_at(url: str, fetcher: Fetcher) -> str | None:
    try:
        fetched = fetcher.fetch(url)
    except FetchFailed:
        return None
    return (fetched.moved_to or url) if _is_feed(fetched) else None


def _kind_of_page(fetched: Fetched, links: Links) -> SourceKind:
    many = len(links.articles) >= _MANY_LINKS or links.linked_share > _LISTING_SHARE
    if links.articles and many:
        return SourceKind.LISTING
    try:
        read_bytes(fetched.content, source=fetched.url, url=fetched.url)
    except NoArticle as error:
        if links.articles:
            return SourceKind.LISTING
        raise NoSource(
            f"{fetched.url} is neither a feed, nor does it list articles, nor is it one: {error}"
        ) from error
    return SourceKind.PAGE
