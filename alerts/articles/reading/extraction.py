"""The text of a page of any make, found by trafilatura and brought into blocks.

trafilatura is given a tree that was parsed and measured here; it fetches nothing. Its own reading
of dates and authors is not used: it guesses where nothing is said.
"""

import logging
from copy import deepcopy

from lxml import etree
from lxml import html as lxml_html
from lxml.html import HtmlElement

from alerts.articles.reading.blocks import Block
from alerts.articles.reading.markup import walk_blocks
from alerts.articles.reading.record import NoArticle

# It reports every page that it finds no text on as an error; here that is an answer.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)

# Its rules climb from elements to what is around them: what is deep costs it seconds.
_DEEPEST = 100
_MOST_ELEMENTS = 12_000
_TAGS = {"item": "li", "quote": "blockquote", "lb": "br", "row": "tr"}
_TAGS |= {name: name for name in ("p", "table", "div", "body", "code")}
_MARKS = {"#b": "b", "#i": "i", "#sub": "sub", "#sup": "sup"}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


def find_text(scope: HtmlElement, *, base: str | None) -> list[Block]:
    """Return the main text below an element, without menus, comments and advertisements.

    Raises NoArticle for a page that is too large a tree to be searched.
    """
    # It takes a quarter of a second to import, which all commands would wait for.
    import trafilatura

    _measure(scope)
    page = lxml_html.document_fromstring("<html><body></body></html>")
    page[0].append(deepcopy(scope))
    try:
        found = trafilatura.bare_extraction(
            page,
            fast=True,
            include_comments=False,
            include_formatting=True,
            include_links=True,
            include_tables=True,
        )
    except (etree.LxmlError, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        raise NoArticle("no article: the page cannot be taken apart") from error
    if not isinstance(found, trafilatura.settings.Document):
        return []
    return walk_blocks(_as_html(found.body), base)


def _measure(scope: HtmlElement) -> None:
    depth = elements = 0
    for event, _ in etree.iterwalk(scope, events=("start", "end")):
        depth += 1 if event == "start" else -1
        elements += event == "start"
        if depth > _DEEPEST:
            raise NoArticle(f"no article: elements are nested more than {_DEEPEST} deep")
        if elements > _MOST_ELEMENTS:
            raise NoArticle(f"no article: more than {_MOST_ELEMENTS:,} elements around the text")


def _as_html(body: etree._Element) -> HtmlElement:
    """Return trafilatura's tree, whose elements are those of TEI, as HTML."""
    for element in body.iter(etree.Element):
        _rename(element)
    etree.strip_elements(body, "del", with_tail=False)
    return lxml_html.document_fromstring(
        etree.tostring(body, encoding="unicode", method="html") or "<body></body>"
    )


def _rename(element: etree._Element) -> None:
    name, rend = str(element.tag), element.get("rend") or ""
    address, head = element.get("target"), element.get("role") == "head"
    element.attrib.clear()
    if name == "head":
        element.tag = rend if rend in _HEADINGS else "h3"
    elif name == "hi":
        element.tag = _MARKS.get(rend, "span")
    elif name == "list":
        element.tag = "ol" if rend == "ol" else "ul"
    elif name == "cell":
        element.tag = "th" if head else "td"
    elif name == "ref":
        element.tag = "a"
        if address:
            element.set("href", address)
    elif name != "del":
        parent = element.getparent()
        inline = name == "quote" and parent is not None and parent.tag in {"p", "li"}
        element.tag = "q" if inline else _TAGS.get(name, "span")
