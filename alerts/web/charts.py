"""Charts as small SVG images, drawn here: what they show stands beside them as a table. Pure.

A chart comes in two widths, since text in an image shrinks with it. Colours follow the reader's
light or dark scheme; every part is told apart by its words, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDE, NARROW = 640, 330
_LINE = 26
_BAR = 14
_LEGEND = 24
_FEW_LABELS = 6

_LIGHT = {
    "ink": "#2f2b26",
    "quiet": "#655d51",
    "rule": "#d8cfbf",
    "sent": "#3f7d4a",
    "deferred": "#a87f1f",
    "hard": "#9a2a1c",
    "soft": "#c4604f",
    "policy": "#6b3fa0",
    "failed": "#655d51",
    "uncertain": "#8a8071",
    "plain": "#46627f",
}
_DARK = {
    "ink": "#dcd5c8",
    "quiet": "#aca394",
    "rule": "#3d3831",
    "sent": "#7fbf8a",
    "deferred": "#d9b457",
    "hard": "#f29a88",
    "soft": "#e07563",
    "policy": "#b99be0",
    "failed": "#aca394",
    "uncertain": "#8a8071",
    "plain": "#9db8d4",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a chart: its label, and the parts that make its length, by their colour."""

    label: str
    parts: Mapping[str, int]

    @property
    def total(self) -> int:
        """The sum of its parts."""
        return sum(self.parts.values())


def bars(rows: Sequence[Row], *, words: Mapping[str, str], narrow: bool, shares: bool) -> str:
    """Return lying bars, a row a line; with `shares` each fills the width, else by its total.

    `words` name the parts in the order of the legend; without several there is no legend.
    """
    width = NARROW if narrow else WIDE
    left, right = (104, 52) if narrow else (150, 80)
    room = width - left - right
    most = max((row.total for row in rows), default=0) or 1
    lines, y = _legend(words, width), 0
    y = lines.height
    for row in rows:
        scale = room / ((row.total or 1) if shares else most)
        lines.add(_text(0, y + 12, row.label, "ink"))
        x = float(left)
        for part in words:
            length = row.parts.get(part, 0) * scale
            if length > 0:
                lines.add(_rect(x, y + 1, max(length, 1.5), _BAR, part))
                x += length
        lines.add(_text(width, y + 12, f"{row.total:,}", "quiet", anchor="end"))
        y += _LINE
    return lines.svg(width, max(y, _LINE))


def columns(rows: Sequence[Row], *, words: Mapping[str, str], narrow: bool) -> str:
    """Return standing columns, a row a column; a few of the labels stand below."""
    width, height = (NARROW, 150) if narrow else (WIDE, 180)
    lines = _legend(words, width)
    top, bottom = lines.height + 14, lines.height + height
    most = max((row.total for row in rows), default=0)
    step = width / max(len(rows), 1)
    lines.add(_text(0, top - 2, f"{most:,}", "quiet"))
    lines.add(_rect(0, bottom, width, 1, "rule"))
    every = max(1, -(-len(rows) // (_FEW_LABELS // 2 if narrow else _FEW_LABELS)))
    for number, row in enumerate(rows):
        y = float(bottom)
        for part in words:
            size = row.parts.get(part, 0) / (most or 1) * (bottom - top)
            if size > 0:
                y -= max(size, 1.0)
                lines.add(_rect(number * step + 1, y, max(step - 2, 1), max(size, 1.0), part))
        if number % every == 0:
            lines.add(_text(number * step, bottom + 16, row.label, "quiet"))
    return lines.svg(width, bottom + 24)


class _Lines:
    def __init__(self) -> None:
        self._lines: list[str] = []
        self.height = 0

    def add(self, line: str) -> None:
        self._lines.append(line)

    def svg(self, width: int, height: float) -> str:
        body = "".join(self._lines)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}"'
            f' width="{width}" height="{height:g}"><style>{_style()}</style>{body}</svg>'
        )


def _legend(words: Mapping[str, str], width: int) -> _Lines:
    lines = _Lines()
    if len(words) > 1:
        x, y = 0, 12
        for part, word in words.items():
            needed = 30 + 7 * len(word)
            if x + needed > width:
                x, y = 0, y + 20
            lines.add(_rect(x, y - 10, 11, 11, part))
            lines.add(_text(x + 16, y, word, "ink"))
            x += needed
        lines.height = y - 12 + _LEGEND
    return lines


def _rect(x: float, y: float, width: float, height: float, name: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="{name}"/>'
    )


def _text(x: float, y: float, words: str, name: str, *, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{name}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def _style() -> str:
    font = "text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}"
    return f"{font}{_fills(_LIGHT)}@media(prefers-color-scheme:dark){{{_fills(_DARK)}}}"


def _fills(colours: Mapping[str, str]) -> str:
    return "".join(f".{name}{{fill:{colour}}}" for name, colour in colours.items())
