"""Listing pages read: the links to articles, and the feeds that a page announces. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from alerts.articles.identity import address_key
from alerts.articles.reading.blocks import one_line
from alerts.articles.reading.cleaning import decode, web_address
from alerts.articles.reading.markup import parse_document
from alerts.articles.sources.shown import MOST_ENTRIES, Shown

_FEED_TYPES = frozenset(
    {"application/rss+xml", "application/atom+xml", "application/feed+json", "application/json"}
)
# The site's own way to address a page: a script and a number.
_BY_NUMBER = re.compile(r"(?:^|&)recordno=\d+(?:&|$)", re.IGNORECASE)
# A dated or numbered path, as most systems make them.
_LIKE_AN_ARTICLE = re.compile(r"/(?:19|20)\d\d/|[/=-]\d{3,}(?:\D|$)|/[^/]*(?:-[^/]*){3,}/?$")
_NAVIGATION = ("nav", "header", "footer", "aside", "form", "menu")
_NO_PAGE = re.compile(
    r"\.(?:jpe?g|png|gif|svg|webp|ico|pdf|docx?|xlsx?|pptx?|zip|gz|mp[34]|css|js|xml|json)$",
    re.IGNORECASE,
)
_FEWEST_WORDS = 4


@dataclass(frozen=True, slots=True)
class Links:
    """What a page points to: articles in the page's order, and the feeds it announces."""

    articles: tuple[Shown, ...]
    feeds: tuple[str, ...]
    linked_share: float
    """The part of the page's words that stand in links to articles, 0 to 1."""


def read_links(content: bytes, url: str, *, charset: str | None = None) -> Links:
    """Return the links of an HTML page; raises NoArticle for what is no page at all."""
    root = parse_document(decode(content, charset=charset))
    base = next((web_address(base.get("href"), url) for base in root.iter("base")), None) or url
    found = {shown.key: shown for shown in _articles(root, base, url)}
    words = len(one_line(" ".join(root.itertext())).split())
    linked = sum(len(shown.title.split()) for shown in found.values())
    return Links(
        tuple(found.values())[:MOST_ENTRIES],
        tuple(dict.fromkeys(_feeds(root, base))),
        linked / max(1, words),
    )


def _feeds(root: HtmlElement, base: str) -> Iterator[str]:
    for link in root.iter("link"):
        relations = (link.get("rel") or "").lower().split()
        kind = (link.get("type") or "").partition(";")[0].strip().lower()
        address = web_address(link.get("href"), base)
        if "alternate" in relations and kind in _FEED_TYPES and address:
            yield address


def _articles(root: HtmlElement, base: str, url: str) -> Iterator[Shown]:
    own, host = address_key(url), _host(url)
    for anchor in root.iter("a"):
        address = web_address(anchor.get("href"), base)
        if not address or _host(address) != host or address_key(address) == own:
            continue
        title = one_line(" ".join(anchor.itertext()))
        parts = urlsplit(address)
        if _NO_PAGE.search(parts.path) or anchor.get("download") is not None:
            continue
        if _BY_NUMBER.search(parts.query) or _is_headline(anchor, parts.path, parts.query, title):
            yield Shown(url=address, title=title)


def _is_headline(anchor: HtmlElement, path: str, query: str, title: str) -> bool:
    """Tell whether a link outside the site's own scheme reads and points like one to an article."""
    if len(title.split()) < _FEWEST_WORDS or not _LIKE_AN_ARTICLE.search(f"{path}?{query}"):
        return False
    return next(anchor.iterancestors(*_NAVIGATION), None) is None


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower().removeprefix("www.")
