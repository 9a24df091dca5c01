"""Sitemaps (sitemaps.org, 0.9) and robots.txt (RFC 9309) as documents. Pure functions."""

from collections.abc import Iterable
from datetime import datetime
from xml.etree import ElementTree as ET

from alerts.clock import rfc3339

# No sitemap may hold more.
MOST_ADDRESSES = 50_000
_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
# One person's pages, the desk, and what is for programs. `/subscribe` stays: it is to be found.
_NOT_FOR_ROBOTS = (
    "/preferences",
    "/unsubscribe",
    "/confirm",
    "/desk",
    "/api",
    "/caught",
    "/embed",
    "/archive/search",
)

Address = tuple[str, datetime | None]


def sitemap(addresses: Iterable[Address]) -> bytes:
    """Return a sitemap of addresses, each with the moment of its last change where it is known."""
    return _document("urlset", "url", addresses)


def sitemap_index(addresses: Iterable[Address]) -> bytes:
    """Return the index of several sitemaps."""
    return _document("sitemapindex", "sitemap", addresses)


def robots(base_url: str) -> str:
    """Return what robots may read, and where the sitemap stands."""
    lines = [
        "User-agent: *",
        *(f"Disallow: {path}" for path in _NOT_FOR_ROBOTS),
        "",
        f"Sitemap: {base_url}/sitemap.xml",
    ]
    return "\n".join(lines) + "\n"


def _document(root: str, each: str, addresses: Iterable[Address]) -> bytes:
    element = ET.Element(root, xmlns=_NAMESPACE)
    for address, changed_at in addresses:
        one = ET.SubElement(element, each)
        ET.SubElement(one, "loc").text = address
        moment = rfc3339(changed_at)
        if moment:
            ET.SubElement(one, "lastmod").text = moment
    document: bytes = ET.tostring(element, encoding="utf-8", xml_declaration=True)
    return document
