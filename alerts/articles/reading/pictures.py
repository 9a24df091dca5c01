"""The picture that leads a page, with its words: alternative text, and whose it is."""

import re
from collections.abc import Iterator

from lxml.html import HtmlElement

from alerts.articles.reading.blocks import one_line
from alerts.articles.reading.boilerplate import photo_credit
from alerts.articles.reading.cleaning import repair, web_address
from alerts.articles.reading.hints import Hints
from alerts.articles.reading.record import ReadPhoto
from alerts.articles.reading.tracking import is_pixel

_SOURCES = ("src", "data-src", "data-lazy-src", "data-original")
_CREDIT_NAMES = re.compile(r"credit|copyright|photographer|bildquelle|img-source", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:©|\b(?:photo|foto|bild|image|picture|photograph|illustration|quelle|crédit|credit)s?"
    r"(?:\s(?:credit|by|courtesy|source))?\s?:|\bफोटो\s?:)",
    re.IGNORECASE,
)
_SIZE = re.compile(r"[-_@]\d{2,4}(?:x\d{2,4})?$")
_ORNAMENT = re.compile(
    r"logo|icon|sprite|spacer|avatar|gravatar|button|\.gif$|\.svg$", re.IGNORECASE
)
_SMALLEST = 150
_LONGEST_CREDIT = 150
_MOST = 300


def find_photo(scope: HtmlElement, hints: Hints) -> ReadPhoto:
    """Return the picture that the head names, or else the first photo of the text."""
    wanted = _stem(hints.image) if hints.image else None
    for element, address in _images(scope, hints.base):
        if wanted is None or _stem(address) == wanted:
            return ReadPhoto(
                url=hints.image or address,
                credit=hints.image_credit or _credit_of(element),
                alt=_line(element.get("alt")) or hints.image_alt,
            )
    return ReadPhoto(url=hints.image, credit=hints.image_credit, alt=hints.image_alt)


def credit_in(caption: str) -> str | None:
    """Return the credit in a caption: what stands after `Photo:`, `Foto:`, `©` at its end."""
    if whole := photo_credit(caption):
        return whole
    labels = list(_LABEL.finditer(caption))
    if not labels:
        return None
    credit = caption[labels[-1].end() :].strip(" .,;:|()[]")
    return credit if 0 < len(credit) <= _LONGEST_CREDIT else None


def _images(scope: HtmlElement, base: str | None) -> Iterator[tuple[HtmlElement, str]]:
    for element in list(scope.iter("img", "amp-img"))[:_MOST]:
        sources = (web_address(element.get(name), base) for name in _SOURCES)
        address = next((source for source in sources if source), None)
        if address and not is_pixel(address) and not _is_small(element, address):
            yield element, address


def _is_small(element: HtmlElement, address: str) -> bool:
    sizes = [(element.get(name) or "").strip().removesuffix("px") for name in ("width", "height")]
    if any(size.isdecimal() and int(size[:6]) < _SMALLEST for size in sizes):
        return True
    return bool(_ORNAMENT.search(address.partition("?")[0].rpartition("/")[2]))


def _stem(address: str) -> str:
    """Return a picture's name without its size: one photo is served in many."""
    name = address.partition("?")[0].rpartition("/")[2].rpartition(".")[0]
    return _SIZE.sub("", name).lower()


def _credit_of(element: HtmlElement) -> str | None:
    figure = next((one for one in element.iterancestors("figure")), None)
    if figure is None:
        return None
    for inner in figure.iter("span", "p", "cite", "small", "div", "em"):
        names = f"{inner.get('class') or ''} {inner.get('itemprop') or ''}"
        if _CREDIT_NAMES.search(names[:300]) and (text := _line(str(inner.text_content())[:400])):
            return credit_in(text) or text[:_LONGEST_CREDIT]
    caption = next(
        (_line(str(one.text_content())[:2_000]) for one in figure.iter("figcaption")), None
    )
    return credit_in(caption) if caption else None


def _line(text: str | None) -> str | None:
    return one_line(repair(text or "")) or None
