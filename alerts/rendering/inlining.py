"""Style sheets moved onto the elements, because many mail programs read nothing else."""

import logging
import os
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from typing_extensions import override

if TYPE_CHECKING:
    from premailer import Premailer

# premailer remembers selectors, and the styles that it took apart. Our sheets have more of both
# than the 128 that it keeps unless it is told otherwise before it is imported.
os.environ.setdefault("PREMAILER_CACHE_MAXSIZE", "4096")
# Two sheets for each template; a few more, for templates that are being edited.
_KEPT_SHEETS = 64


def inline_styles(html: str, style_sheets: Sequence[str]) -> str:
    """Return the document with the sheets' rules as `style` attributes, by premailer.

    Nothing is fetched: sheets come as text, and a `<link>` stays what it is. The `<style>`
    elements that carry `data-premailer="ignore"` (dark mode, narrow screens) stay in the head.
    """
    premailer = _premailer()(
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


@cache
def _premailer() -> "type[Premailer]":
    """Return premailer's class, made to read each sheet once and not once for each document."""
    # Imported here: it takes a quarter of a second, and most commands render nothing.
    from premailer import Premailer

    @lru_cache(maxsize=_KEPT_SHEETS)
    def rules_of(sheet: str, index: int) -> tuple[list[Any], list[Any]]:
        reader = Premailer(disable_validation=True, cssutils_logging_level=logging.CRITICAL)
        rules, leftover = reader._parse_style_rules(sheet, index)  # noqa: SLF001 - the only way in
        return rules, leftover

    class ReadsSheetsOnce(Premailer):  # type: ignore[misc] # it ships no types
        """Premailer, but that half its time does not go into the same sheet again."""

        @override
        def _parse_style_rules(
            self, css_body: str, ruleset_index: int
        ) -> tuple[list[Any], list[Any]]:
            rules, leftover = rules_of(css_body, ruleset_index)
            return list(rules), list(leftover)

    return ReadsSheetsOnce
