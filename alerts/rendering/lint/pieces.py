"""The pieces as the desk has them: photos, addresses, and whether readers had them already."""

from collections.abc import Iterator
from html import escape

from alerts.newsletters.content import IssueContent, ItemContent, PhotoContent
from alerts.rendering.bodies import first_of, read_body
from alerts.rendering.hygiene import web_address
from alerts.rendering.lint.findings import Finding, error, shown, warning
from alerts.rendering.lint.known import Known


def check_pieces(content: IssueContent, known: Known, html: str) -> Iterator[Finding]:
    """Yield what each piece lacks, and those that an issue of this newsletter held before.

    Photos that the mail does not show ask for nothing.
    """
    if not content.items:
        yield error(
            "no-pieces",
            "the issue holds no piece, and goes to nobody",
            "put an article into it",
            about="the whole issue",
        )
    yield from _ending_nowhere(content)
    keys = set(content.item_keys)
    for item in content.items:
        whole, is_part, _ = item.key.partition(".")
        if is_part and whole in keys:
            yield warning(
                "piece-twice",
                f"{shown(item.title)} stands in the issue twice: by itself, and in its roundup",
                "take out the roundup, or this piece of it",
                about=item.key,
                content=whole,
            )
        if item.photo is not None and _shows(html, item.photo):
            yield from _photo(item, item.photo)
        if item.url is not None and web_address(item.url) is None:
            yield warning(
                "link-address",
                f"the address of {shown(item.title)} is no web address and is left out",
                "correct the article's address",
                about=item.key,
                content=item.url,
            )
        if item.key in known.sent_before:
            yield warning(
                "sent-before",
                f"{shown(item.title)} stood already in {known.sent_before[item.key]}",
                "take it out, unless readers are to get it again",
                about=item.key,
                content=known.sent_before[item.key],
            )


def _ending_nowhere(content: IssueContent) -> Iterator[Finding]:
    """Yield essays that end earlier in this issue, and have no address where they go on."""
    essays = (item for one in content.sections if one.kind == "essay" for item in one.items)
    for item in essays:
        if item.paragraphs is None or web_address(item.url) is not None:
            continue
        body = read_body(item.body_html, item.body_text, heading_level=4)
        if first_of(body, item.paragraphs).cut:
            yield warning(
                "no-way-on",
                f"{shown(item.title)} ends before its text does, and stands nowhere on the web",
                "give the article its address, or show the whole text",
                about=item.key,
                content=str(item.paragraphs),
            )


def _shows(html: str, photo: PhotoContent) -> bool:
    # One that has no address is left out by every template, and the editor may not know it.
    return web_address(photo.url) is None or escape(photo.url) in html or photo.url in html


def _photo(item: ItemContent, photo: PhotoContent) -> Iterator[Finding]:
    if not photo.alt or photo.alt == f"Photo for “{item.title}”":
        yield warning(
            "photo-alt",
            f"the photo of {shown(item.title)} is not described; its title is shown instead",
            "describe in a sentence what is to be seen",
            about=item.key,
            content=photo.url,
        )
    if not photo.credit:
        yield warning(
            "no-credit",
            f"the photo of {shown(item.title)} names no source",
            "add the credit to the article",
            about=item.key,
            content=photo.url,
        )
    if web_address(photo.url) is None:
        yield warning(
            "photo-address",
            f"the photo of {shown(item.title)} has no address on the web and is left out",
            "give it an http or https address",
            about=item.key,
            content=photo.url,
        )
