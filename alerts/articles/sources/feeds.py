"""Feeds read: RSS and Atom by feedparser, JSON Feed 1.1 by hand. Pure."""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from alerts.articles.reading.cleaning import web_address
from alerts.articles.sources.shown import MOST_ENTRIES, NoSource, Shown

LARGEST = 5 * 1024 * 1024
# A feed needs no definitions of its own; with them, some lines can unfold to gigabytes.
_DEFINITION = re.compile(rb"<!(?:ENTITY|ELEMENT|ATTLIST)", re.IGNORECASE)
_ROOT = re.compile(rb"<(?:\w+:)?(?:rss|feed|rdf)\b", re.IGNORECASE)
_ITEM = re.compile(rb"<(?:\w+:)?(?:item|entry)\b", re.IGNORECASE)
_LOOKED_AT = 8_192
# The time that feedparser takes grows faster than these; the largest real feeds have a tenth.
_MOST_TAGS, _MOST_ITEMS = 50_000, 2_000
_JSON_FEED = "https://jsonfeed.org/version/"
_JSON_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")


def read_feed(content: bytes, url: str) -> list[Shown]:
    """Return a feed's entries, as the feed orders them; raises NoSource.

    An entry without an address is left out: it could not be told from others.
    """
    if len(content) > LARGEST:
        raise NoSource(f"a feed larger than {LARGEST // 1024 // 1024} MB is not read")
    entries = _json_entries(content, url) if _JSON_START.match(content) else _entries(content, url)
    return list({entry.key: entry for entry in entries}.values())[:MOST_ENTRIES]


def _entries(content: bytes, url: str) -> Iterator[Shown]:
    start = _ascii(content[:_LOOKED_AT])
    if not _ROOT.search(start):
        raise NoSource("this is no feed: neither RSS, nor Atom, nor JSON Feed")
    if content.count(b"<") > _MOST_TAGS or len(_ITEM.findall(_ascii(content))) > _MOST_ITEMS:
        raise NoSource("a feed of so many elements is not read")
    if _DEFINITION.search(_ascii(content)):
        raise NoSource("the feed defines entities of its own, which no feed needs; it is not read")
    # Imported here: it takes a tenth of a second, and most commands read no feed.
    import feedparser

    # The address of the feed is what relative addresses in it stand under.
    headers = {"content-location": url, "content-type": "application/xml"}
    feed = feedparser.parse(content, response_headers=headers, sanitize_html=False)
    if not feed.get("version"):
        raise NoSource("this is no feed: neither RSS, nor Atom, nor JSON Feed")
    for entry in feed.entries:
        address = web_address(entry.get("link"), url)
        if address:
            yield Shown(
                url=address,
                version=_dated(entry),
                title=str(entry.get("title") or ""),
                html=_content(entry),
                author=str(entry.get("author") or ""),
                published=_day(entry.get("published_parsed")),
            )


def _ascii(content: bytes) -> bytes:
    """Return markup in which ASCII words can be found, also where it is UTF-16 or UTF-32."""
    return content.replace(b"\0", b"")


def _dated(entry: Mapping[str, Any]) -> str | None:
    # Asked as a plain dictionary: feedparser's own `get` answers for `updated` with `published`
    # and warns that it will not always do so.
    held = dict(entry.items())
    return held.get("updated") or held.get("published") or None


def _content(entry: Mapping[str, Any]) -> str:
    """Return an entry's whole text; a summary alone is none."""
    return max((str(part.get("value") or "") for part in entry.get("content", ())), default="")


def _json_entries(content: bytes, url: str) -> Iterator[Shown]:
    try:
        feed = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NoSource("this is no feed: JSON that cannot be read") from error
    if not str(feed.get("version", "")).startswith(_JSON_FEED):
        raise NoSource("this is no feed: JSON, but no JSON Feed")
    items = feed.get("items")
    for item in _objects(items if isinstance(items, list) else ()):
        address = web_address(_text(item, "url") or _text(item, "id"), url)
        if address:
            yield Shown(
                url=address,
                version=_text(item, "date_modified") or _text(item, "date_published") or None,
                title=_text(item, "title"),
                html=_text(item, "content_html"),
                author=", ".join(_json_authors(item)),
                published=_text(item, "date_published")[:10],
            )


def _day(parsed: time.struct_time | None) -> str:
    return time.strftime("%Y-%m-%d", parsed) if parsed else ""


def _json_authors(item: Mapping[str, object]) -> Iterator[str]:
    authors = item.get("authors")
    for author in _objects(authors if isinstance(authors, list) else ()):
        if _text(author, "name"):
            yield _text(author, "name")


def _objects(items: Iterable[object]) -> Iterator[Mapping[str, object]]:
    return (item for item in items if isinstance(item, dict))


def _text(item: Mapping[str, object], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""
