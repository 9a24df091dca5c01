"""What a page says about itself in its head."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from alerts.articles.reading.blocks import one_line
from alerts.articles.reading.cleaning import repair, web_address


@dataclass(frozen=True, slots=True)
class Hints:
    """What a page says about itself in its head; every field may be empty."""

    titles: tuple[str, ...] = ()
    canonical: str | None = None
    image: str | None = None
    image_alt: str | None = None
    published: str | None = None
    authors: tuple[str, ...] = ()
    summary: str | None = None
    language: str | None = None
    site: str | None = None
    foreign: str | None = None


def read_hints(root: HtmlElement, url: str | None) -> Hints:
    """Return what the head says; addresses are made whole by the page's own."""
    metas: dict[str, str] = {}
    authors = []
    for meta in root.iter("meta"):
        name = (meta.get("property") or meta.get("name") or "").lower()
        content = one_line(repair(meta.get("content") or ""))
        if name and content:
            metas.setdefault(name, content)
            if name in {"author", "article:author"} and not content.startswith("http"):
                authors.append(content)
    title = root.findtext(".//title") or ""
    links = [link.get("href") for link in root.iter("link") if _is_canonical(link)]
    named = next(_addresses([*links, metas.get("og:url")], url), None)
    # A page may speak for its own site alone: or any could pass for an article of another one.
    foreign = named if named and url and not _is_same_site(named, url) else None
    canonical = None if foreign else named
    base = canonical or url
    return Hints(
        titles=tuple(t for t in (metas.get("og:title"), one_line(repair(title))) if t),
        canonical=canonical,
        image=web_address(metas.get("og:image"), base),
        image_alt=metas.get("og:image:alt"),
        published=metas.get("article:published_time"),
        authors=tuple(authors),
        summary=metas.get("og:description") or metas.get("description"),
        language=(root.get("lang") or "").strip()[:20] or None,
        site=metas.get("og:site_name"),
        foreign=foreign,
    )


def _is_canonical(link: HtmlElement) -> bool:
    return "canonical" in (link.get("rel") or "").lower().split()


def _addresses(links: list[str | None], url: str | None) -> Iterator[str]:
    for link in links:
        if address := web_address(link, url):
            yield address


def _is_same_site(one: str, other: str) -> bool:
    hosts = [(urlsplit(url).hostname or "").removeprefix("www.") for url in (one, other)]
    return hosts[0] == hosts[1]
