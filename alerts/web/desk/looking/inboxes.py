"""The line of a mail in an inbox: who, subject, and the first words, each as far as it shows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parseaddr

from lxml import html as lxml_html
from lxml.html import HtmlElement

_SKIPPED = frozenset({"head", "style", "script", "title"})
_BLOCKS = frozenset({"p", "div", "table", "tr", "td", "h1", "h2", "h3", "h4", "br", "li"})
_SPACES = re.compile(r"[ \t\r\n\f]+")
# What takes no room: joiners, and the combining mark that pads preheaders.
_INVISIBLE = frozenset("\u034f\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad")
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Inbox:
    """A mail program's list of mails: so many characters of subject and of the words after it."""

    name: str
    subject: int
    words: int
    stacked: bool = False


# Measured in usual windows, in letters of usual width; what a program shows varies by a few.
INBOXES = (
    Inbox("Gmail on a desk", 100, 60),
    Inbox("Outlook on a desk", 55, 50, stacked=True),
    Inbox("Mail on an iPhone", 41, 85, stacked=True),
    Inbox("Gmail on a phone", 38, 40, stacked=True),
)


@dataclass(frozen=True, slots=True)
class InboxLine:
    """A mail as one inbox lists it; `is_cut` tells that the subject does not fit."""

    inbox: Inbox
    sender: str
    subject: str
    words: str
    is_cut: bool


def inbox_lines(*, sender: str, subject: str, html: str, text: str) -> list[InboxLine]:
    """Return the line of a mail in each inbox."""
    name, address = parseaddr(sender)
    words = first_words(html) if html else " ".join(text.split())[:_LONGEST]
    return [
        InboxLine(
            inbox,
            name or address,
            cut(subject, inbox.subject),
            cut(words, _room(inbox, subject)),
            len(subject) > inbox.subject,
        )
        for inbox in INBOXES
    ]


def first_words(html: str) -> str:
    """Return the words a mail begins with, which inboxes show after the subject."""
    body = lxml_html.document_fromstring(html).find("body")
    if body is None:
        return ""
    found, length = list[str](), 0
    for text in _texts(body):
        found.append(text)
        length += len(text)
        if length > _LONGEST:
            break
    words = "".join(c for c in "".join(found) if c not in _INVISIBLE)
    # Spaces that do not break are kept: with them a template keeps what follows out of sight.
    return _SPACES.sub(" ", words).strip(" ")[:_LONGEST]


def cut(text: str, length: int) -> str:
    """Return the text as a list shows it that has room for so many characters."""
    head = text[: length - 1]
    if len(text) <= length or not head[-2:].strip():
        return text[:length].rstrip()
    return head.rstrip() + "…"


def _room(inbox: Inbox, subject: str) -> int:
    # On one line what the subject leaves belongs to the words; below it they have their own.
    spare = 0 if inbox.stacked else max(0, inbox.subject - len(subject))
    return inbox.words + spare


def _texts(element: HtmlElement) -> Iterator[str]:
    if not isinstance(element.tag, str) or element.tag in _SKIPPED:
        return
    if element.text:
        yield element.text
    if element.tag == "img":
        yield f" {element.get('alt', '')} "
    for child in element:
        yield from _texts(child)
        yield " " if _is_block(child) else ""
        if child.tail:
            yield child.tail


def _is_block(element: HtmlElement) -> bool:
    return element.tag in _BLOCKS
