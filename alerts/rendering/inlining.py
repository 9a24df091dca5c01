"""Style sheets moved onto the elements, because many mail programs read nothing else."""

import logging
import os
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from lxml import etree
from typing_extensions import override

if TYPE_CHECKING:
    from premailer import Premailer

# premailer remembers selectors, and the styles that it took apart. Our sheets have more of both
# than the 128 that it keeps unless it is told otherwise before it is imported.
os.environ.setdefault("PREMAILER_CACHE_MAXSIZE", "4096")
# Two sheets for each template; a few more, for templates that are being edited.
_KEPT_SHEETS = 64


# Selectors that look at more of an element than its ancestors and attributes: at its neighbours.
_LOOKS_ASIDE = re.compile(r"[+~]|:(?!hover|active|focus|visited|link)")
_NAMED = re.compile(r"\[\s*([\w-]+)")
# What differs from piece to piece, and what our sheets have no selectors for.
_FREE = frozenset({"href", "src", "alt", "title", "aria-label", "lang"})
# Far more than a template's elements differ; a bound for templates that are being edited.
_MOST_REMEMBERED = 20_000


def inline_styles(html: str, style_sheets: Sequence[str]) -> str:
    """Return the document with the sheets' rules as `style` attributes, by premailer.

    Nothing is fetched: sheets come as text, and a `<link>` stays what it is. The `<style>`
    elements that carry `data-premailer="ignore"` (dark mode, narrow screens) stay in the head.
    What premailer made of an element is remembered: the next document with the like of it, under
    the like of its ancestors, does not ask again.
    """
    stripped = html.strip()
    tree = etree.fromstring(stripped, etree.HTMLParser()).getroottree()
    _memory_of(tuple(style_sheets)).inline(tree)
    # lxml adds a doctype where there was none.
    whole = tree if stripped.startswith(tree.docinfo.doctype) else tree.getroot()
    return etree.tostring(whole, method="html", encoding="utf-8").decode()


class _Change(NamedTuple):
    """What premailer did to the attributes of an element."""

    put: tuple[tuple[str, str], ...]
    taken: tuple[str, ...]


class _Memory:
    """What premailer made of elements by style sheets, by all that the sheets can see of them."""

    def __init__(self, style_sheets: tuple[str, ...]) -> None:
        self._sheets = style_sheets
        selectors = [each[1] for sheet in style_sheets for each in _rules(sheet)]
        self._holds = not any(
            _LOOKS_ASIDE.search(each) or _FREE.intersection(_NAMED.findall(each))
            for each in selectors
        )
        self._places: dict[tuple[Any, ...], int] = {}
        self._changes: dict[int, _Change] = {}

    def inline(self, tree: "etree._ElementTree[etree._Element]") -> None:
        """Move the sheets' rules onto the elements of a document, in place."""
        elements = list(tree.getroot().iter(etree.Element))
        if not self._holds or any(map(_is_sheet, elements)):
            self._ask(tree)
            return
        places = self._places_of(elements)
        changes = [self._changes.get(place) for place in places]
        if None in changes:
            before = [dict(element.attrib) for element in elements]
            self._ask(tree)
            self._changes.update(zip(places, map(_change, before, elements), strict=True))
            return
        for element, change in zip(elements, changes, strict=True):
            for name, value in change.put if change else ():
                element.set(name, value)
            for name in change.taken if change else ():
                del element.attrib[name]

    def _places_of(self, elements: Sequence["etree._Element"]) -> list[int]:
        """Return a number for each element, the same for all that the sheets cannot tell apart."""
        if len(self._places) > _MOST_REMEMBERED:
            self._places, self._changes = {}, {}
        found: dict[etree._Element | None, int] = {None: -1}
        for element in elements:
            seen = tuple(item for item in element.items() if item[0] not in _FREE)
            key = found[element.getparent()], element.tag, seen
            found[element] = self._places.setdefault(key, len(self._places))
        return [found[element] for element in elements]

    def _ask(self, tree: "etree._ElementTree[etree._Element]") -> None:
        _premailer()(
            css_text=list(self._sheets),
            allow_network=False,
            disable_link_rewrites=True,
            disable_leftover_css=True,
            disable_validation=True,
            align_floating_images=False,
            remove_classes=False,
            disable_basic_attributes=["width", "height"],
            cssutils_logging_level=logging.CRITICAL,
        ).transform(tree.getroot())


@lru_cache(maxsize=_KEPT_SHEETS)
def _memory_of(style_sheets: tuple[str, ...]) -> _Memory:
    return _Memory(style_sheets)


def _is_sheet(element: "etree._Element") -> bool:
    """Tell whether premailer reads the element's rules, and takes it away."""
    return element.tag == "style" and element.get("data-premailer") != "ignore"


def _change(before: dict[str, str], element: "etree._Element") -> _Change:
    after = {str(name): str(value) for name, value in element.items()}
    put = tuple(item for item in after.items() if before.get(item[0]) != item[1])
    return _Change(put, tuple(name for name in before if name not in after))


def _rules(sheet: str) -> list[tuple[Any, str, Any]]:
    """Return a sheet's rules as premailer reads them: specificity, selector, style."""
    premailer = _premailer()(disable_validation=True, cssutils_logging_level=logging.CRITICAL)
    rules: list[tuple[Any, str, Any]] = premailer._parse_style_rules(sheet, 0)[0]  # noqa: SLF001 - the only way in
    return rules


@cache
def _premailer() -> "type[Premailer]":
    """Return premailer's class, made to read each sheet once and not once for each document."""
    # Imported here: it takes a quarter of a second, and most commands render nothing.
    from premailer import Premailer

    @lru_cache(maxsize=_KEPT_SHEETS)
    def rules_of(sheet: str, index: int) -> tuple[list[Any], list[Any]]:
        reader = Premailer(disable_validation=True, cssutils_logging_level=logging.CRITICAL)
        rules, leftover = reader._parse_style_rules(sheet, index)  # noqa: SLF001 - the only way in
        return rules, leftover

    class ReadsSheetsOnce(Premailer):  # type: ignore[misc] # it ships no types
        """Premailer, but that half its time does not go into the same sheet again."""

        @override
        def _parse_style_rules(
            self, css_body: str, ruleset_index: int
        ) -> tuple[list[Any], list[Any]]:
            rules, leftover = rules_of(css_body, ruleset_index)
            return list(rules), list(leftover)

    return ReadsSheetsOnce
