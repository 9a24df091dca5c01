"""An article's body as a mail can show it: a row of simple blocks, cut at a paragraph's end."""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import nh3
from lxml import html as lxml_html
from lxml.etree import LxmlError
from lxml.html import HtmlElement

from alerts.rendering.hygiene import address_without_slots, web_address, without_slots
from alerts.rendering.notes import notes_for
from alerts.rendering.plain import one_line

_INLINE = {"a", "b", "br", "em", "i", "strong", "sub", "sup"}
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_LISTS = {"ul": "bullet", "ol": "number"}
_BLOCKS = {"p", "blockquote", "ul", "ol", "pre", "tr", *_HEADINGS}
_CONTAINERS = {"div", "table", "thead", "tbody", "tfoot", "section", "article", "dl"}
_KEPT = _INLINE | _BLOCKS | _CONTAINERS | {"li", "td", "th"}
# What an ill-meant page could nest deeper is shown as plain text.
_DEEPEST = 20
_DANGLING = " ,;:–—-"
_SENTENCE_END = re.compile(r"[.!?…。！？؟]['\"”’)\]]*(?=\s|$)|[。！？]")  # noqa: RUF001 - CJK stops


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, quotation or list of a body.

    `html` is the element, clean and without styles; `lines` are its texts (a list has several);
    `links` the addresses it leads to, which plain text prints below it. One that `goes_on` is a
    further row of the table that the block before it begins, or belongs to.
    """

    kind: str
    html: str
    lines: tuple[str, ...]
    links: tuple[str, ...] = ()
    goes_on: bool = False
    length: int = field(init=False)

    def __post_init__(self) -> None:
        # Entities were decoded on the way here: only now can no slot hide in them.
        object.__setattr__(self, "html", without_slots(self.html))
        object.__setattr__(self, "lines", tuple(without_slots(line) for line in self.lines))
        object.__setattr__(self, "length", sum(len(line) for line in self.lines))


@dataclass(frozen=True, slots=True)
class Body:
    """Blocks to show, and whether there is more to read elsewhere."""

    blocks: tuple[Block, ...]
    cut: bool = False

    @property
    def html(self) -> str:
        """The blocks as HTML without styles."""
        return "\n".join(block.html for block in self.blocks)


@lru_cache(maxsize=256)
def read_body(body_html: str, body_text: str, *, heading_level: int) -> Body:
    """Read cleaned HTML, or where there is none the paragraphs of its text, into blocks.

    Images are left out: a mail shows the piece's one photo with its credit. The headings inside
    start at `heading_level`, so that the mail's outline has no gaps. Readings are kept, because a
    piece stands in many variants of an issue.
    """
    tree = _parse(body_html)
    blocks = tuple(_blocks(tree, _Levels(tree, heading_level))) if tree is not None else ()
    if not blocks:
        blocks = tuple(
            _plain_block(one_line(paragraph))
            for paragraph in re.split(r"\n\s*\n", body_text)
            if paragraph.strip()
        )
    return Body(blocks)


def paragraphs_of(body: Body) -> tuple[tuple[Block, ...], ...]:
    """Return what counts as a paragraph each: one, or a whole list, quotation or table.

    Headings belong to what stands below them; those that end the text, to what stands above.
    """
    found: list[list[Block]] = []
    below_heading = False
    for block in body.blocks:
        if found and (below_heading or block.goes_on):
            found[-1].append(block)
        else:
            found.append([block])
        below_heading = block.kind == "heading"
    if below_heading and len(found) > 1:
        last = found.pop()
        found[-1].extend(last)
    return tuple(tuple(blocks) for blocks in found)


def first_of(body: Body, paragraphs: int | None) -> Body:
    """Return the body with its first paragraphs alone; all of it for None, or for too many.

    Those of the notes at its end that these refer to stay.
    """
    if paragraphs is None:
        return body
    counted = paragraphs_of(body)
    if paragraphs >= len(counted):
        return body
    kept = tuple(block for some in counted[:paragraphs] for block in some)
    return Body((*kept, *notes_for(kept, body.blocks[len(kept) :])), cut=True)


def shorten(body: Body, limit: int | None) -> Body:
    """Return the body cut at the last paragraph's end within `limit` characters.

    A first paragraph longer than the limit is cut after a sentence, or a word. No heading is left
    without the text below it.
    """
    if limit is None or sum(block.length for block in body.blocks) <= limit:
        return body
    kept: list[Block] = []
    room = limit
    for block in body.blocks:
        if block.length > room:
            break
        kept.append(block)
        room -= block.length
    while kept and kept[-1].kind == "heading":
        kept.pop()
    if not kept and limit > 0:
        text = next((b.lines for b in body.blocks if b.kind != "heading"), ())
        kept = [_plain_block(clip(" ".join(text), limit))] if text else []
    return Body(tuple(kept), cut=True)


def clip(text: str, limit: int) -> str:
    """Return the text cut to `limit` characters: after a sentence, else after a word, with …."""
    if len(text) <= limit:
        return text
    head = text[:limit]
    ends = [match.end() for match in _SENTENCE_END.finditer(text[: limit + 1])]
    good = [end for end in ends if limit // 2 <= end <= limit]
    if good:
        return head[: good[-1]]
    head = head[: limit - 1]
    space = head.rfind(" ")
    return (head[:space] if space > limit // 2 else head).rstrip(_DANGLING) + "…"


def direction(text: str) -> str:
    """Return `rtl` for a text whose first letter is written from right to left, else `ltr`."""
    for character in text:
        side = unicodedata.bidirectional(character)
        if side in {"R", "AL"}:
            return "rtl"
        if side == "L":
            return "ltr"
    return "ltr"


class _Levels:
    """Maps the headings a page happens to use onto consecutive levels from `start`."""

    def __init__(self, tree: HtmlElement, start: int) -> None:
        used = [tag for tag in _HEADINGS if tree.find(f".//{tag}") is not None]
        self._levels = {tag: min(start + index, 6) for index, tag in enumerate(used)}

    def tag(self, tag: str) -> str:
        return f"h{self._levels[tag]}"


def _parse(body_html: str) -> HtmlElement | None:
    cleaned = nh3.clean(
        body_html,
        tags=_KEPT,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
        clean_content_tags={"script", "style", "figure", "figcaption", "caption"},
    )
    if not cleaned.strip():
        return None
    try:
        return lxml_html.fragment_fromstring(cleaned, create_parent="div")
    except (LxmlError, ValueError):
        return None


def _blocks(container: HtmlElement, levels: _Levels, depth: int = 0) -> Iterator[Block]:
    """Yield the blocks of a container; loose text between them becomes paragraphs."""
    loose = lxml_html.Element("p")
    loose.text = container.text
    for child in list(container):
        tail, child.tail = child.tail, None
        if child.tag in _BLOCKS or child.tag in _CONTAINERS:
            yield from _paragraph(loose)
            loose = lxml_html.Element("p")
            loose.text = tail
            if child.tag in _CONTAINERS and depth < _DEEPEST:
                inner = _blocks(child, levels, depth + 1)
                yield from _one_table(inner) if child.tag == "table" else inner
            else:
                yield from _block(child, levels)
        else:
            loose.append(child)
            child.tail = tail
    yield from _paragraph(loose)


def _one_table(blocks: Iterator[Block]) -> Iterator[Block]:
    for number, block in enumerate(blocks):
        yield replace(block, goes_on=number > 0)


def _block(element: HtmlElement, levels: _Levels) -> Iterator[Block]:
    tag = str(element.tag)
    if tag in _HEADINGS:
        text = one_line(element.text_content())
        if text:
            yield Block("heading", _element(levels.tag(tag), [text]), (text,))
    elif tag in _LISTS:
        yield from _list(element, _LISTS[tag])
    elif tag == "tr":
        cells = [one_line(cell.text_content()) for cell in element]
        text = " · ".join(cell for cell in cells if cell)
        if text:
            yield _plain_block(text)
    elif tag == "blockquote":
        yield from _quote(element)
    elif tag == "p":
        yield from _paragraph(element)
    else:
        yield from _plain_blocks([element.text_content()])


def _paragraph(element: HtmlElement) -> Iterator[Block]:
    links = _keep_links(element)
    text = one_line(_text(element))
    if text:
        yield Block("paragraph", _serialised(element), (text,), links)


def _quote(element: HtmlElement) -> Iterator[Block]:
    texts = tuple(filter(None, (one_line(part.text_content()) for part in element)))
    whole = one_line(element.text_content())
    # Paragraphs inside are kept apart only when nothing is written beside them.
    lines = texts if _letters("".join(texts)) == _letters(whole) else (whole,)
    if whole:
        inner = "".join(_element("p", [line]) for line in lines)
        yield Block("quote", f"<blockquote{_dir(whole)}>{inner}</blockquote>", lines)


def _list(element: HtmlElement, kind: str) -> Iterator[Block]:
    items = [item for item in element if one_line(item.text_content())]
    if items:
        links = dict.fromkeys(link for item in items for link in _keep_links(item))
        tag, inner = str(element.tag), "".join(_list_item(item) for item in items)
        texts = tuple(one_line(_text(item)) for item in items)
        yield Block(kind, f"<{tag}{_dir(texts[0])}>{inner}</{tag}>", texts, tuple(links))


def _list_item(item: HtmlElement) -> str:
    """Return an item with its links and stresses; one that holds more keeps its words only."""
    paragraphs = item.findall("p")
    if len(paragraphs) == 1:
        paragraphs[0].drop_tag()
    return _serialised(item)


def _plain_blocks(texts: Sequence[str]) -> Iterator[Block]:
    return (_plain_block(one_line(text)) for text in texts if text.strip())


def _plain_block(text: str) -> Block:
    return Block("paragraph", _element("p", [text]), (text,))


def _element(tag: str, texts: Sequence[str]) -> str:
    inner = html.escape(" ".join(texts), quote=False)
    return f"<{tag}{_dir(inner)}>{inner}</{tag}>"


def _keep_links(element: HtmlElement) -> tuple[str, ...]:
    """Drop links that lead nowhere, and return the addresses of the others, each once."""
    links: list[str] = []
    for anchor in list(element.iter("a")):
        address = address_without_slots(anchor.get("href", ""))
        anchor.set("href", address)
        if address.startswith("mailto:") and len(address) < 200:  # noqa: PLR2004 - sensible length
            continue
        if web_address(address) is None:
            anchor.drop_tag()
        elif address not in links:
            links.append(address)
    return tuple(links)


def _text(element: HtmlElement) -> str:
    for line_break in element.iter("br"):
        line_break.tail = " " + (line_break.tail or "")
    return str(element.text_content())


def _serialised(element: HtmlElement) -> str:
    # A paragraph that is another block in disguise keeps its words only.
    for part in element.iter():
        if part is not element and part.tag not in _INLINE:
            return _element(str(element.tag), [one_line(element.text_content())])
    if direction(element.text_content()) == "rtl":
        element.set("dir", "rtl")
    return lxml_html.tostring(element, encoding="unicode", with_tail=False).strip()


def _letters(text: str) -> str:
    return "".join(text.split())


def _dir(text: str) -> str:
    return ' dir="rtl"' if direction(text) == "rtl" else ""
