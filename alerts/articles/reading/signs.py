"""Who signed a page and when, where only its visible part says so."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml.html import HtmlElement

from alerts.articles.reading.blocks import Block, Kind, one_line
from alerts.articles.reading.boilerplate import is_boilerplate
from alerts.articles.reading.days import Day, read_day
from alerts.articles.reading.names import Byline, folded, read_byline

_BY = re.compile(r"^(?:von|par|por|di|da|von\s+unserer?\s+\w+|लेखक)\s*:?\s+", re.IGNORECASE)
_AND = re.compile(r"\s(?:und|et|y|e|और)\s")
_SIGNED = re.compile(r"(?:^|[\s_-])(?:byline|author|auteur|autor)(?:$|[\s_-])", re.IGNORECASE)
_APART = re.compile(r"comment|related|sidebar|widget|footer|more-from|bio\b", re.IGNORECASE)
_TIMES = re.compile(
    r"^(?:published|posted|veröffentlicht|publié|updated|last\s+updated|stand|mis\s+à\s+jour|प्रकाशित)"
    r"(?:\s+(?:on|am|le))?\b\s*:?|\d{1,3}\s*min(?:ute)?s?(?:\s+read)?|\d{1,2}[:h.]\d\d(?:\s*(?:uhr|[ap]m|"
    r"gmt|utc|ist))?",
    re.IGNORECASE,
)
_PIECES = re.compile(r"\s[|·•–—]\s|\s?\|\s?|\s(?=(?:by|von|par|por)\s)", re.IGNORECASE)
_LONGEST = 200
_MOST = 40


@dataclass(slots=True)
class Signs:
    """What the lines around a title say: who signed, and the day."""

    byline: Byline
    day: Day | None = None


def visible_signs(scope: HtmlElement) -> Signs:
    """Return the day and the names that elements of a page are marked with."""
    days = (read_day(one.get("datetime") or one.get("content") or "") for one in _timed(scope))
    names: list[str] = []
    team = None
    for line in _signed(scope):
        byline = read_names(line)
        if byline is not None and not names and team is None:
            names, team = list(byline.names), byline.team
    return Signs(Byline(tuple(names), team), next((day for day in days if day), None))


def read_names(line: str) -> Byline | None:
    """Return who a line names; `By`, `Von`, `Par` before the names is left out."""
    text = _AND.sub(" and ", one_line(line)[:_LONGEST].strip(" |,;·•"))
    unmarked = _BY.sub("", text)
    return read_byline(f"by {unmarked}" if unmarked != text else text)


def take_signs(blocks: Sequence[Block], title: str, signs: Signs) -> list[Block]:
    """Take title, signature and day out of the lines above the text; return what is left."""
    first = next((i for i, block in enumerate(blocks) if block.is_prose), len(blocks))
    kept = []
    for block in blocks[:first]:
        if folded(block.text) == folded(title):
            continue
        if block.kind in {Kind.PARAGRAPH, Kind.ITEM} and _read_signs(block.text, signs):
            continue
        kept.append(block)
    return [*kept, *blocks[first:]]


def _read_signs(line: str, signs: Signs) -> bool:
    """Read a line that is nothing but names, days and times; False when it is more."""
    if len(line) > _LONGEST:
        return False
    pieces = [piece for piece in _PIECES.split(line) if piece.strip()]
    understood = True
    for piece in pieces:
        rest = _TIMES.sub("", piece).strip(" ,;:")
        if not rest or is_boilerplate(rest):
            continue
        day, byline = read_day(rest) if len(rest) < 60 else None, read_names(rest)  # noqa: PLR2004 - a weekday, a day and an hour are shorter
        if day is not None:
            signs.day = signs.day or day
        elif byline is not None:
            signs.byline = byline if signs.byline.is_empty else signs.byline
        else:
            understood = False
    return understood and bool(pieces)


def _timed(scope: HtmlElement) -> Iterator[HtmlElement]:
    marked = [one for one in scope.iter() if "datePublished" in (one.get("itemprop") or "")]
    for one in [*marked[:_MOST], *list(scope.iter("time"))[:_MOST]]:
        if not _is_apart(one):
            yield one


def _signed(scope: HtmlElement) -> Iterator[str]:
    found = 0
    for one in scope.iter("a", "span", "p", "div", "address", "h4", "h5", "h6", "li", "cite"):
        names = f"{one.get('class') or ''} {one.get('itemprop') or ''} {one.get('rel') or ''}"[:300]
        if _SIGNED.search(names) and not _is_apart(one):
            found += 1
            yield str(one.text_content())[: _LONGEST * 2]
        if found > _MOST:
            return


def _is_apart(element: HtmlElement) -> bool:
    around = [element, *element.iterancestors()][:12]
    return any(
        _APART.search(f"{one.get('class') or ''} {one.get('id') or ''}"[:300]) or one.tag == "aside"
        for one in around
    )
