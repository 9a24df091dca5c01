"""A picture of what came back by day, as SVG: bars of four parts, readable on light and dark. Pure.

No style stands in it but attributes: the pages' policy allows nothing else.
"""

from collections.abc import Sequence
from math import ceil, log10

from alerts.delivery.returned import Returned
from alerts.delivery.returned_counts import Line

_WIDTH, _HEIGHT = 720, 200
_LEFT, _TOP, _BOTTOM = 44, 12, 26
# Of the same lightness on paper and on ink; each part stands in a fixed place as well.
_COLOURS = {
    Returned.HARD: "#c0563f",
    Returned.SOFT: "#b58b2a",
    Returned.POLICY: "#5b7fb8",
    Returned.COMPLAINT: "#9464a8",
}
_INK = "#8a8378"


def chart(days: Sequence[Line]) -> str:
    """Return the picture; the days in their order, each with its name `2026-11-30`."""
    top = _round_up(max((line.total for line in days), default=0))
    plot = _HEIGHT - _TOP - _BOTTOM
    step = (_WIDTH - _LEFT) / max(1, len(days))
    bars = "".join(
        _bar(line, _LEFT + number * step, step, plot / top) for number, line in enumerate(days)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="12"'
        f' fill="{_INK}">{_scale(top, plot)}{bars}{_dates(days, step)}</svg>'
    )


def _bar(line: Line, x: float, step: float, unit: float) -> str:
    parts, below = [], float(_HEIGHT - _BOTTOM)
    width = max(1.0, step * 0.72)
    for kind, colour in _COLOURS.items():
        height = line.of(kind) * unit
        if height:
            below -= height
            parts.append(
                f'<rect x="{x + (step - width) / 2:.1f}" y="{below:.1f}" width="{width:.1f}"'
                f' height="{height:.1f}" fill="{colour}"/>'
            )
    return "".join(parts)


def _scale(top: int, plot: int) -> str:
    lines = []
    for value in sorted({0, top // 2, top}):
        y = _HEIGHT - _BOTTOM - value * plot / top
        lines.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_INK}"'
            f' stroke-opacity="0.35"/><text x="{_LEFT - 6}" y="{y + 4:.1f}"'
            f' text-anchor="end">{value}</text>'
        )
    return "".join(lines)


def _dates(days: Sequence[Line], step: float) -> str:
    if not days:
        return ""
    shown = sorted({0, len(days) // 2, len(days) - 1})
    anchors = ("start", "middle", "end")
    return "".join(
        f'<text x="{_LEFT + (number + 0.5) * step:.1f}" y="{_HEIGHT - 8}"'
        f' text-anchor="{anchors[min(place, 2)] if len(shown) > 1 else "middle"}">'
        f"{days[number].name[5:]}</text>"
        for place, number in enumerate(shown)
    )


def _round_up(count: int) -> int:
    """Return the end of the scale: the count, rounded up to an even number of two digits."""
    if count <= 4:  # noqa: PLR2004 - a scale of 0, 2, 4
        return 4
    unit: int = 10 ** max(0, int(log10(count)) - 1) * 2
    return ceil(count / unit) * unit
