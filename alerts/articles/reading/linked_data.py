"""What a page says about itself for search engines, as JSON-LD (schema.org). Pure.

It comes in one script or several, as one object, a list or a graph whose nodes refer to each other,
and often broken; what can be read of it is read.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_ARTICLES = {
    *("Article", "NewsArticle", "BlogPosting", "Report", "ScholarlyArticle", "TechArticle"),
    *("ReportageNewsArticle", "AnalysisNewsArticle", "OpinionNewsArticle", "LiveBlogPosting"),
    *("BackgroundNewsArticle", "ReviewNewsArticle", "AskPublicNewsArticle", "SocialMediaPosting"),
}
_LISTINGS = {"CollectionPage", "SearchResultsPage", "ItemList", "ProfilePage"}
_MOST_NODES = 5_000
_LONGEST = 300
_TRAILING_COMMA = re.compile(r",(?=\s{0,100}[}\]])")
_FIELD = re.compile(
    r'"(headline|datePublished|description|inLanguage)"\s{0,20}:\s{0,20}"((?:[^"\\\n]|\\.){1,500})"'
)
_AUTHOR = re.compile(
    r'"author"[^"]{0,40}"[^\]}]{0,200}?"?name"\s{0,20}:\s{0,20}"([^"\\\n]{1,100})"'
)


@dataclass(frozen=True, slots=True)
class LinkedAuthor:
    """Who signed; `is_person` is False for a newsroom or an agency."""

    name: str
    about: str | None = None
    is_person: bool = True


@dataclass(frozen=True, slots=True)
class LinkedArticle:
    """An article as its page describes it to machines; every field may be empty."""

    headline: str | None = None
    authors: tuple[LinkedAuthor, ...] = ()
    published: str | None = None
    summary: str | None = None
    language: str | None = None
    url: str | None = None
    image: str | None = None
    image_alt: str | None = None
    image_credit: str | None = None
    is_free: bool = True


@dataclass(frozen=True, slots=True)
class LinkedData:
    """All that a page's scripts say: its articles, and whether it calls itself a listing."""

    articles: tuple[LinkedArticle, ...] = ()
    is_listing: bool = False


def read_linked_data(scripts: Sequence[str]) -> LinkedData:
    """Read the scripts of a page; what is broken is read as far as it goes, and never raises."""
    nodes: list[Mapping[str, Any]] = []
    rescued: list[LinkedArticle] = []
    for script in scripts:
        found = _parsed(script)
        if found is None:
            rescued += _rescued(script)
        else:
            nodes += _nodes(found)
    named = {node["@id"]: node for node in reversed(nodes) if _is_named(node)}
    articles = [_article(node, named) for node in nodes if _types(node) & _ARTICLES]
    listing = any(_types(node) & _LISTINGS for node in nodes)
    return LinkedData(tuple(articles or rescued), listing and not articles)


def _parsed(script: str) -> object | None:
    """Return what a script holds, mended where it is broken in a usual way, or None."""
    text = re.sub(
        r"^\s*(?:/\*\s*)?<!\[CDATA\[(?:\s*\*/)?|(?:/\*\s*)?\]\]>(?:\s*\*/)?\s*$", "", script
    )
    text = text.strip().removeprefix("//").strip().rstrip(";")
    for attempt in (text, _TRAILING_COMMA.sub("", text), html.unescape(text)):
        try:
            found: object = json.loads(attempt, strict=False)
        except (ValueError, RecursionError):
            continue
        return found
    return None


def _rescued(script: str) -> Iterator[LinkedArticle]:
    """Read the fields of an article out of a script that is no JSON."""
    if not any(f'"{name}"' in script for name in _ARTICLES):
        return
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(script):
        found.setdefault(name, _line(value.replace('\\"', '"').replace("\\/", "/")) or "")
    author = _AUTHOR.search(script)
    yield LinkedArticle(
        headline=found.get("headline"),
        authors=(LinkedAuthor(author[1]),) if author else (),
        published=found.get("datePublished"),
        summary=found.get("description"),
        language=found.get("inLanguage"),
    )


