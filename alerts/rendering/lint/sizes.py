"""How large the mail is: Gmail cuts off what is beyond its limit, the link to leave included."""

from collections.abc import Iterator

from alerts.rendering.lint.findings import Finding, error, note, warning
from alerts.rendering.lint.known import Known
from alerts.rendering.service import RenderedEdition
from alerts.rendering.shortening import HTML_LIMIT
from alerts.rendering.slots import Slot

# Gmail's clipping, in bytes.
GMAIL_CLIPS_AT = 102 * 1024
# What a reader's own links have more than the words that stand for them, in bytes.
_LINK_LENGTH = 160


def check_size(edition: RenderedEdition, known: Known) -> Iterator[Finding]:
    """Yield what is too large: the whole issue, or the largest of its stored editions."""
    size = filled_size(edition.html)
    checksum = edition.checksum()
    if size > GMAIL_CLIPS_AT:
        yield error(
            "size",
            f"the HTML has {size:,} bytes; Gmail cuts it off after {GMAIL_CLIPS_AT:,}",
            "leave out pieces, or shorten the template",
            about="the whole issue",
        )
    elif len(edition.html.encode()) > HTML_LIMIT:
        yield warning(
            "size-near-limit",
            f"the HTML has {size:,} bytes, and long links may take it past Gmail's limit",
            "leave out a piece",
            about="the whole issue",
            content=checksum,
        )
    if known.largest is not None and known.largest > GMAIL_CLIPS_AT >= size:
        yield error(
            "size-variant",
            f"the largest edition for a group of readers has {known.largest:,} bytes of HTML;"
            f" Gmail cuts it off after {GMAIL_CLIPS_AT:,}",
            "leave out pieces, or shorten the template",
            about="the largest edition",
        )
    if edition.shortened:
        yield note(
            "shortened",
            "the issue is longer than Gmail shows, so texts are cut, with a link to go on reading",
            "leave out pieces if these are to be read in full",
            about="the whole issue",
            content=checksum,
        )


def filled_size(html: str) -> int:
    """Return how many bytes a mail's HTML has with a reader's own links in it."""
    links = sum(html.count(slot.value) for slot in Slot)
    return len(html.encode()) + links * _LINK_LENGTH
