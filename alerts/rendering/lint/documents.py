"""The mail as a document: its language, and words beside pictures."""

from collections.abc import Iterator

from lxml.html import HtmlElement

from alerts.rendering.lint.css import declarations
from alerts.rendering.lint.findings import Finding, warning

# A mail of fewer characters than this, with a picture, says what it says in the picture.
_FEW_WORDS = 300


def check_document(tree: HtmlElement) -> Iterator[Finding]:
    """Yield what is missing in the document as a whole."""
    if not (tree.get("lang") or "").strip():
        yield warning(
            "no-lang",
            "the HTML does not say its language, so screen readers have to guess it",
            'write lang="en", or what it is, on the html element of the template',
            about="html",
        )
    length = len(" ".join(visible_text(tree).split()))
    images = list(tree.iter("img"))
    if images and length < _FEW_WORDS:
        yield warning(
            "all-image",
            f"there are {len(images)} pictures and only {length} characters of text: with pictures"
            " off the mail is empty, and filters take it for advertising",
            "write in words what the picture says",
            about="html",
            content=" ".join(image.get("src", "") for image in images),
        )


def visible_text(element: HtmlElement) -> str:
    """Return the words a reader sees, without what is hidden for inboxes."""
    if not isinstance(element.tag, str) or element.tag in {"head", "style", "script"}:
        return ""
    if declarations(element.get("style", "")).get("display") == "none":
        return ""
    words = [element.text or ""]
    for child in element:
        words += [visible_text(child), child.tail or ""]
    return "".join(words)
