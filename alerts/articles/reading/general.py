"""The reader for pages of any make: those of other houses, read by what they say of themselves.

The page's own data for machines (JSON-LD, Open Graph) goes first, then what is marked in its text;
nothing is guessed, and what is doubtful is flagged.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lxml.html import HtmlElement

from alerts.articles.reading.blocks import Block, Kind
from alerts.articles.reading.body import choose_standfirst, compose, with_headings
from alerts.articles.reading.boilerplate import is_boilerplate
from alerts.articles.reading.days import Day, day_in_address
from alerts.articles.reading.extraction import find_text
from alerts.articles.reading.hints import Hints
from alerts.articles.reading.markup import Page
from alerts.articles.reading.names import Byline, folded, same_name, subject_of_note, with_notes
from alerts.articles.reading.pictures import credit_in, find_photo
from alerts.articles.reading.record import NoArticle, ReadArticle, ReadAuthor, ReadPhoto
from alerts.articles.reading.refusing import (
    is_behind_paywall,
    linked_letters,
    refuse_listing,
    refuse_other_pages,
    words_of,
)
from alerts.articles.reading.signs import Signs, read_names, take_signs, visible_signs

_LEAST_WORDS = 60
_LEAST_BEFORE_WALL = 30
_LEAST_OF_ONE = 80
_LONGEST_TITLE = 300
_AROUND_TITLE = re.compile(r"\s[|–—«»·•-]\s|\s?(?:\||::)\s?")
_ELSEWHERE = re.compile(
    r"^(?:read\s(?:more|also|next)|also\sread|see\salso|more\son\sthis|related|recommended|lesen\ssie"
    r"|mehr\szum|lire\s(?:aussi|également)|à\slire|यह\sभी\sपढ़ें|leer\stambién|subscribe|sign\sup"
    r"|advertisement|anzeige|publicité|follow\sus|share\sthis|tags?\s?:|filed\sunder)\b",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"comment|teaser|related|card|promo", re.IGNORECASE)
_MOSTLY = 0.7


@dataclass(frozen=True, slots=True)
class _Scope:
    """The part of a page that is read, and how many other articles were left out."""

    element: HtmlElement
    others: int = 0


def read_general(page: Page, *, url: str | None, source: str) -> ReadArticle:
    """Read a page of any make; raises NoArticle with one line for what is no article."""
    hints = page.hints
    scope = _scope(page.root, hints)
    found = find_text(scope.element, base=hints.base)
    refuse_other_pages(page.root, hints.titles, found)
    refuse_listing(page.blocks, says_so=hints.is_listing)
    title = _title(page, scope, hints)
    signs = visible_signs(scope.element)
    text = _without_ends(take_signs(found, title, signs))
    byline = _byline(hints, signs)
    text, notes = _without_notes(text, byline.names)
    text, printed_credit = _without_credits(text)
    day, day_flag = _published(hints, signs, url)
    walled = not hints.is_free or is_behind_paywall(page.root)
    _refuse_short(text, walled=walled)
    marked = with_headings(text)
    body = compose(marked)
    authors, loose = with_notes(byline.names, notes)
    photo = find_photo(scope.element, hints)
    return ReadArticle(
        source=source,
        title=title,
        body_html=body.html,
        body_text=body.text,
        standfirst=choose_standfirst(marked, hints.summary),
        words=body.words,
        url=url,
        published_on=day.on if day else None,
        published_precision=day.precision if day else None,
        authors=tuple(_with_about(author, hints) for author in authors),
        team=byline.team,
        photo=ReadPhoto(photo.url, photo.credit or printed_credit, photo.alt),
        language=hints.language,
        flags=(*hints.flags, *_flags(scope, day_flag, walled=walled)),
        printed=_printed(hints, photo, [*notes], [*loose]),
    )


def _scope(root: HtmlElement, hints: Hints) -> _Scope:
    """Return the page, or, of several articles on it, the one that its head names."""
    articles = [
        article
        for article in root.iter("article")
        if next(article.iterancestors("article"), None) is None
        and not _COMMENT.search(f"{article.get('class') or ''} {article.get('id') or ''}"[:300])
        and len(str(article.text_content()).split()) >= _LEAST_OF_ONE
    ]
    body = root.find("body")
    if len(articles) <= 1:
        return _Scope(root if body is None else body)
    named = (one for one in articles if any(_is_named(text, hints) for text in _headings(one)))
    return _Scope(next(named, articles[0]), len(articles) - 1)


def _headings(element: HtmlElement) -> list[str]:
    found = list(element.iter("h1", "h2"))[:50]
    return [" ".join(str(one.text_content())[: _LONGEST_TITLE * 2].split()) for one in found]


def _title(page: Page, scope: _Scope, hints: Hints) -> str:
    """Return the title as it stands on the page, else as its head gives it.

    Raises NoArticle where there is none.
    """
    lines = [*_headings(scope.element), *(block.text for block in page.blocks[:200])]
    printed = next((line for line in lines if _is_named(line, hints)), None)
    only = [" ".join(str(one.text_content()).split()) for one in list(scope.element.iter("h1"))[:2]]
    if printed is None and len(only) == 1 and len(hints.titles) <= 1:
        printed = only[0]
    title = printed or _without_site(next(iter(hints.titles), ""), hints.site)
    if not title or len(title) > _LONGEST_TITLE:
        raise NoArticle("no article: no title above a text was found")
    return title


def _is_named(line: str, hints: Hints) -> bool:
    wanted = folded(line[:_LONGEST_TITLE])
    if len(wanted) < 4 or wanted == folded(hints.site or ""):  # noqa: PLR2004 - shorter is no title
        return False
    return any(
        wanted in {folded(title), *map(folded, _AROUND_TITLE.split(title))}
        for title in hints.titles
    )


def _without_site(title: str, site: str | None) -> str:
    pieces = [piece for piece in _AROUND_TITLE.split(title) if piece.strip()]
    if site and len(pieces) > 1 and folded(pieces[-1]) == folded(site):
        return title[: title.rindex(pieces[-1])].rstrip(" |–—«»·•:-")
    return title


def _byline(hints: Hints, signs: Signs) -> Byline:
    """Return who signed: as the head says, else as the page shows."""
    if not hints.authors and not hints.team:
        return signs.byline
    names: list[str] = []
    team = hints.team
    for given in hints.authors:
        read = read_names(given)
        names += read.names if read else (given,)
        team = team or (read.team if read else None)
    return Byline(tuple(dict.fromkeys(names)), team)


def _published(hints: Hints, signs: Signs, url: str | None) -> tuple[Day | None, str | None]:
    if hints.published:
        whole = len(hints.published) > len("2026-11")
        on = date.fromisoformat(hints.published if whole else f"{hints.published}-01")
        return Day(on, "day" if whole else "month"), None
    if signs.day is not None:
        return signs.day, None
    day = day_in_address(url)
    return day, "published_on: taken from the page's address" if day else None


def _without_ends(blocks: Sequence[Block]) -> list[Block]:
    """Leave out the site's lines, invitations to read elsewhere, and links around the text."""
    kept = [block for block in blocks if not is_boilerplate(block.text) and not _leads_away(block)]
    first = next((i for i, block in enumerate(kept) if block.is_prose), 0)
    kept = [block for block in kept[:first] if not _is_link(block)] + kept[first:]
    while kept and not kept[-1].is_prose and (_is_link(kept[-1]) or kept[-1].kind is Kind.HEADING):
        kept.pop()
    return kept


