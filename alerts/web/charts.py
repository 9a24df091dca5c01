"""Charts: drawn on the server by `leather`, as images, in the desk's own colours. Pure.

Every chart of the desk is made here. What it shows stands beside it as a table. It comes in two
widths, since text in an image shrinks with it, and follows the reader's light or dark scheme: an
image keeps no company with the page's style sheet, so it carries its own. Parts are told apart by
their place and their words, lines by their dashes, and not by colour alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import Any
from xml.etree import ElementTree as ET

import leather
from typing_extensions import override

from alerts.web.chart_shapes import LineOf, Part, Span, StackedBars, StackedColumns, legend

_WIDTHS = {False: 720, True: 340}
_PLOTS = {False: 200, True: 170}
_BAR, _AXIS = 34, 42
# One bar alone would fill the picture.
_FEWEST_BARS = 12
_MOST_TICKS = 5
_LETTER = 7
_LONGEST_LABELS = {False: 28, True: 16}

# The library has one set of settings for all; `style` says the colours.
leather.theme.margin = 0.02
leather.theme.tick_font_size = 13
leather.theme.tick_font_char_width = _LETTER


@dataclass(frozen=True, slots=True)
class Row:
    """One place of a chart: its label, and how much of each part there is."""

    label: str
    parts: Mapping[str, int]

    @property
    def total(self) -> int:
        """The sum of its parts."""
        return sum(self.parts.values())


@dataclass(frozen=True)
class Chart(ABC):
    """Rows and the parts they are made of, by name, in the order of the legend."""

    rows: Sequence[Row]
    parts: Mapping[str, Part]
    narrow: bool = False

    @property
    def width(self) -> int:
        """The image's width in pixels, as it is meant to be seen."""
        return _WIDTHS[self.narrow]

    @cached_property
    def height(self) -> int:
        """The image's height in pixels."""
        return self._legend[1] + self._plot

    @property
    def narrowed(self) -> "Chart":
        """The same chart for a phone."""
        return replace(self, narrow=True)

    @property
    def svg(self) -> str:
        """The image."""
        key, top = self._legend
        root = ET.Element(
            "svg",
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {self.width} {self.height}",
            width=str(self.width),
            height=str(self.height),
        )
        ET.SubElement(root, "style").text = self.style
        root.append(key)
        if not self.rows:
            ET.SubElement(root, "text", x="12", y=str(top + 32)).text = "Nothing yet"
            return ET.tostring(root, encoding="unicode")
        # Over several layers the library leaves room for a legend of its own.
        theme = leather.theme
        spare = theme.legend_font_char_height + theme.legend_gap if len(self.parts) > 1 else 0
        drawn = self._drawn().to_svg_group(self.width, self._plot + spare)
        # The ground is the page's own.
        drawn.remove(drawn[0])
        drawn.set("transform", f"translate(0 {top - spare})")
        root.append(drawn)
        return ET.tostring(root, encoding="unicode")

    @property
    def _plot(self) -> int:
        return _PLOTS[self.narrow]

    @cached_property
    def _legend(self) -> tuple[ET.Element, int]:
        parts = list(self.parts.values())
        return legend(parts if len(parts) > 1 else (), width=self.width)

    @abstractmethod
    def _drawn(self) -> Any:  # noqa: ANN401 - leather has no types
        """Return the library's chart."""

    @property
    def style(self) -> str:
        """The styles that the image carries."""
        used = dict.fromkeys(self.parts.values())
        light = "".join(one.style() for one in used)
        dark = "".join(one.style(dark=True) for one in used)
        font = "system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif"
        return (
            f"text{{font:13px {font};fill:#655d51}}line{{stroke:#d8cfbf}}{self._bare}{light}"
            "@media(prefers-color-scheme:dark){text{fill:#aca394}line{stroke:#3d3831}"
            f"{self._bare}{dark}}}"
        )

    @property
    def _bare(self) -> str:
        """Which axis goes without lines, since what is drawn stands along it anyhow."""
        return ".bottom line{stroke:none}"