def _nodes(found: object) -> list[Mapping[str, Any]]:
    """Return the objects of a graph, however they are wrapped, without recursion."""
    nodes: list[Mapping[str, Any]] = []
    waiting = [found]
    while waiting and len(nodes) < _MOST_NODES:
        entry = waiting.pop(0)
        if isinstance(entry, list):
            waiting[:0] = entry[:_MOST_NODES]
        elif isinstance(entry, dict):
            nodes.append(entry)
            waiting += [entry[key] for key in ("@graph", "mainEntity", "author") if key in entry]
    return nodes


def _is_named(node: Mapping[str, Any]) -> bool:
    # A reference holds nothing but the name of what it refers to.
    return isinstance(node.get("@id"), str) and len(node) > 1


def _types(node: Mapping[str, Any]) -> set[str]:
    given = node.get("@type")
    types = given if isinstance(given, list) else [given]
    return {one.rpartition("/")[2] for one in types if isinstance(one, str)}


def _article(node: Mapping[str, Any], named: Mapping[str, Any]) -> LinkedArticle:
    image = _first(_resolved(node.get("image"), named))
    image_node = image if isinstance(image, dict) else {}
    address = (
        image if isinstance(image, str) else image_node.get("url") or image_node.get("contentUrl")
    )
    page = _resolved(node.get("mainEntityOfPage"), named)
    page_url = page.get("@id") or page.get("url") if isinstance(page, dict) else page
    return LinkedArticle(
        headline=_line(node.get("headline") or node.get("name")),
        authors=tuple(_authors(node.get("author") or node.get("creator"), named)),
        published=_line(node.get("datePublished") or node.get("dateCreated")),
        summary=_line(node.get("description"), 2_000),
        language=_line(_name_of(node.get("inLanguage"))),
        url=_line(node.get("url") or page_url, 2_000),
        image=_line(_first(address), 2_000),
        image_alt=_line(image_node.get("caption") or image_node.get("description")),
        image_credit=_credit(image_node, named),
        is_free=str(node.get("isAccessibleForFree", True)).casefold() not in {"false", "0", "no"},
    )


def _credit(image: Mapping[str, Any], named: Mapping[str, Any]) -> str | None:
    for key in ("creditText", "creator", "author", "copyrightHolder", "copyrightNotice"):
        if found := _line(_name_of(_first(_resolved(image.get(key), named)))):
            return found
    return None


def _authors(given: object, named: Mapping[str, Any]) -> Iterator[LinkedAuthor]:
    for entry in (given if isinstance(given, list) else [given])[:50]:
        author = _resolved(entry, named)
        names = author.get("name") if isinstance(author, dict) else author
        kinds = _types(author) if isinstance(author, dict) else set()
        about = (
            author.get("description") or author.get("jobTitle")
            if isinstance(author, dict)
            else None
        )
        for name in names if isinstance(names, list) else [names]:
            if line := _line(name):
                is_person = not kinds & {"Organization", "NewsMediaOrganization", "Corporation"}
                yield LinkedAuthor(line, _line(about, 600), is_person)


def _resolved(value: object, named: Mapping[str, Any]) -> object:
    """Follow a reference to the node that it names."""
    value = _first(value)
    if isinstance(value, dict) and isinstance(value.get("@id"), str):
        found: object = named.get(value["@id"], value)
        return found
    return value


def _first(value: object) -> object:
    return (value[0] if value else None) if isinstance(value, list) else value


def _name_of(value: object) -> object:
    return value.get("name") or value.get("alternateName") if isinstance(value, dict) else value


def _line(value: object, longest: int = _LONGEST) -> str | None:
    """Return a text on one line, its tags and entities resolved, or None for what is none."""
    if not isinstance(value, str):
        return None
    text = html.unescape(html.unescape(value[: longest * 4]))
    text = " ".join(re.sub(r"</?[a-zA-Z][^<>]{0,200}>", "", text).split())
    return text[:longest] or None
