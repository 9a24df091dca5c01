"""Whether every text can be read on its ground, in light and by the mail's own dark rules."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from lxml.cssselect import CSSSelector
from lxml.html import HtmlElement

from alerts.rendering.lint.colours import WHITE, Colour, contrast, read_colour, written
from alerts.rendering.lint.css import declarations, rules_of
from alerts.rendering.lint.findings import Finding, shown, warning

# WCAG 2.2, success criterion 1.4.3 (AA); large is 24 px, or 18.66 px in bold.
_NEEDED, _NEEDED_LARGE = 4.5, 3.0
_LARGE, _LARGE_BOLD = 24.0, 18.66
_BOLD_FROM = 600
_SEEN = re.compile(r"[^\s\u00a0\u034f\u200b-\u200d\ufeff]")
_LINK = (0, 0, 238)
_PIXELS = re.compile(r"([\d.]+)px")
_Styles = Mapping[HtmlElement, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class _Look:
    front: Colour | None = (0, 0, 0)
    ground: Colour | None = WHITE
    size: float = 16.0
    is_bold: bool = False


def check_contrast(tree: HtmlElement) -> Iterator[Finding]:
    """Yield a warning for each pair of colours that is too close, with a text it stands for.

    Judged is what can be read off the styles; a ground that is a picture cannot.
    """
    body = tree.find("body")
    if body is None:
        return
    for mode, styles in (("", {}), ("dark mode", _dark_styles(tree))):
        if mode and not styles:
            continue
        found: dict[tuple[str, str], tuple[float, str]] = {}
        for text, look in _texts(body, _Look(), styles):
            ratio = _too_close(look)
            if ratio is not None and look.front and look.ground:
                found.setdefault((written(look.front), written(look.ground)), (ratio, text))
        for (front, ground), (ratio, text) in found.items():
            yield _finding(mode, front, ground, ratio, text)


def _finding(mode: str, front: str, ground: str, ratio: float, text: str) -> Finding:
    where = f" in {mode}" if mode else ""
    return warning(
        "contrast",
        f"{shown(text, 50)} is hard to read{where}: {front} on {ground} has a contrast of"
        f" {ratio:.1f} to 1",
        "take a darker or a lighter colour; WCAG AA asks for 4.5 to 1, large type for 3",
        about=f"{mode or 'light'} {front} on {ground}",
    )


def _too_close(look: _Look) -> float | None:
    if look.front is None or look.ground is None:
        return None
    is_large = look.size >= _LARGE or (look.is_bold and look.size >= _LARGE_BOLD)
    ratio = contrast(look.front, look.ground)
    return ratio if ratio < (_NEEDED_LARGE if is_large else _NEEDED) else None


def _texts(element: HtmlElement, above: _Look, styles: _Styles) -> Iterator[tuple[str, _Look]]:
    if not isinstance(element.tag, str) or element.tag in {"style", "script"}:
        return
    own = declarations(element.get("style", ""))
    own = {**own, **styles.get(element, {})}
    if own.get("display") == "none":
        return
    look = _look(element, own, above)
    if element.text and _SEEN.search(element.text):
        yield element.text, look
    for child in element:
        yield from _texts(child, look, styles)
        if child.tail and _SEEN.search(child.tail):
            yield child.tail, look


def _look(element: HtmlElement, own: Mapping[str, str], above: _Look) -> _Look:
    look = above
    ground = own.get("background-color") or own.get("background") or element.get("bgcolor")
    if ground and ground not in {"transparent", "inherit", "none"}:
        look = replace(look, ground=read_colour(ground))
    if own.get("background-image", "none") != "none":
        look = replace(look, ground=None)
    front = own.get("color") or element.get("color")
    if front and front != "inherit":
        look = replace(look, front=read_colour(front))
    elif not front and element.tag == "a" and element.get("href"):
        look = replace(look, front=_LINK)
    pixels = _PIXELS.fullmatch(own.get("font-size", ""))
    if pixels:
        look = replace(look, size=float(pixels[1]))
    weight = own.get("font-weight")
    if weight or element.tag in {"b", "strong"}:
        look = replace(look, is_bold=_is_bold(weight or "bold"))
    return look


def _is_bold(weight: str) -> bool:
    return weight in {"bold", "bolder"} or (weight.isdecimal() and int(weight) >= _BOLD_FROM)


def _dark_styles(tree: HtmlElement) -> dict[HtmlElement, dict[str, str]]:
    """Return what the rules for dark mode say of each element; the more exact rule has its way."""
    sheets = "\n".join(element.text or "" for element in tree.iter("style"))
    dark = [
        rule
        for rule in rules_of(sheets)
        if any("prefers-color-scheme" in head and "dark" in head for head in rule.within)
    ]
    ranked = []
    for place, rule in enumerate(dark):
        selector = _selector(rule.selector)
        if selector is not None:
            ranked.append((selector[1], place, selector[0], rule.declarations))
    styles: dict[HtmlElement, dict[str, str]] = {}
    for _, _, find, declared in sorted(ranked, key=lambda one: one[:2]):
        for element in find(tree):
            styles.setdefault(element, {}).update(declared)
    return styles


@lru_cache(maxsize=512)
def _selector(text: str) -> tuple[CSSSelector, tuple[int, int, int]] | None:
    """Return what finds a selector's elements, and how exact it is; None for a strange one."""
    from cssselect import SelectorError, parse

    try:
        return CSSSelector(text, translator="html"), parse(text)[0].specificity()
    except (SelectorError, IndexError):
        return None