class Columns(Chart):
    """Standing columns, one a row, of stacked parts; a few of the labels stand below."""

    @override
    def _drawn(self) -> Any:
        chart = leather.Chart()
        places = [str(number) for number in range(max(len(self.rows), _FEWEST_BARS))]
        _stack(chart, [row.parts for row in self.rows], self.parts, StackedColumns)
        ticks = _ticks(max(row.total for row in self.rows))
        chart.set_x_scale(leather.Ordinal(places))
        chart.set_y_scale(Span(ticks))
        chart.add_y_axis(ticks=ticks, tick_formatter=_counted)
        chart.add_x_axis(
            ticks=[places[number] for number in self._labelled(len(places))],
            tick_formatter=lambda place, *_: self.rows[int(place)].label,
        )
        return chart

    def _labelled(self, places: int) -> list[int]:
        """Return the columns whose labels stand below: so many that they do not touch."""
        longest = max(len(row.label) for row in self.rows) * _LETTER + 2 * _LETTER
        step = (self.width - 7 * _LETTER) / places
        every = max(1, -(-longest // max(1, int(step))))
        last = places - longest / 2 / step
        return [0] + [n for n in range(every, len(self.rows), every) if n <= last]


class Bars(Chart):
    """Lying bars, one a row, the first at the top; with `shares` each fills the width."""

    shares = False

    @property
    @override
    def _plot(self) -> int:
        return _AXIS + _BAR * max(1, len(self.rows))

    @property
    @override
    def _bare(self) -> str:
        return ".left line{stroke:none}"

    @override
    def _drawn(self) -> Any:
        chart = leather.Chart()
        places = [str(number) for number in range(len(self.rows))]
        ticks = _ticks(max(row.total for row in self.rows), 3 if self.narrow else _MOST_TICKS)
        amounts: list[Mapping[str, float]] = [row.parts for row in self.rows]
        if self.shares:
            ticks, amounts = [0, 50, 100], [_in_percent(row) for row in self.rows]
        _stack(chart, amounts, self.parts, StackedBars)
        chart.set_y_scale(leather.Ordinal(places[::-1]))
        # Half of the last label stands beyond its tick.
        chart.set_x_scale(Span(ticks, beyond=0.1 if self.narrow else 0.04))
        chart.add_x_axis(ticks=ticks, tick_formatter=_percent if self.shares else _counted)
        chart.add_y_axis(ticks=places, tick_formatter=lambda place, *_: self._label(int(place)))
        return chart

    def _label(self, place: int) -> str:
        """Return a row's name, as much of it as there is room for, and how many it stands for."""
        row = self.rows[place]
        longest = _LONGEST_LABELS[self.narrow]
        name = row.label if len(row.label) <= longest else f"{row.label[: longest - 1]}…"
        return f"{name} {row.total:,}"


class Shares(Bars):
    """Lying bars of the same length: what part of each row is what."""

    shares = True


class Lines(Chart):
    """A line for each part, from row to row."""

    @override
    def _drawn(self) -> Any:
        chart = leather.Chart()
        for name, part in self.parts.items():
            values = [(number, row.parts.get(name, 0)) for number, row in enumerate(self.rows)]
            # One point alone makes no line.
            values = values if len(values) > 1 else [*values, (1, values[0][1])]
            chart.add_series(leather.Series(values, name=part.word), LineOf(part))
        most = max(row.parts.get(name, 0) for row in self.rows for name in self.parts)
        ticks = _ticks(most)
        chart.set_y_scale(Span(ticks))
        chart.add_y_axis(ticks=ticks, tick_formatter=_counted)
        few = 4 if self.narrow else 8
        every = max(1, -(-len(self.rows) // few))
        chart.add_x_axis(
            ticks=list(range(0, max(1, len(self.rows) - every // 2), every)),
            tick_formatter=lambda place, *_: self.rows[int(place)].label,
        )
        return chart


def _stack(
    chart: Any,  # noqa: ANN401 - leather has no types
    rows: Sequence[Mapping[str, float]],
    parts: Mapping[str, Part],
    shape: type[StackedBars | StackedColumns],
) -> None:
    """Add a layer for each part, which begins where those before it end."""
    below = [0.0] * len(rows)
    for name, part in parts.items():
        counts = [row.get(name, 0) for row in rows]
        layer = [(str(n), *pair) for n, pair in enumerate(zip(counts, below, strict=True))]
        chart.add_series(shape.series(layer), shape(part))
        below = [begun + more for begun, more in zip(below, counts, strict=True)]


def _in_percent(row: Row) -> dict[str, float]:
    total = row.total or 1
    return {name: 100 * part / total for name, part in row.parts.items()}


def _counted(value: int, *_: object) -> str:
    """Return a round number as short as it is understood: `500`, `20k`, `1.5M`."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= max(size, 10_000):
            return f"{value / size:g}{letter}"
    return f"{value:,}"


def _percent(value: int, *_: object) -> str:
    return f"{value} %"


def _ticks(most: int, few: int = _MOST_TICKS) -> list[int]:
    """Return round numbers from nothing to the most, a few of them; there are always two."""
    most = max(most, 1)
    steps = (base * 10**power for power in count() for base in (1, 2, 5))
    step = next(one for one in steps if one * few >= most)
    return [*range(0, most, step), -(-most // step) * step]
