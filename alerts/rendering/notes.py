"""The notes that stand at the end of a text, for a part of it that refers to some of them. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

from lxml import html as lxml_html

if TYPE_CHECKING:
    from alerts.rendering.bodies import Block

_HEADINGS = frozenset({"note", "notes", "footnotes", "endnotes", "end notes", "sources"})
_HEADINGS |= {"references", "notes and references", "références", "notes et références"}
_HEADINGS |= {"notas", "referencias", "referências", "anmerkungen", "fußnoten"}
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_MARK = r"\d{1,3}|\*{1,3}|[†‡]"
_SUP = re.compile(r"<sup>(.*?)</sup>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_IN_TEXT = re.compile(rf"\[({_MARK})\]|([⁰¹²³⁴⁵⁶⁷⁸⁹]+)|(?<=\w)(\*{{1,3}}|[†‡])")
# How a note begins: beyond doubt, and where a heading says that these are notes.
_SURE = re.compile(rf"\[({_MARK})\]|<sup>\W*({_MARK})\W*</sup>|([⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_BELOW_HEADING = re.compile(rf"({_MARK})(?=[.):\s])")
_OPENING = re.compile(r"<\w+[^>]*>\s*")
# A text that names a hundred notes would be a list of its own.
_MOST = 100


def notes_for(kept: Sequence["Block"], left_out: Sequence["Block"]) -> tuple["Block", ...]:
    """Return what is left out of the notes that the kept part refers to, with their heading.

    References are numbers or signs that are raised or in brackets. Notes are the last thing in a
    text: below a heading that says so, up to the next one, or each with such a mark before it.
    """
    wanted = {mark for block in kept for mark in _references(block)}
    if not wanted:
        return ()
    heading, below = _notes(left_out)
    notes = [block for mark, block in _marked(below, sure=heading is None) if mark in wanted]
    if not notes or len(notes) > _MOST:
        return ()
    return (heading, *notes) if heading else tuple(notes)


def _references(block: "Block") -> Iterator[str]:
    for raised in _SUP.findall(block.html):
        yield from re.findall(_MARK, _TAG.sub("", raised))
    for found in _IN_TEXT.finditer(" ".join(block.lines)):
        yield (found[1] or found[2] or found[3]).translate(_RAISED)


def _notes(blocks: Sequence["Block"]) -> tuple["Block | None", Sequence["Block"]]:
    """Return the heading of the notes, None where there is none, and what stands below it."""
    for number in reversed(range(len(blocks))):
        block = blocks[number]
        if _is_heading(block):
            below = blocks[number + 1 :]
            ends = (n for n, one in enumerate(below) if one.kind == "heading")
            return block, below[: next(ends, len(below))]
    last = list(takewhile(lambda block: _mark_of(block, sure=True), reversed(blocks)))
    return None, last[::-1]


def _is_heading(block: "Block") -> bool:
    words = " ".join(block.lines).strip().rstrip(":").casefold()
    return block.kind in {"heading", "paragraph"} and words in _HEADINGS


def _marked(blocks: Sequence["Block"], *, sure: bool) -> Iterator[tuple[str, "Block"]]:
    """Yield each note by its mark; what follows it without one belongs to it."""
    mark = ""
    for block in blocks:
        if block.kind == "number" and not sure:
            yield from _items(block)
            continue
        mark = _mark_of(block, sure=sure) or mark
        if mark:
            yield mark, block


def _mark_of(block: "Block", *, sure: bool) -> str:
    inner = _OPENING.sub("", block.html, count=1)
    found = _SURE.match(inner)
    if found:
        return (found[1] or found[2] or found[3]).translate(_RAISED)
    found = None if sure else _BELOW_HEADING.match(block.lines[0] if block.lines else "")
    return found[1] if found else ""


def _items(block: "Block") -> Iterator[tuple[str, "Block"]]:
    """Yield the items of a numbered list as paragraphs that keep their numbers."""
    tree = lxml_html.fragment_fromstring(block.html)
    for number, (item, line) in enumerate(zip(tree.findall("li"), block.lines, strict=False), 1):
        item.tag = "p"
        item.text = f"{number}. {item.text or ''}"
        links = tuple(anchor.get("href", "") for anchor in item.iter("a"))
        text = lxml_html.tostring(item, encoding="unicode", with_tail=False).strip()
        yield (
            str(number),
            replace(block, kind="paragraph", html=text, lines=(f"{number}. {line}",), links=links),
        )
