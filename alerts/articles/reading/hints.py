"""What a page says about itself in its head: title, address, authors, day, picture, language."""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from lxml.html import HtmlElement

from alerts.articles.reading.blocks import one_line
from alerts.articles.reading.cleaning import repair, web_address
from alerts.articles.reading.days import Day, read_day
from alerts.articles.reading.linked_data import LinkedArticle, LinkedData, read_linked_data
from alerts.articles.reading.names import folded
from alerts.articles.reading.tracking import is_pixel, without_tracking

_PUBLISHED = (
    *("article:published_time", "og:article:published_time", "datepublished", "citation_date"),
    *("citation_publication_date", "dc.date.issued", "dcterms.created", "dc.date", "dcterms.date"),
    *("parsely-pub-date", "sailthru.date", "pubdate", "publishdate", "publish_date", "date"),
)
_AUTHORS = {"author", "article:author", "dc.creator", "dcterms.creator", "citation_author"}
_AUTHORS |= {"parsely-author", "sailthru.author", "byl"}
_NOBODY = {
    "admin",
    "administrator",
    "webmaster",
    "editor",
    "author",
    "root",
    "unknown",
    "redaktion",
}
_PREFIXES = re.compile(r"^(?:www\d?|m|mobile|amp)\.")
_LANGUAGE = re.compile(
    r"^([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?(?![a-z0-9])", re.IGNORECASE
)
_NO_PHOTO = re.compile(
    r"(?:logo|placeholder|default|favicon|icon|avatar|sprite)[^/]{0,60}$", re.IGNORECASE
)
_LONGEST_ADDRESS = 2_000
_LONGEST_NAME = 100
_MOST = 200


@dataclass(frozen=True, slots=True)
class Hints:
    """What a page says about itself in its head; every field may be empty.

    `canonical` is the address that the page gives itself, where that can be believed; `flags` say
    where not. Links on the page start from `base`. `published` is ISO 8601, `2026-11` where only
    the month is given; `language` is BCP 47. `kind` is Open Graph's word for it.
    """

    titles: tuple[str, ...] = ()
    canonical: str | None = None
    base: str | None = None
    image: str | None = None
    image_alt: str | None = None
    image_credit: str | None = None
    published: str | None = None
    authors: tuple[str, ...] = ()
    team: str | None = None
    abouts: tuple[tuple[str, str], ...] = ()
    summary: str | None = None
    language: str | None = None
    site: str | None = None
    kind: str | None = None
    is_listing: bool = False
    is_free: bool = True
    flags: tuple[str, ...] = ()


def read_hints(root: HtmlElement, url: str | None) -> Hints:
    """Return what the head says; addresses are made whole by the page's own, or its <base>."""
    metas = _metas(root)
    titles = _titles(root, metas)
    linked = _linked(root)
    canonical, flags = _canonical(root, metas, url)
    own = _own_article(linked, titles, canonical or url)
    base = next(_addresses([link.get("href") for link in root.iter("base")], url), url or canonical)
    site = _first(metas, "og:site_name", "application-name")
    team = next((author.name for author in own.authors if not author.is_person), None)
    authors = _names([author.name for author in own.authors if author.is_person], site)
    image = _image([own.image, *metas.get("og:image", ()), *metas.get("twitter:image", ())], base)
    day = _day([own.published, *(_first(metas, name) for name in _PUBLISHED)])
    return Hints(
        titles=tuple(dict.fromkeys(t for t in (own.headline, *titles) if t)),
        canonical=canonical,
        base=base,
        image=image,
        image_alt=own.image_alt or _first(metas, "og:image:alt", "twitter:image:alt"),
        image_credit=own.image_credit,
        published=_iso(day),
        authors=authors or (() if team else _names(_meta_authors(metas), site)),
        team=team,
        abouts=tuple((author.name, author.about) for author in own.authors if author.about),
        summary=_first(metas, "og:description", "description") or own.summary,
        language=_language(
            [root.get("lang"), root.get("xml:lang"), own.language]
            + [_first(metas, name) for name in ("content-language", "og:locale", "dc.language")]
        ),
        site=site,
        kind=_first(metas, "og:type"),
        is_listing=linked.is_listing,
        is_free=own.is_free,
        flags=flags,
    )


def _metas(root: HtmlElement) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for meta in root.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop")
        name = (name or meta.get("http-equiv") or "").strip().lower()[:_LONGEST_NAME]
        content = (meta.get("content") or "")[: _LONGEST_ADDRESS * 2]
        values = found.setdefault(name, [])
        if name and len(values) < _MOST and (line := _line(content)):
            values.append(line)
    return found


def _line(text: str) -> str:
    """Return a value on one line; what content systems escape twice is escaped no more."""
    return one_line(repair(html.unescape(text)))


def _first(metas: Mapping[str, Sequence[str]], *names: str) -> str | None:
    return next((metas[name][0] for name in names if metas.get(name)), None)


