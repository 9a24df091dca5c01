"""What a page may be at most, looked at in one pass before a parser sees it. Pure.

Parsers take minutes over a hundred thousand open elements or attributes, and lose the text below
a depth of 254 without a word. No article comes near these limits.
"""

import re
from collections.abc import Iterator

from alerts.articles.reading.record import NoArticle

LARGEST = 5 * 1024 * 1024
LONGEST_TEXT = 600_000
LONGEST_LINE = 60_000
# Lines, or the blocks of a page.
MOST_LINES = 5_000
MOST_TAGS = 60_000
MOST_ENTITIES = 60_000
DEEPEST = 240

_MOST_ATTRIBUTES = 1_000
# A tag that is shorter than this has no attributes to speak of.
_LONG_TAG = 4_000
_OPENING = re.compile(r"<!--|<(script|style|svg)\b", re.IGNORECASE)
_CLOSING = {
    "": re.compile(r"-->"),
    "script": re.compile(r"</script\b[^>]{0,200}>", re.IGNORECASE),
    "style": re.compile(r"</style\b[^>]{0,200}>", re.IGNORECASE),
    "svg": re.compile(r"</svg\b[^>]{0,200}>", re.IGNORECASE),
}
_LINKED_DATA = re.compile(r"\bapplication/ld\+json\b", re.IGNORECASE)
_LONGEST_DATA = 200_000
_INLINE_DATA = re.compile(
    r"\bdata:[a-z]{1,20}/[a-z0-9.+-]{1,60}[;,][^\s\"'<>)]{80,}", re.IGNORECASE
)
_LONG_TAGS = re.compile(rf"<[a-z][^<>]{{{_LONG_TAG},}}", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"[\s\"'/][^\s\"'/=<>]")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,19})([^<>]*)")
# Elements that are empty, or that the next of their kind closes.
_FLAT = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"),
    *("source", "track", "wbr", "html", "head", "body", "p", "li", "dt", "dd", "option"),
    *("tr", "td", "th", "thead", "tbody", "tfoot", "colgroup"),
}


def check_text(text: str) -> None:
    """Raise NoArticle for a text copy that is too long to be one."""
    if len(text) > LONGEST_TEXT:
        raise NoArticle(f"more than {LONGEST_TEXT:,} characters of text, no article is so long")
    if text.count("\n") > MOST_LINES:
        raise NoArticle(f"more than {MOST_LINES:,} lines, no article has so many")
    start = 0
    while len(text) - start > LONGEST_LINE:
        end = text.rfind("\n", start, start + LONGEST_LINE)
        if end < 0:
            raise NoArticle(f"a line of more than {LONGEST_LINE:,} characters, no article has one")
        start = end + 1


def lean(markup: str) -> str:
    """Return a page without scripts, styles, comments and inlined files; linked data is kept.

    Raises NoArticle for a page that is too large, too deeply nested or has too many tags.
    """
    if len(markup) > LARGEST:
        raise NoArticle(f"larger than {LARGEST // 1024 // 1024} MB, no article is")
    kept = _INLINE_DATA.sub("", "".join(_without_scripts(markup)))
    check_markup(kept)
    return kept


def check_markup(markup: str, *, slash_closes: bool = True) -> None:
    """Raise NoArticle for HTML that parsers take minutes over, or lose what is inside."""
    if markup.count("<") > MOST_TAGS:
        raise NoArticle(f"more than {MOST_TAGS:,} tags, no article has so many")
    if markup.count("&") > MOST_ENTITIES:
        raise NoArticle(f"more than {MOST_ENTITIES:,} times &, no article has so many")
    for tag in _LONG_TAGS.finditer(markup):
        if sum(1 for _ in _ATTRIBUTE.finditer(tag[0])) > _MOST_ATTRIBUTES and _is_many(tag[0]):
            raise NoArticle("a tag with more than a thousand attributes, no article has one")
    if depth_of(markup, slash_closes=slash_closes) > DEEPEST:
        raise NoArticle(f"elements nested more than {DEEPEST} deep, no article has such")


def depth_of(markup: str, *, slash_closes: bool = True) -> int:
    """Return how deeply the elements of a page are nested, at most.

    `slash_closes` tells how `<x/>` is read: libxml2 closes it at once, HTML 5 leaves it open.
    """
    deepest = depth = 0
    for tag in _TAG.finditer(markup):
        if tag[2].lower() in _FLAT or (slash_closes and tag[3].endswith("/")):
            continue
        depth = max(0, depth - 1) if tag[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _without_scripts(markup: str) -> Iterator[str]:
    position = 0
    while (opened := _OPENING.search(markup, position)) is not None:
        yield markup[position : opened.start()]
        kind = (opened[1] or "").lower()
        closed = _CLOSING[kind].search(markup, opened.end())
        # What is never closed goes on to the end of the page, as in a browser.
        position = closed.end() if closed else len(markup)
        whole = markup[opened.start() : position]
        if kind == "script" and _LINKED_DATA.search(whole[:300]) and len(whole) <= _LONGEST_DATA:
            yield whole
        else:
            yield " "
    yield markup[position:]


def _is_many(tag: str) -> bool:
    """Tell a thousand attributes from one long value, by leaving out what is quoted."""
    bare = re.sub(r"\"[^\"]*\"|'[^']*'", "", tag)
    return sum(1 for _ in _ATTRIBUTE.finditer(bare)) > _MOST_ATTRIBUTES
