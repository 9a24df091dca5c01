"""Pages that are no articles, told by what they are: errors, log-ins, listings. Pure."""

import re
from collections.abc import Sequence

from lxml.html import HtmlElement

from alerts.articles.reading.blocks import Block, Kind
from alerts.articles.reading.record import NoArticle

_ERROR = re.compile(
    r"""^\W{0,3}(?:
      (?:error|fehler|erreur|http)?[\s:-]{0,3}(?:40[0134]|410|429|50[0234])\b
    | (?:the\ )?page\ (?:was\ |could\ )?(?:not\ (?:be\ )?found|unavailable|gone)
    | (?:page|file|article|document)\ not\ found | not\ found | access\ denied | forbidden
    | just\ a\ moment | attention\ required | are\ you\ (?:a\ robot|human) | security\ check
    | (?:internal\ )?server\ error | service\ (?:temporarily\ )?unavailable | bad\ gateway
    | (?:site|under)\ maintenance | seite\ nicht\ gefunden | page\ (?:introuvable|non\ trouvée)
    | página\ no\ encontrada | पृष्ठ\ नहीं\ मिला
    )""",
    re.IGNORECASE | re.VERBOSE,
)
# An article about a lost page is longer than the page that says so.
_LONGEST_ERROR = 150
_LONGEST_LOGIN = 120
# Four titles that lead elsewhere make a listing, unless there is more than their beginnings.
_LEAST_TEASERS = 4
_LONGEST_BEGINNING = 60
_PAYWALL = re.compile(
    r"\b(?:pay-?wall\w{0,20}|subscriber-only|subscription-required|premium-content|piano-offer"
    r"|regwall|meter-wall)\b",
    re.IGNORECASE,
)


def refuse_other_pages(root: HtmlElement, titles: Sequence[str], blocks: Sequence[Block]) -> None:
    """Raise NoArticle for an error page and for a form to log in; `blocks` are the text found."""
    words = words_of(blocks)
    headings = [
        " ".join(str(one.text_content())[:200].split()) for one in list(root.iter("h1"))[:5]
    ]
    if words < _LONGEST_ERROR and any(_ERROR.match(line) for line in [*titles, *headings]):
        raise NoArticle("no article: the page says that there is none, or that it must not be read")
    if words < _LONGEST_LOGIN and _asks_for_password(root):
        raise NoArticle("no article: the page asks for a password")


def refuse_listing(blocks: Sequence[Block], *, says_so: bool) -> None:
    """Raise NoArticle for a page of links to articles; `says_so` tells that it calls itself one.

    `blocks` are those of the whole page. Under every title that leads elsewhere stands a beginning
    of some lines; below an article's text such a list may stand too.
    """
    runs = [0]
    teasers = linked = 0
    for block in blocks:
        if block.is_prose and _is_linked(block):
            linked += 1
        elif block.is_prose:
            runs[-1] += len(block.text.split())
        elif block.kind is Kind.HEADING and _is_linked(block):
            teasers += 1
            runs.append(0)
    longest = _LONGEST_BEGINNING * (2 if says_so else 1)
    if (teasers >= _LEAST_TEASERS or says_so) and max(runs) < longest:
        raise NoArticle("no article: a list of other articles with their beginnings")
    if linked >= _LEAST_TEASERS and max(runs) < longest:
        raise NoArticle("no article: a list of links to other pages")


def is_behind_paywall(root: HtmlElement) -> bool:
    """Tell whether a page marks a wall before the rest of its text."""
    return any(
        _PAYWALL.search(f"{element.get('class') or ''} {element.get('id') or ''}"[:500])
        for element in root.iter("div", "section", "aside", "p")
    )


def words_of(blocks: Sequence[Block]) -> int:
    """Return how many words of running text there are."""
    return sum(len(block.text.split()) for block in blocks if block.is_prose)


def linked_letters(block: Block) -> int:
    """Return how many letters of a block are those of links."""
    if "<a" not in block.html:
        return 0
    inside = re.findall(r"<a\b[^>]*>(.*?)</a>", block.html, re.DOTALL)
    return sum(len(re.sub(r"<[^>]*>", "", text)) for text in inside)


def _is_linked(block: Block) -> bool:
    return linked_letters(block) * 2 > len(block.text)


def _asks_for_password(root: HtmlElement) -> bool:
    return any((one.get("type") or "").lower() == "password" for one in root.iter("input"))
