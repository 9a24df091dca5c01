"""Charts as pictures: drawn on the server, without a script, in the desk's own colours."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import leather

# Beyond so many bars nobody tells one from the next: they stand for longer spans then.
_MOST_BARS = 60
_SPANS = (1, 5, 15, 60, 180, 720, 1_440)
_MOST_LABELS, _MOST_TICKS = 10, 5
# One bar alone would fill the picture.
_FEWEST_BARS = 12
_WIDTH, _HEIGHT, _LINE = 900, 260, 34
# A picture keeps no company with the page's style sheet: it is told of the dark by itself.
_COLOURS = """<style>
text { fill: #655d51; font-family: system-ui, sans-serif; }
line { stroke: #d8cfbf; }
.series rect { fill: #9a2a1c; }
@media (prefers-color-scheme: dark) {
  text { fill: #aca394; }
  line { stroke: #3d3831; }
  .series rect { fill: #f29a88; }
}
</style>"""
# What a picture may do when it is opened by itself: show, with the styles it carries.
CHART_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

# Of the width: room for half a label beyond the last tick. The library has one setting for all.
leather.theme.margin = 0.025

Bar = tuple[str, int]


def over_time(minutes: Sequence[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    """Return counts by the minute, gaps and all, in spans so long that they can be told apart."""
    if not minutes:
        return []
    first, last = minutes[0][0], minutes[-1][0]
    length = (last - first) / timedelta(minutes=1) + 1
    span = next((one for one in _SPANS if length / one <= _MOST_BARS), _SPANS[-1])
    step = timedelta(minutes=span)
    sums = [0] * (int(length // span) + 1)
    for minute, count in minutes:
        sums[int((minute - first) / step)] += count
    while sums and not sums[-1]:
        sums.pop()
    return [(first + number * step, count) for number, count in enumerate(sums)]


def bars(values: Sequence[Bar]) -> str:
    """Return an SVG of upright bars, some of them with their labels."""
    every = -(-len(values) // _MOST_LABELS)
    padding = [("", 0)] * (_FEWEST_BARS - len(values)) if values else []

    def label(_: object, index: int, __: int) -> str:
        return values[index][0] if index < len(values) and index % every == 0 else ""

    chart = leather.Chart()
    if values:
        chart.add_x_axis(tick_formatter=label)
        chart.add_columns(
            [(str(index), count) for index, (_, count) in enumerate([*values, *padding])]
        )
        _whole_numbers(chart.add_y_axis, values)
    return _drawn(chart, values, _HEIGHT, without="bottom")


def lying_bars(values: Sequence[Bar]) -> str:
    """Return an SVG of bars that lie, the first at the top."""
    chart = leather.Chart()
    if values:
        chart.add_bars([(count, name) for name, count in values])
        _whole_numbers(chart.add_x_axis, values)
    return _drawn(chart, values, lying_height(len(values)), without="left")


def lying_height(count: int) -> int:
    """Return how high a picture of so many lying bars is, in pixels."""
    return 70 + _LINE * max(1, count)


def _round_numbers() -> Iterator[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def _whole_numbers(add_axis: Callable[..., None], values: Sequence[Bar]) -> None:
    """Have an axis count from nothing, by whole readers."""
    most = max(count for _, count in values)
    step = next(one for one in _round_numbers() if one * _MOST_TICKS >= most)
    ticks = list(range(0, most + step, step))
    add_axis(ticks=ticks, tick_formatter=lambda value, _, __: f"{value:,}")


def _drawn(chart: leather.Chart, values: Sequence[Bar], height: int, *, without: str) -> str:
    """Draw a chart `without` the lines of one axis, along which its bars stand anyhow."""
    if not values:
        return (
            f'<svg width="{_WIDTH}" height="{height}" xmlns="http://www.w3.org/2000/svg">{_COLOURS}'
            '<text x="20" y="40" font-size="16">Nothing yet</text></svg>'
        )
    svg = str(chart.to_svg(width=_WIDTH, height=height))
    head, mark, rest = svg.partition(">")
    # The ground is the page's own.
    rest = rest.replace(f'fill="{leather.theme.background_color}"', 'fill="none"', 1)
    style = _COLOURS.replace("</style>", f".{without} line {{ stroke: none; }}</style>")
    return f'{head} viewBox="0 0 {_WIDTH} {height}"{mark}{style}{rest}'
