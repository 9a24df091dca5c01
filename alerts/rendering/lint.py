"""What an editor is told before an issue goes out: errors that stop it, warnings that do not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lxml import html as lxml_html
from lxml.html import HtmlElement

from alerts.newsletters.content import IssueContent
from alerts.rendering.hygiene import web_address
from alerts.rendering.service import RenderedEdition
from alerts.rendering.shortening import HTML_LIMIT
from alerts.rendering.slots import Slot

Level = Literal["error", "warning"]

# Gmail's clipping, in bytes.
GMAIL_CLIPS_AT = 102 * 1024
# What most inboxes show of a subject on a desk.
_SUBJECT_LENGTH = 90
_SHORT_TEXT = 200
_LEFTOVERS = re.compile(r"\b(test|lorem ipsum|tbd|xxx)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: `rule` is its stable name, `fix` says what to do about it."""

    level: Level
    rule: str
    message: str
    fix: str


def lint(content: IssueContent, edition: RenderedEdition) -> list[Finding]:
    """Return what is wrong with an issue's content and with what was rendered, errors first."""
    tree = lxml_html.document_fromstring(edition.html)
    findings = [
        *_subject(edition.subject),
        *_size(edition.html),
        *_slots(edition),
        *_plain_text(edition.text),
        *_images(tree),
        *_links(tree),
        *_photos(content),
    ]
    return sorted(dict.fromkeys(findings), key=lambda finding: finding.level)


def _error(rule: str, message: str, fix: str) -> Finding:
    return Finding("error", rule, message, fix)


def _warning(rule: str, message: str, fix: str) -> Finding:
    return Finding("warning", rule, message, fix)


def _subject(subject: str) -> Iterator[Finding]:
    if not subject.strip():
        yield _error("subject-empty", "the issue has no subject", "write a subject line")
    if "\n" in subject or "\r" in subject:
        yield _error(
            "subject-line-break", "the subject has a line break", "write it on a single line"
        )
    if len(subject) > _SUBJECT_LENGTH:
        yield _warning(
            "subject-long",
            f"the subject has {len(subject)} characters and will be cut in most inboxes",
            f"shorten it to {_SUBJECT_LENGTH} characters or fewer",
        )
    leftover = _LEFTOVERS.search(subject)
    if leftover:
        yield _warning(
            "subject-leftover",
            f"the subject holds the word {leftover.group()!r}",
            "take the word out unless it is meant for readers",
        )


def _size(html: str) -> Iterator[Finding]:
    size = len(html.encode())
    if size > GMAIL_CLIPS_AT:
        yield _error(
            "size",
            f"the HTML has {size:,} bytes; Gmail cuts it off after {GMAIL_CLIPS_AT:,}",
            "leave out pieces, or shorten the template",
        )
    elif size > HTML_LIMIT:
        yield _warning(
            "size-near-limit",
            f"the HTML has {size:,} bytes, and long links may take it past Gmail's limit",
            "leave out a piece",
        )


def _slots(edition: RenderedEdition) -> Iterator[Finding]:
    for name, part in (("HTML", edition.html), ("plain text", edition.text)):
        if Slot.UNSUBSCRIBE_URL not in part:
            yield _error(
                "no-unsubscribe",
                f"the {name} has no link to unsubscribe",
                "put slot.UNSUBSCRIBE_URL into the template",
            )
        if Slot.PREFERENCES_URL not in part:
            yield _warning(
                "no-preferences",
                f"the {name} has no link to the reader's preferences",
                "put slot.PREFERENCES_URL into the template",
            )


def _plain_text(text: str) -> Iterator[Finding]:
    if not text.strip():
        yield _error("no-plain-text", "the plain text is empty", "fill the template's body.txt")
    elif len(text) < _SHORT_TEXT:
        yield _warning(
            "short-plain-text",
            f"the plain text has only {len(text)} characters",
            "check the template's body.txt",
        )


def _images(tree: HtmlElement) -> Iterator[Finding]:
    for image in tree.iter("img"):
        if not (image.get("alt") or "").strip():
            yield _error(
                "no-alt",
                f"the image {image.get('src', '')} has no alternative text",
                "describe in a sentence what is to be seen",
            )


def _links(tree: HtmlElement) -> Iterator[Finding]:
    for anchor in tree.iter("a"):
        address = anchor.get("href", "")
        if address.startswith("http://") and not _is_loopback(address):
            yield _warning(
                "link-not-https",
                f"the link {address} is not https",
                "use the https address if the site has one",
            )
        if not address.strip():
            yield _error(
                "link-empty",
                f"the link {anchor.text_content().strip()!r} leads nowhere",
                "give it an address or take it out",
            )


def _is_loopback(address: str) -> bool:
    # The archive of an installation that is only being tried out; its links leave nothing.
    return bool(re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])([:/]|$)", address))


def _photos(content: IssueContent) -> Iterator[Finding]:
    for item in content.items:
        if item.photo is not None and not item.photo.alt:
            yield _warning(
                "photo-alt",
                f"the photo of {item.title!r} is not described; its title is shown instead",
                "describe in a sentence what is to be seen",
            )
        if item.photo is not None and not item.photo.credit:
            yield _warning(
                "no-credit",
                f"the photo of {item.title!r} names no source",
                "add the credit to the article",
            )
        if item.photo is not None and web_address(item.photo.url) is None:
            yield _warning(
                "photo-address",
                f"the photo of {item.title!r} has no address on the web and is left out",
                "give it an http or https address",
            )
        if item.url is not None and web_address(item.url) is None:
            yield _warning(
                "link-address",
                f"the address of {item.title!r} is no web address and is left out",
                "correct the article's address",
            )
