"""HTML pages, brought into blocks: headings, paragraphs, layout tables and bare lines alike."""

import html
import re
from dataclasses import dataclass, field

from lxml import etree
from lxml import html as lxml_html
from lxml.html import HtmlElement

from alerts.articles.reading.blocks import Block, Kind, one_line
from alerts.articles.reading.boilerplate import without_debris
from alerts.articles.reading.cleaning import repair, web_address
from alerts.articles.reading.hints import Hints, read_hints
from alerts.articles.reading.limits import LONGEST_LINE, MOST_LINES, lean
from alerts.articles.reading.record import NoArticle

_SKIPPED = {
    *("script", "style", "noscript", "template", "iframe", "object", "svg", "math", "head", "nav"),
    *("button", "select", "textarea", "input", "audio", "video", "canvas"),
}
_INLINE = {"b", "strong", "i", "em", "sub", "sup", "a"}
_STRONG = {"b", "strong"}
_FLOWING = _INLINE | {"span", "font", "u", "small", "big", "abbr", "cite", "mark", "time", "label"}
_FLOWING |= {"q", "code", "ins", "del", "s", "strike", "tt", "wbr", "bdi", "bdo", "var", "kbd"}
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_ASIDE_NAMES = re.compile(
    r"\b(?:side-?bar|related|widget|footer|comments?|breadcrumbs?)\b", re.IGNORECASE
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_ENDS = frozenset('.!?:;…"”|')
_MOJIBAKE = re.compile("[ÂÃâð]")
_FEED = re.compile(
    r"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,500}?-->\s*)?<(?:rss|feed|rdf:RDF)\b", re.IGNORECASE
)
_XML_HEAD = re.compile(r"^<\?xml[^>]{0,1000}\?>")
# A cell of more text than this holds a piece of the page, not a value.
_LONGEST_CELL = 160


@dataclass(frozen=True, slots=True)
class Page:
    """A page as blocks, with what its head says, and as the tree that it was parsed into."""

    blocks: list[Block]
    hints: Hints
    root: HtmlElement


def read_page(markup: str, *, url: str | None) -> Page:
    """Return the blocks and hints of a page; raise NoArticle for what is no HTML page."""
    root = parse_document(markup)
    hints = read_hints(root, url)
    return Page(walk_blocks(root, hints.base), hints, root)


def walk_blocks(root: HtmlElement, base: str | None) -> list[Block]:
    """Return the blocks below an element; links and pictures start from `base`."""
    return _Walk(root, base).blocks()


def parse_document(markup: str) -> HtmlElement:
    """Return the tree of an HTML page; raise NoArticle for what is none."""
    if _FEED.match(markup):
        raise NoArticle("a feed, not an article's page")
    text = _XML_HEAD.sub("", lean(markup).strip()).strip()
    if not text:
        raise NoArticle("empty, there is nothing to read")
    parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return lxml_html.document_fromstring(text.encode("utf-8", "ignore"), parser=parser)
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise NoArticle("no HTML page that can be read") from error


@dataclass(slots=True)
class _Line:
    """The line being collected."""

    text: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    strong: int = 0
    total: int = 0
    link: str | None = None


class _Walk:
    """One pass over a page's tree, without recursion: a page may nest as deeply as it likes."""

    def __init__(self, root: HtmlElement, base: str | None) -> None:
        self._root = root
        self._base = base
        self._line = _Line()
        self._open: list[tuple[str, str]] = []
        self._around: list[HtmlElement] = []
        self._asides = 0
        self._blocks: list[Block] = []
        self._main = _main_element(root)
        self._outer = _outer_tables(root)
        self._in_main = 0

    def blocks(self) -> list[Block]:
        """Return all blocks in the order of the page."""
        walk = etree.iterwalk(self._root, events=("start", "end"))
        for event, element in walk:
            if event == "start":
                if self._enter(element):
                    walk.skip_subtree()
            else:
                self._leave(element)
            if len(self._blocks) > MOST_LINES:
                raise NoArticle(f"more than {MOST_LINES:,} lines, no article has so many")
        self._flush()
        return self._blocks

    def _enter(self, element: HtmlElement) -> bool:
        """Begin an element; return True when what is in it is not to be walked."""
        tag = str(element.tag)
        if tag in _SKIPPED or _HIDDEN.search(element.get("style") or ""):
            # Its end comes all the same, and with it the text that follows.
            self._around.append(element)
            return True
        if tag not in _FLOWING and not self._goes_on(element):
            self._flush()
        self._around.append(element)
        self._asides += _is_aside(element)
        self._in_main += element is self._main
        if tag == "img":
            self._image(element)
        elif tag == "table" and element not in self._outer and _is_data(element):
            self._table(element)
            return True
        elif tag in _INLINE:
            self._open_inline(element)
        self._add(element.text)
        return False

    def _leave(self, element: HtmlElement) -> None:
        tag = str(element.tag)
        if tag not in _FLOWING and tag not in _SKIPPED and not self._goes_on(element):
            self._flush()
        if self._around and self._around[-1] is element:
            self._around.pop()
        if tag in _INLINE and self._open and self._open[-1][0] == tag:
            self._open.pop()
            self._line.html.append(f"</{tag}>")
        if tag not in _SKIPPED and not _HIDDEN.search(element.get("style") or ""):
            self._asides -= _is_aside(element)
            self._in_main -= element is self._main
        self._add(element.tail)

    def _goes_on(self, element: HtmlElement) -> bool:
        """Tell whether a sentence goes on below a <br>, which then only breaks its line."""
        after = (element.tail or "").lstrip()
        if element.tag != "br" or not after[:1].islower():
            return False
        before = next((text for text in reversed(self._line.text) if text.strip()), "").rstrip()
        if not before or before[-1] in _ENDS:
            return False
        self._add(" ")
        return True

    def _open_inline(self, element: HtmlElement) -> None:
        tag = str(element.tag)
        start = f"<{tag}>"
        if tag == "a":
            address = _link(element.get("href"), self._base)
            start = f'<a href="{html.escape(address)}">' if address else "<a>"
            if address:
                self._line.link = self._line.link or address
        self._open.append((tag, start))
        self._line.html.append(start)

    def _add(self, text: str | None) -> None:
        if not text:
            return
        if _MOJIBAKE.search(text):
            text = repair(text)
        text = text.replace("\u00a0", " ")
        count = len(one_line(text).replace(" ", ""))
        line = self._line
        line.text.append(text)
        line.html.append(html.escape(text, quote=False))
        line.total += count
        if any(tag in _STRONG for tag, _ in self._open):
            line.strong += count

    def _flush(self) -> None:
        line, self._line = self._line, _Line()
        closing = "".join(f"</{tag}>" for tag, _ in reversed(self._open))
        # An element that goes on over the line's end goes on in the next line.
        self._line.html.extend(start for _, start in self._open)
        text = without_debris(one_line("".join(line.text)))
        if not text:
            return
        if len(text) > LONGEST_LINE:
            raise NoArticle(
                f"a paragraph of more than {LONGEST_LINE:,} characters, no article has one"
            )
        kind, level, ordered = self._kind()
        self._blocks.append(
            Block(
                kind,
                text,
                one_line("".join(line.html) + closing),
                level=level,
                strong=line.total > 0 and line.strong >= line.total,
                aside=self._is_outside(),
                link=line.link,
                ordered=ordered,
            )
        )

    def _kind(self) -> tuple[Kind, int, bool]:
        for element in reversed(self._around):
            tag = str(element.tag)
            if tag in _HEADINGS:
                return Kind.HEADING, _HEADINGS[tag], False
            if tag == "li":
                parent = element.getparent()
                return Kind.ITEM, 0, parent is not None and parent.tag == "ol"
            if tag == "blockquote":
                return Kind.QUOTE, 0, False
            if tag in {"figcaption", "caption"}:
                return Kind.CAPTION, 0, False
        return Kind.PARAGRAPH, 0, False

    def _is_outside(self) -> bool:
        return self._asides > 0 or (self._main is not None and self._in_main == 0)

    def _image(self, element: HtmlElement) -> None:
        source = element.get("src") or element.get("data-src")
        address = web_address(source, self._base)
        if address is None or _is_ornament(element, address):
            return
        alt = one_line(element.get("alt") or "")
        block = Block(Kind.IMAGE, alt, "", aside=self._is_outside(), link=address)
        self._blocks.append(block)

    def _table(self, element: HtmlElement) -> None:
        rows = [
            " | ".join(one_line(str(cell.text_content())) for cell in row.iter("td", "th"))
            for row in element.iter("tr")
        ]
        markup = etree.tostring(element, encoding="unicode", method="html", with_tail=False)
        text = "\n".join(row for row in rows if row.strip(" |"))
        self._blocks.append(Block(Kind.TABLE, text, markup, aside=self._is_outside()))


def _main_element(root: HtmlElement) -> HtmlElement | None:
    """Return the one <article> or <main> that holds most of the page's text, if there is one."""
    for tag in ("article", "main"):
        found = list(root.iter(tag))
        if len(found) == 1:
            inside = sum(len(str(text)) for text in found[0].itertext())
            body = root.find("body")
            around = sum(len(str(text)) for text in (root if body is None else body).itertext())
            return found[0] if inside * 2 > around else None
    return None


def _is_aside(element: HtmlElement) -> bool:
    if element.tag in {"aside", "footer"}:
        return True
    if element.tag in {"body", "html", "article", "main"}:
        return False
    return bool(_ASIDE_NAMES.search(f"{element.get('class') or ''} {element.get('id') or ''}"))


def _is_ornament(element: HtmlElement, address: str) -> bool:
    """Tell a tracker, an icon or a logo from a photo, by its size and its name.

    No photo is a GIF; the small drawings of older pages are.
    """
    sizes = [element.get(name) or "" for name in ("width", "height")]
    if any(size.strip().removesuffix("px").isdigit() and _size(size) < 100 for size in sizes):  # noqa: PLR2004 - pixels; no photo is smaller
        return True
    return bool(
        re.search(
            r"logo|icon|sprite|pixel|spacer|banner|button|avatar|\.gif(?:$|[?#])",
            address,
            re.IGNORECASE,
        )
    )


def _size(text: str) -> int:
    return int(text.strip().removesuffix("px")[:6])


def _outer_tables(root: HtmlElement) -> set[HtmlElement]:
    """Return the tables that hold others, and so lay out the page; each is climbed to once."""
    outer: set[HtmlElement] = set()
    for table in root.iter("table"):
        for around in table.iterancestors("table"):
            if around in outer:
                break
            outer.add(around)
    return outer


def _is_data(table: HtmlElement) -> bool:
    """Tell a table of values, with none inside it, from one that lays out the page."""
    rows = [list(row.iter("td", "th")) for row in table.iter("tr")]
    if len(rows) < 2 or len({len(row) for row in rows}) > 2 or max(map(len, rows)) < 2:  # noqa: PLR2004 - two by two is the least
        return False
    texts = [str(cell.text_content()).strip() for row in rows for cell in row]
    if (
        any(len(text) > _LONGEST_CELL for text in texts)
        or next(table.iter("img"), None) is not None
    ):
        return False
    return next(table.iter("th"), None) is not None or all(texts)


def _link(href: str | None, base: str | None) -> str | None:
    if href and href.strip().lower().startswith("mailto:"):
        return href.strip()
    return web_address(href, base)
