"""What charts are drawn from: parts with their colours, shapes for `leather`, the legend. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import leather
from typing_extensions import override

# The same thing has the same colour on every page: on light, on dark.
_COLOURS = {
    "one": ("#46627f", "#9db8d4"),
    "sent": ("#3f7d4a", "#7fbf8a"),
    "deferred": ("#8fa3b5", "#5f7386"),
    "soft": ("#b58b2a", "#d9b457"),
    "hard": ("#9a2a1c", "#f29a88"),
    "policy": ("#3f5f9a", "#8fb0e8"),
    "complaint": ("#7b4b94", "#c39be0"),
    "failed": ("#655d51", "#aca394"),
    "uncertain": ("#b3a999", "#6f675b"),
}
_LETTER, _ROW, _SWATCH, _SAMPLE = 7, 20, 11, 22
_BELOW = 6
# What there is any of is seen, however little it is.
_THINNEST = 1.5
# Between two parts of a stack, so that they are told apart where their colours are not.
_GAP = 1.0
_LINE_WIDTH = "2.5"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a chart counts: its colour by a name of `_COLOURS`, and its word.

    A line is drawn with `dashes`: lengths on and off, or `none`.
    """

    name: str
    word: str
    dashes: str = ""

    @property
    def light(self) -> str:
        """Its colour on a light ground."""
        return _COLOURS[self.name][0]

    def style(self, *, dark: bool = False) -> str:
        """Return the style of its shapes on a light or a dark ground."""
        name, colour = self.name, _COLOURS[self.name][dark]
        return f"rect.{name}{{fill:{colour}}}path.{name},line.{name}{{stroke:{colour}}}"


def legend(parts: Sequence[Part], *, width: int) -> tuple[ET.Element, int]:
    """Return what the parts are called, in as many lines as it takes, and its height in pixels."""
    group = ET.Element("g")
    x, y = 0, 0
    for part in parts:
        sample = _SAMPLE if part.dashes else _SWATCH
        needed = sample + 6 + _LETTER * len(part.word) + 14
        if x and x + needed > width:
            x, y = 0, y + _ROW
        if part.dashes:
            ends = {"x1": str(x), "x2": str(x + sample), "y1": str(y + 10), "y2": str(y + 10)}
            ET.SubElement(group, "line", {**ends, **_stroke(part)})
        else:
            place = {"x": str(x), "y": str(y + 5), "width": str(sample), "height": str(sample)}
            ET.SubElement(group, "rect", {**place, "class": part.name})
        ET.SubElement(group, "text", x=str(x + sample + 6), y=str(y + 15)).text = part.word
        x += needed
    return group, y + _ROW + _BELOW if parts else 0


class Span(leather.Scale):  # type: ignore[misc]  # leather has no types
    """A scale from nothing to the last of its ticks; `beyond` makes room for its label."""

    def __init__(self, ticks: Sequence[int], *, beyond: float = 0.0) -> None:
        self._ticks = ticks
        self._end = ticks[-1] * (1 + beyond)

    @override
    def contains(self, v: object) -> bool:
        """Tell that there is room: the ticks were chosen by what is shown."""
        return True

    @override
    def project(self, value: Any, range_min: float, range_max: float) -> float:
        """Return the place of a value between two ends in pixels."""
        return range_min + (range_max - range_min) * float(value) / float(self._end)

    @override
    def ticks(self) -> Sequence[int]:
        """Return the ticks."""
        return self._ticks


class _Stacked:
    """A layer of a stack: rows of a place, how much there is, and how much lies below it."""

    def __init__(self, part: Part) -> None:
        self._part = part

    def validate_series(self, series: Any) -> None:  # noqa: ANN401 - leather has no types
        """Take whatever rows there are: they are ours."""

    def legend_to_svg(self, *_: object) -> list[ET.Element]:
        """Leave the legend to `legend`, which breaks its lines where the image ends."""
        return []

    def _rect(self, x: float, y: float, width: float, height: float) -> ET.Element:
        place = {"x": x, "y": y, "width": width, "height": height}
        texts = {name: f"{value:.1f}" for name, value in place.items()}
        return ET.Element("rect", {**texts, "class": self._part.name})


class StackedColumns(_Stacked, leather.Columns):  # type: ignore[misc]  # leather has no types
    """The columns of one part, each on top of those before it."""

    @staticmethod
    def series(rows: Sequence[tuple[str, float, float]]) -> Any:  # noqa: ANN401 - leather has no types
        """Return rows as the library takes them: the place, and where the part ends."""
        return leather.Series(rows, y=lambda row, _: row[1] + row[2])

    @override
    def to_svg(
        self, width: float, height: float, x_scale: Any, y_scale: Any, series: Any, palette: Any
    ) -> ET.Element:
        """Draw a rectangle for each row that has any of this part."""
        group = ET.Element("g", {"class": "series"})
        for row in series.data():
            place, count, below = row.row
            left, right = x_scale.project_interval(place, 0, width)
            top, bottom = (float(y_scale.project(end, height, 0)) for end in (below + count, below))
            if count:
                tall = max(bottom - top - (_GAP if bottom - top > 4 * _GAP else 0), _THINNEST)
                group.append(self._rect(float(left), bottom - tall, float(right - left), tall))
        return group


class StackedBars(_Stacked, leather.Bars):  # type: ignore[misc]  # leather has no types
    """The bars of one part, each beyond those before it."""

    @staticmethod
    def series(rows: Sequence[tuple[str, float, float]]) -> Any:  # noqa: ANN401 - leather has no types
        """Return rows as the library takes them: where the part ends, and the place."""
        return leather.Series(rows, x=lambda row, _: row[1] + row[2], y=lambda row, _: row[0])

    @override
    def to_svg(
        self, width: float, height: float, x_scale: Any, y_scale: Any, series: Any, palette: Any
    ) -> ET.Element:
        """Draw a rectangle for each row that has any of this part."""
        group = ET.Element("g", {"class": "series"})
        for row in series.data():
            place, count, below = row.row
            bottom, top = y_scale.project_interval(place, height, 0)
            left, right = (float(x_scale.project(end, 0, width)) for end in (below, below + count))
            if count:
                wide = max(right - left - (_GAP if right - left > 4 * _GAP else 0), _THINNEST)
                tall = abs(float(bottom - top))
                group.append(
                    self._rect(left, float(min(top, bottom)) + tall / 8, wide, tall * 3 / 4)
                )
        return group


class LineOf(leather.Line):  # type: ignore[misc]  # leather has no types
    """The line of one part."""

    def __init__(self, part: Part) -> None:
        super().__init__(stroke_color=part.light)
        self._part = part

    @override
    def legend_to_svg(self, *_: object) -> list[ET.Element]:
        """Leave the legend to `legend`."""
        return []

    @override
    def _new_path(self, stroke_color: str) -> ET.Element:
        return ET.Element("path", {"fill": "none", **_stroke(self._part)})


def _stroke(part: Part) -> dict[str, str]:
    dashes = {} if part.dashes in {"", "none"} else {"stroke-dasharray": part.dashes}
    return {"class": part.name, "stroke-width": _LINE_WIDTH, **dashes}


# Where there is one thing to count, it needs no name.
ONE = {"one": Part("one", "")}
