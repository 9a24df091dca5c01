"""The pictures of a mail as its HTML has them."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from alerts.rendering.lint.css import declarations
from alerts.rendering.lint.findings import Finding, error, note, warning
from alerts.rendering.lint.known import Known, LinkVerdict

# On a phone in the country this is some ten seconds, in bytes.
_HEAVY = 1_000_000
_ODD_FORMATS = {
    "svg": "Gmail and Outlook show no SVG",
    "webp": "Outlook on Windows shows no WebP",
    "avif": "many mail programs show no AVIF",
    "tiff": "most mail programs show no TIFF",
    "heic": "most mail programs show no HEIC",
}
_KIND = re.compile(r"\.([a-z]{3,4})$")


def check_images(tree: HtmlElement, known: Known) -> Iterator[Finding]:
    """Yield what is wrong with each picture."""
    for image in tree.iter("img"):
        source = image.get("src", "")
        if not (image.get("alt") or "").strip():
            yield error(
                "no-alt",
                f"the image {source[:200]} has no alternative text",
                "describe in a sentence what is to be seen",
                about=source,
            )
        if not image.get("width") and "width" not in declarations(image.get("style", "")):
            yield warning(
                "image-no-width",
                f"the image {source[:200]} has no width, and Outlook shows it as large as it is",
                "write its width in pixels on the img element of the template",
                about=source,
            )
        yield from _source(source, known)


def _source(source: str, known: Known) -> Iterator[Finding]:
    if source.startswith("data:"):
        yield warning(
            "image-inside",
            "an image stands in the HTML itself (data:); Gmail does not show it",
            "put the image on the web and link to it",
            about=source[:200],
        )
        return
    kind = _KIND.search(urlsplit(source).path.lower()) if "://" in source else None
    if kind and kind[1] in _ODD_FORMATS:
        yield warning(
            "image-format",
            f"the image {source} may not be seen: {_ODD_FORMATS[kind[1]]}",
            "use a JPEG or a PNG",
            about=source,
        )
    state = known.links.get(source)
    if state is None:
        return
    if state.verdict in {LinkVerdict.DEAD, LinkVerdict.FAILING}:
        yield warning(
            "image-dead",
            f"the image {source} could not be had: {state.words}",
            "put it back, or take the photo out of the piece",
            about=source,
            content=state.words,
        )
    elif state.size is not None and state.size > _HEAVY:
        yield warning(
            "image-heavy",
            f"the image {source} has {state.size / 1_000_000:.1f} MB; phones take long to show it",
            "save it at 1280 pixels of width, at some 200 KB",
            about=source,
            content=str(state.size),
        )
    elif state.verdict is LinkVerdict.CLOSED:
        yield note(
            "image-unclear",
            f"the image {source} could not be checked: {state.words}",
            "look at the mail with pictures on",
            about=source,
            content=state.words,
        )
