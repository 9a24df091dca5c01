"""Where at the desk a finding is mended: in the issue's own texts, or in an article. Pure."""

import re
from dataclasses import dataclass
from html import escape

from alerts.newsletters.content import IssueContent, ItemContent
from alerts.rendering.lint import Finding
from alerts.rendering.lint.findings import shown

# What an editor writes for the issue itself.
_OWN_TEXTS = ("subject", "preheader", "the subject", "the preheader", "the editors’ note")
_TEXT = re.compile(r"text \d+ of the section ")
# What is mended by taking a piece out, or putting one in.
_OF_THE_ISSUE = frozenset({"no-pieces", "sent-before", "piece-twice", "no-way-on"})


@dataclass(frozen=True, slots=True)
class Mending:
    """A page of the desk on which something can be mended."""

    path: str
    words: str


def mending_of(finding: Finding, content: IssueContent, issue_id: int) -> Mending | None:
    """Return where a finding is mended; None where that is in a template, or on another site."""
    is_own = (
        finding.about in _OWN_TEXTS
        or _TEXT.match(finding.about) is not None
        or _stands_in_a_text(finding.about, content)
    )
    if is_own or finding.rule in _OF_THE_ISSUE:
        return Mending(f"/desk/issues/{issue_id}/compose", "Compose the issue")
    item = next((item for item in content.items if _is_about(finding, item)), None)
    if item is None:
        return None
    return Mending(f"/desk/articles/{item.key.partition('.')[0]}", f"Article {shown(item.title)}")


def _stands_in_a_text(address: str, content: IssueContent) -> bool:
    """Tell whether editors wrote an address into a text of their own."""
    return any(_links_to(text.body_html, address) for one in content.sections for text in one.texts)


def _links_to(html: str, address: str) -> bool:
    return f'"{escape(address)}"' in html


def _is_about(finding: Finding, item: ItemContent) -> bool:
    addresses = {item.url, item.photo.url if item.photo else None}
    is_own = finding.about == item.key or finding.about in addresses
    if is_own or _links_to(item.body_html, finding.about):
        return True
    # Texts of a piece are named by it: `the title of “…”`.
    return finding.about.startswith("the ") and finding.about.endswith(f" of {shown(item.title)}")
