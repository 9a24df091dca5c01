"""Growth as a picture: drawn on the server, without a script, in the desk's own colours. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import leather

from alerts.web.desk.subscribers.growth_words import Growth

# Text in a picture shrinks with it: a phone gets a narrower one.
_WIDE, _NARROW = (900, 380), (420, 360)
_MOST_LABELS, _MOST_TICKS = 8, 5


@dataclass(frozen=True, slots=True)
class _Kind:
    """A line of the picture, told apart by its dashes too; its colours in light and in dark."""

    field: str
    words: str
    light: str
    dark: str
    dashes: str = "none"


_KINDS = (
    _Kind("signed_up", "signed up", "#46627f", "#9db8d4"),
    _Kind("confirmed", "confirmed", "#2f5d34", "#9fcf9f", "10,3"),
    _Kind("departed", "departed", "#9a2a1c", "#f29a88", "3,3"),
    _Kind("bounced", "bounced", "#7a5a10", "#d9b457", "2,6"),
)
# A picture keeps no company with the page's style sheet: it is told of the dark by itself.
_DARK = "".join(
    f'path[stroke="{kind.light}"]{{stroke:{kind.dark}}}[fill="{kind.light}"]{{fill:{kind.dark}}}'
    for kind in _KINDS
)
_STYLE = (
    "<style>text{fill:#655d51;font-family:system-ui,sans-serif}line{stroke:#d8cfbf}"
    "@media(prefers-color-scheme:dark){text{fill:#aca394}line{stroke:#3d3831}" + _DARK + "}"
    "</style>"
)
# What a picture may do when it is opened by itself: show, with the styles it carries.
CHART_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def growth_chart(rows: Sequence[Growth], *, narrow: bool = False) -> str:
    """Return an SVG with a line for each thing that happens to a newsletter."""
    width, height = _NARROW if narrow else _WIDE
    chart = leather.Chart()
    for kind in _KINDS:
        values = [(number, getattr(row, kind.field)) for number, row in enumerate(rows)]
        # One point alone makes no line.
        values = values if len(values) > 1 else [*values, (1, values[0][1])]
        chart.add_line(
            values,
            name=kind.words,
            stroke_color=kind.light,
            width=2.5,
            stroke_dasharray=kind.dashes,
        )
    most = max((getattr(row, kind.field) for row in rows for kind in _KINDS), default=0)
    ticks = _ticks(most)
    chart.add_y_scale(0, ticks[-1])
    chart.add_y_axis(ticks=ticks, tick_formatter=lambda value, _, __: f"{value:,}")
    every = -(-len(rows) // (_MOST_LABELS // 2 if narrow else _MOST_LABELS))
    chart.add_x_axis(
        ticks=list(range(0, len(rows), every)),
        tick_formatter=lambda value, _, __: f"{rows[value].day:%-d %b}",
    )
    svg = str(chart.to_svg(width=width, height=height))
    head, mark, rest = svg.partition(">")
    # The ground is the page's own.
    rest = rest.replace(f'fill="{leather.theme.background_color}"', 'fill="none"', 1)
    return f'{head} viewBox="0 0 {width} {height}"{mark}{_STYLE}{rest}'


def _ticks(most: int) -> list[int]:
    """Return round numbers from nothing to the most, a few of them."""
    steps = (base * 10**power for power in count() for base in (1, 2, 5))
    step = next(one for one in steps if one * _MOST_TICKS >= max(most, 1))
    return list(range(0, max(most, 1) + step, step))