def _leads_away(block: Block) -> bool:
    return bool(_ELSEWHERE.match(block.text)) and not block.is_prose


def _is_link(block: Block) -> bool:
    return linked_letters(block) > _MOSTLY * len(block.text)


def _without_notes(blocks: Sequence[Block], names: Sequence[str]) -> tuple[list[Block], list[str]]:
    """Take the notes about the authors that end the text."""
    text, notes = list(blocks), list[str]()
    while len(text) > 1:
        subject = subject_of_note(text[-1].text[:_LONGEST_TITLE])
        if subject is None or not any(same_name(subject, name) for name in names):
            break
        notes.insert(0, text.pop().text)
    return text, notes


def _without_credits(blocks: Sequence[Block]) -> tuple[list[Block], str | None]:
    """Take lines that are nothing but a photo's credit; return the first of them."""
    credit = None
    kept = []
    for block in blocks:
        is_short = block.kind is Kind.PARAGRAPH and not block.is_prose and len(block.text) < 200  # noqa: PLR2004 - characters; no credit is longer
        found = credit_in(block.text) if is_short else None
        credit = credit or found
        if found is None:
            kept.append(block)
    return kept, credit


def _refuse_short(blocks: Sequence[Block], *, walled: bool) -> None:
    words = words_of(blocks)
    if words < (_LEAST_BEFORE_WALL if walled else _LEAST_WORDS):
        raise NoArticle(f"no article: only {words} words of running text were found")


def _with_about(author: ReadAuthor, hints: Hints) -> ReadAuthor:
    if author.about:
        return author
    about = next((text for name, text in hints.abouts if same_name(name, author.name)), None)
    return ReadAuthor(author.name, about)


def _flags(scope: _Scope, day_flag: str | None, *, walled: bool) -> list[str]:
    flags = [day_flag] if day_flag else []
    if scope.others:
        flags.append(f"body: {scope.others} other articles on the page were left out")
    if walled:
        flags.append("body: the site shows the rest to its subscribers alone")
    return flags


def _printed(
    hints: Hints, photo: ReadPhoto, notes: list[str], loose: list[str]
) -> dict[str, object]:
    return {
        "head": list(hints.titles),
        "date": hints.published,
        "credit": photo.credit,
        "notes": notes,
        "loose_notes": loose,
        "left_out": [],
        "related": 0,
    }
