"""All the words that stand in an issue, each with where it stands, whatever is in a section."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import html as lxml_html
from lxml.etree import LxmlError

from alerts.newsletters.content import IssueContent
from alerts.rendering.bodies import first_of, read_body
from alerts.rendering.lint.findings import shown

_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Text:
    """Words and their place, `the title of “…”`; `is_body` for an article's own text."""

    place: str
    words: str
    is_body: bool = False


def texts_of(content: IssueContent) -> Iterator[Text]:
    """Yield the preheader, what editors wrote, and of each piece all its words.

    Of an essay that an editor ended earlier, what no reader is shown is left out.
    """
    yield Text("the preheader", content.preheader)
    yield Text("the editors’ note", words_of(content.editors_note))
    document = content.to_json()
    for section in document["sections"]:
        yield Text("a section’s title", section["title"])
        for number, text in enumerate(section.get("texts", ()), start=1):
            place = f"text {number} of the section {shown(section['title'] or section['key'])}"
            yield Text(place, words_of(text.get("body_html", "")))
        for item in section["items"]:
            yield from _of_item(item, section["kind"])


def _of_item(item: dict[str, Any], kind: str) -> Iterator[Text]:
    named = shown(item["title"])
    yield Text(f"the title of {named}", item["title"])
    yield Text(f"the standfirst of {named}", item["standfirst"])
    yield Text(f"the authors of {named}", "; ".join((*item["authors"], *item["author_notes"])))
    if item["photo"]:
        photo = item["photo"]
        yield Text(f"the description of the photo of {named}", photo["alt"] or "")
        yield Text(f"the credit of the photo of {named}", photo["credit"] or "")
    yield Text(f"the text of {named}", _body(item, kind), is_body=True)


def _body(item: dict[str, Any], kind: str) -> str:
    shown_in_part = item.get("paragraphs") if kind == "essay" else None
    if shown_in_part is None:
        return item["body_text"] or words_of(item["body_html"])
    body = first_of(read_body(item["body_html"], item["body_text"], heading_level=4), shown_in_part)
    return "\n\n".join(line for block in body.blocks for line in block.lines)


def words_of(markup: str) -> str:
    """Return the words of some HTML; a text without markup is its own words."""
    if "<" not in markup:
        return markup
    try:
        tree = lxml_html.fragment_fromstring(markup, create_parent="div")
    except (LxmlError, ValueError):
        return _TAG.sub(" ", markup)
    return " ".join(tree.itertext())