def _titles(root: HtmlElement, metas: Mapping[str, Sequence[str]]) -> list[str]:
    title = next((str(title.text_content()) for title in root.iter("title")), "")[:_LONGEST_ADDRESS]
    return [t for t in (_first(metas, "og:title", "twitter:title"), _line(title)) if t]


def _linked(root: HtmlElement) -> LinkedData:
    scripts = [
        script.text or ""
        for script in root.iter("script")
        if (script.get("type") or "").strip().lower().startswith("application/ld+json")
    ]
    return read_linked_data([repair(script) for script in scripts[:20]])


def _own_article(linked: LinkedData, titles: Sequence[str], url: str | None) -> LinkedArticle:
    """Return the article that the page is about; some list their neighbours beside it."""
    if len(linked.articles) <= 1:
        return next(iter(linked.articles), LinkedArticle())
    wanted = [folded(title) for title in titles]
    for article in linked.articles:
        named = folded(article.headline or "")
        if named and any(title.startswith(named) for title in wanted):
            return article
    address = (url or "").partition("?")[0].rstrip("/")
    return next(
        (one for one in linked.articles if address and (one.url or "").rstrip("/") == address),
        LinkedArticle(),
    )


def _canonical(
    root: HtmlElement, metas: Mapping[str, Sequence[str]], url: str | None
) -> tuple[str | None, tuple[str, ...]]:
    """Return the address that a page gives itself where it can be believed, else a flag."""
    links = [link.get("href") for link in root.iter("link") if _is_canonical(link)]
    for address in _addresses([*links[:_MOST], _first(metas, "og:url")], url):
        reason = _doubt(address, url)
        if reason is None:
            return without_tracking(address), ()
        return None, (f"url: the page calls itself {address[:300]}, {reason}; kept as fetched",)
    return None, ()


def _doubt(address: str, url: str | None) -> str | None:
    """Say why a page's address for itself is not believed, or return None."""
    if url is None:
        return None
    claimed, fetched = urlsplit(address), urlsplit(url)
    if not _same_site(claimed.hostname or "", fetched.hostname or ""):
        return "which is another site"
    if claimed.path.strip("/") == "" and not claimed.query and fetched.path.strip("/"):
        return "which is the site's front page"
    if _record(fetched.query) and _record(claimed.query) != _record(fetched.query):
        return "which is another record"
    return None


def _same_site(claimed: str, fetched: str) -> bool:
    """Tell whether two hosts are one site; a cache of AMP pages names the site in its own name."""
    one, other = _PREFIXES.sub("", claimed.lower()), _PREFIXES.sub("", fetched.lower())
    if other.endswith(".cdn.ampproject.org"):
        coded = other.removesuffix(".cdn.ampproject.org")
        return coded in {host.replace("-", "--").replace(".", "-") for host in (claimed, one)}
    # Subdomains of one domain may be different people's: `a.example.github.io` is not `github.io`.
    return one == other


def _record(query: str) -> str | None:
    pairs = parse_qsl(query, max_num_fields=None)[:_MOST]
    return next((value for name, value in pairs if name.lower() == "recordno"), None)


def _is_canonical(link: HtmlElement) -> bool:
    return "canonical" in (link.get("rel") or "").lower().split()


def _addresses(links: Sequence[str | None], url: str | None) -> Iterator[str]:
    for link in links:
        address = web_address(link, url) if link and len(link) <= _LONGEST_ADDRESS else None
        if address:
            yield address


def _image(links: Sequence[str | None], base: str | None) -> str | None:
    """Return the first address of a photo; a site's logo stands in where an article has none."""
    for address in _addresses(links, base):
        if not is_pixel(address) and not _NO_PHOTO.search(urlsplit(address).path):
            return address
    return None


def _meta_authors(metas: Mapping[str, Sequence[str]]) -> list[str]:
    return [value for name in metas if name in _AUTHORS for value in metas[name]]


def _names(given: Sequence[str], site: str | None) -> tuple[str, ...]:
    """Return names without addresses, log-in names and the site's own."""
    kept = []
    for name in given:
        line = name.strip(" |,;")
        if not line or len(line) > _LONGEST_NAME or re.search(r"://|@|\bwww\.", line):
            continue
        if line.lower() not in _NOBODY and folded(line) != folded(site or ""):
            kept.append(line)
    return tuple(dict.fromkeys(kept))


def _day(values: Sequence[str | None]) -> Day | None:
    return next((day for value in values if (day := read_day(value))), None)


def _iso(day: Day | None) -> str | None:
    if day is None:
        return None
    return day.on.isoformat()[: 7 if day.precision == "month" else 10]


def _language(values: Sequence[str | None]) -> str | None:
    """Return the first language tag in its usual case, `pt-BR`, `zh-Hans` (BCP 47, 2.1.1)."""
    for value in values:
        match = _LANGUAGE.match((value or "").strip())
        if match and match[1].lower() not in {"und", "mul", "zxx", "xx"}:
            parts = (match[1].lower(), (match[2] or "").title(), (match[3] or "").upper())
            return "-".join(part for part in parts if part)
    return None
