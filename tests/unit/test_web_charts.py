"""Charts: well-formed, as high as what they show, readable in both widths and both schemes."""

from xml.etree import ElementTree as ET

import pytest

from alerts.web.chart_shapes import ONE, Part
from alerts.web.charts import Bars, Chart, Columns, Lines, Row, Shares

PARTS = {
    "sent": Part("sent", "accepted", dashes="none"),
    "soft": Part("soft", "bounced, soft", dashes="3,3"),
    "hard": Part("hard", "bounced, hard", dashes="10,3"),
}
SOME = [
    Row("Mon <&> 12:00", {"sent": 1_200_000, "soft": 1, "hard": 300}),
    Row("a provider with a name of more letters than there is room for", {"sent": 3}),
    Row("nothing", {}),
]
KINDS = (Columns, Bars, Shares, Lines)


def drawn(chart: Chart) -> ET.Element:
    return ET.fromstring(chart.svg)  # noqa: S314 - drawn by us


def rects(chart: Chart, name: str) -> list[dict[str, float]]:
    """Return the rectangles of a part, without the one in the legend."""
    layers = [one for one in drawn(chart).findall(".//{*}g") if one.get("class") == "series"]
    found = [one for layer in layers for one in layer if one.get("class") == name]
    numbers = ("x", "y", "width", "height")
    return [{number: float(one.get(number, "")) for number in numbers} for one in found]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("rows", [SOME, SOME[:1], SOME * 20, [SOME[2]], []])
def test_every_chart_is_well_formed_and_stays_within_its_image(
    kind: type[Chart], narrow: bool, rows: list[Row]
) -> None:
    chart = kind(rows, PARTS)
    chart = chart.narrowed if narrow else chart
    root = drawn(chart)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (root.get("width"), root.get("height")) == (str(chart.width), str(chart.height))
    assert chart.width == (340 if narrow else 720)
    for part in PARTS:
        for place in rects(chart, part):
            assert 0 <= place["x"] <= place["x"] + place["width"] <= chart.width
            assert 0 <= place["y"] <= place["y"] + place["height"] <= chart.height
    texts = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {part.word for part in PARTS.values()} <= texts
    assert ("Nothing yet" in texts) == (not rows)


def test_stacked_parts_stand_on_one_another_and_are_as_large_as_they_count() -> None:
    rows = [Row("Mon", {"sent": 50, "soft": 30, "hard": 20}), Row("Tue", {"sent": 100})]
    chart = Columns(rows, PARTS)
    monday, tuesday = rects(chart, "sent")
    (soft,), (hard,) = rects(chart, "soft"), rects(chart, "hard")
    assert tuesday["height"] == pytest.approx(2 * monday["height"], abs=2)
    assert soft["height"] == pytest.approx(monday["height"] * 0.6, abs=2)
    assert hard["y"] < soft["y"] < monday["y"]
    assert hard["y"] == pytest.approx(tuesday["y"], abs=2)


@pytest.mark.parametrize("kind", [Bars, Columns])
def test_where_nothing_is_counted_the_axis_begins_at_nothing_all_the_same(
    kind: type[Chart],
) -> None:
    texts = [one.text for one in drawn(kind([Row("digests", {"sent": 0})], PARTS)).iter()]
    assert {"0", "1"} <= set(texts)


def test_shares_fill_the_width_and_little_is_seen_all_the_same() -> None:
    rows = [Row("all", {"sent": 1_000_000}), Row("most", {"sent": 999_999, "hard": 1})]
    chart = Shares(rows, PARTS)
    everything, most = rects(chart, "sent")
    (hard,) = rects(chart, "hard")
    assert everything["width"] == pytest.approx(most["width"], abs=2)
    assert hard["width"] >= 1
    # The first stands at the top.
    assert everything["y"] < most["y"]
    assert chart.svg.index("all 1,000,000") < chart.svg.index("most 1,000,000")


def test_what_is_called_by_any_words_cannot_break_out_of_the_image() -> None:
    svg = Bars([Row("<script>alert(1)</script>", {"one": 1})], ONE).svg
    assert "<script>" not in svg
    assert "&lt;script&gt;" in svg


def test_labels_below_do_not_touch_each_other() -> None:
    rows = [Row(f"{n % 28 + 1} November", {"one": n}) for n in range(60)]
    for chart in (Columns(rows, ONE), Columns(rows, ONE, narrow=True)):
        below = [
            text
            for axis in drawn(chart).iter("{http://www.w3.org/2000/svg}g")
            if axis.get("class") == "axis bottom"
            for text in axis.iter("{http://www.w3.org/2000/svg}text")
        ]
        places = [float(text.get("x", "")) for text in below]
        widths = [7 * len(text.text or "") for text in below]
        assert len(below) >= 2
        for left, right in zip(range(len(below)), range(1, len(below)), strict=False):
            assert places[right] - places[left] > (widths[left] + widths[right]) / 2


def test_an_image_follows_the_dark_scheme_by_itself() -> None:
    svg = Lines(SOME, PARTS).svg
    light, _, dark = svg.partition("prefers-color-scheme:dark")
    for part in PARTS.values():
        assert part.style() in light
        assert part.style(dark=True) in dark
    # Lines are told apart without their colours.
    assert 'stroke-dasharray="3,3"' in svg
