"""Whether a page is one article or a roundup, and whose the first title is. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from html import escape

from alerts.articles.reading.blocks import Block, paragraph
from alerts.articles.reading.growing import DatedStart, dated_title, find_dated
from alerts.articles.reading.layout import Layout
from alerts.articles.reading.names import Byline, folded, read_byline
from alerts.articles.reading.pieces import LEAST_PIECES, Start, opens_like_a_piece, without_focus
from alerts.articles.reading.titles import printed_label


def settle_starts(layout: Layout, starts: list[Start]) -> list[Start]:
    """Return where the pieces of a roundup begin; none where the page is one article.

    Title and byline of the layout are put right: what stands above the text may be the page's
    own, or the first piece's.
    """
    if _title_is_a_pieces(layout, starts):
        return _with_first_piece(layout, starts)
    if len(starts) >= LEAST_PIECES or any(start.in_focus for start in starts):
        return starts
    signed = bool(layout.byline.names)
    if starts and starts[0].at == 0 and not signed and not starts[0].byline.is_empty:
        # A second line below the title, then the byline: all of it is the page's own.
        layout.byline = Byline(starts[0].byline.names, layout.byline.team or starts[0].byline.team)
        layout.body = [layout.body[0], *layout.body[starts[0].text_at :]]
    return []


def settle_dated(layout: Layout, published_on: date | None) -> list[DatedStart]:
    """Return where the dated blocks of a page that grows begin; none where it does not.

    A running alert may print the newest block's heading as its title: the page itself is then
    called by its series, which stays the same from day to day.
    """
    starts = find_dated(layout.body, published_on)
    first = dated_title(layout.title or "", published_on)
    if first is None or not layout.header.series:
        return starts
    layout.title = _label(layout)
    return [first, *starts]


def _title_is_a_pieces(layout: Layout, starts: Sequence[Start]) -> bool:
    """Tell whether the title above the text is the first piece's: the page prints none."""
    if not starts or not layout.title:
        return False
    if not any(block.is_prose for block in layout.body[: starts[0].at]):
        return False
    if layout.in_focus or opens_like_a_piece(layout.body):
        return True
    names = {folded(name) for name in layout.byline.names}
    if not names or not layout.header.volume:
        return False
    # The names of all who wrote may stand below a page's own title.
    others = {folded(name) for start in starts for name in start.byline.names}
    return len(starts) == 1 or not names & others


def _with_first_piece(layout: Layout, starts: Sequence[Start]) -> list[Start]:
    """Give title and byline to the first piece, and to the text, where those of the others are."""
    title, _ = without_focus(layout.title or "")
    byline = Byline(layout.byline.names)
    signed = [line for line in layout.printed_head if _names_in(line) == byline.names][:1]
    lines = [_like_title(layout, starts[0], title)]
    lines += [paragraph(line) for line in signed if byline.names]
    layout.body = [*lines, *layout.body]
    layout.title = _label(layout)
    layout.byline = Byline((), layout.byline.team)
    moved = [
        replace(start, at=start.at + len(lines), text_at=start.text_at + len(lines))
        for start in starts
    ]
    return [Start(0, len(lines), title, byline, in_focus=layout.in_focus), *moved]


def _names_in(line: str) -> tuple[str, ...]:
    byline = read_byline(line)
    return byline.names if byline else ()


def _like_title(layout: Layout, start: Start, title: str) -> Block:
    """Return a title as a block of the same kind as another piece's."""
    at = start.text_at - (1 if start.byline.is_empty else 2)
    return replace(layout.body[at], text=title, html=escape(title, quote=False), link=None)


def _label(layout: Layout) -> str:
    """Return what to call a page without a title: its series, with the number in it."""
    label = printed_label(layout.printed_head)
    series, number = layout.header.series, layout.header.number
    if label and label != series:
        # `Africa This Week`, which counts as a number of another series.
        return label
    known = series or layout.title or ""
    return f"{known} # {number}" if number else known
