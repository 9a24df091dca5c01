"""Feeds of the archive: Atom (RFC 4287) and JSON Feed 1.1. Pure functions.

Both are made from the same entries, so that a reader finds the same in either.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from markupsafe import Markup

from alerts.clock import rfc3339

ATOM_TYPE = "application/atom+xml; charset=utf-8"
JSON_TYPE = "application/feed+json; charset=utf-8"
_ATOM = "http://www.w3.org/2005/Atom"
# What no XML document may hold (XML 1.0, 2.2), escaped or not.
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class FeedPiece:
    """A piece of an issue, as a feed tells of it."""

    title: str
    url: str | None
    authors: tuple[str, ...]
    standfirst: str


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """An issue in a feed; `path` is where it stands on the site, `out_at` in UTC.

    `key` names it for good: a path may change with a newsletter's usual frequency.
    """

    key: str
    path: str
    title: str
    summary: str
    out_at: datetime
    pieces: tuple[FeedPiece, ...]


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed of issues, the newest first; `path` is the page it belongs to.

    `since` is when it last changed where it has no entry yet.
    """

    title: str
    description: str
    publisher: str
    base_url: str
    path: str
    entries: tuple[FeedEntry, ...]
    since: datetime

    @property
    def changed_at(self) -> datetime:
        """When the newest entry came out."""
        return max((entry.out_at for entry in self.entries), default=self.since)


def tag_uri(base_url: str, key: str, day: datetime) -> str:
    """Return an id that stays whatever becomes of the address (RFC 4151).

    The same under http and https; the port is no part of a tag's authority.
    """
    host = urlsplit(base_url).hostname or "localhost"
    # An IPv6 address is no authority of a tag.
    host = host if re.fullmatch(r"[a-z0-9.-]+", host) else "localhost"
    return f"tag:{host},{day:%Y-%m-%d}:{key}"


def atom(feed: Feed, *, own_path: str) -> bytes:
    """Return a feed as an Atom document; `own_path` is where it is served."""
    root = ET.Element("feed", xmlns=_ATOM)
    _add(root, "id", feed.base_url + own_path)
    _add(root, "title", feed.title)
    if feed.description:
        _add(root, "subtitle", feed.description)
    _add(root, "updated", rfc3339(feed.changed_at) or "")
    _add(_add(root, "author"), "name", feed.publisher)
    _add(root, "link", rel="self", type="application/atom+xml", href=feed.base_url + own_path)
    _add(root, "link", rel="alternate", type="text/html", href=feed.base_url + feed.path)
    for one in feed.entries:
        entry = _add(root, "entry")
        _add(entry, "id", tag_uri(feed.base_url, one.key, one.out_at))
        _add(entry, "title", one.title)
        _add(entry, "link", rel="alternate", type="text/html", href=feed.base_url + one.path)
        _add(entry, "published", rfc3339(one.out_at) or "")
        _add(entry, "updated", rfc3339(one.out_at) or "")
        if one.summary:
            _add(entry, "summary", one.summary)
        _add(entry, "content", content_html(one), type="html")
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def json_feed(feed: Feed, *, own_path: str) -> bytes:
    """Return a feed as a JSON Feed 1.1 document; `own_path` is where it is served."""
    items = []
    for one in feed.entries:
        item = {
            "id": tag_uri(feed.base_url, one.key, one.out_at),
            "url": feed.base_url + one.path,
            "title": one.title,
            "content_html": content_html(one),
            "date_published": rfc3339(one.out_at),
        }
        items.append(item | ({"summary": one.summary} if one.summary else {}))
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.base_url + feed.path,
        "feed_url": feed.base_url + own_path,
        "authors": [{"name": feed.publisher}],
        **({"description": feed.description} if feed.description else {}),
        "items": items,
    }
    # Halves of surrogate pairs are no text in UTF-8.
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def content_html(entry: FeedEntry) -> str:
    """Return the pieces of an issue as HTML: title, authors and standfirst of each, escaped."""
    pieces = []
    for piece in entry.pieces:
        title = Markup("{}").format(piece.title)
        if piece.url:
            title = Markup('<a href="{}">{}</a>').format(piece.url, piece.title)
        authors = Markup("<br>{}").format(", ".join(piece.authors)) if piece.authors else ""
        standfirst = Markup("<p>{}</p>").format(piece.standfirst) if piece.standfirst else ""
        pieces.append(Markup("<p><strong>{}</strong>{}</p>{}").format(title, authors, standfirst))
    return str(Markup("\n").join(pieces))


def _add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
    clean = {key: _NOT_IN_XML.sub("", value) for key, value in attributes.items()}
    element = ET.SubElement(parent, name, clean)
    if text:
        element.text = _NOT_IN_XML.sub("", text)
    return element
