"""Style sheets moved onto the elements, because many mail programs read nothing else."""

import logging
from collections.abc import Sequence


def inline_styles(html: str, style_sheets: Sequence[str]) -> str:
    """Return the document with the sheets' rules as `style` attributes, by premailer.

    Nothing is fetched: sheets come as text, and a `<link>` stays what it is. The `<style>`
    elements that carry `data-premailer="ignore"` (dark mode, narrow screens) stay in the head.
    """
    # Imported here: it takes a quarter of a second, and most commands render nothing.
    from premailer import Premailer

    premailer = Premailer(
        css_text=list(style_sheets),
        allow_network=False,
        disable_link_rewrites=True,
        disable_leftover_css=True,
        disable_validation=True,
        align_floating_images=False,
        remove_classes=False,
        disable_basic_attributes=["width", "height"],
        cssutils_logging_level=logging.CRITICAL,
    )
    return str(premailer.transform(html, pretty_print=False))
