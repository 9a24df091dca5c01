"""No input makes a reader fail in any way but by refusing, and none keeps it busy for long."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.articles.intake import read_bytes
from alerts.articles.placing import place
from alerts.articles.reading.cleaning import clean_html
from alerts.articles.reading.read import read_html, read_text
from alerts.articles.reading.record import NoArticle
from alerts.articles.sources.feeds import read_feed
from alerts.articles.sources.pages import read_links
from alerts.articles.sources.shown import NoSource

URL = "https://other.example/x"
PIECES = [
    *(
        "<p>",
        "</p>",
        "<div",
        ">",
        "<table>",
        "<tr><td>",
        "</table>",
        "<a href='",
        "'",
        "<!--",
        "-->",
    ),
    *(
        "<article>",
        "<h1>",
        "<script>",
        "</script>",
        "<style>",
        "<![CDATA[",
        "]]>",
        "<svg>",
        "<math>",
    ),
    *("<base href='http://[::1'>", "<link rel=canonical href=//[>", "<img src=data:x width=1>"),
    *(
        "&",
        "&#0;",
        "&#x110000;",
        "&amp;lt;",
        "\x00",
        "\ud800",
        "\u202e",
        "\ufeff",
        "\x85",
        "\u2028",
    ),
    *(
        "CWA # 1251",
        "Vol. 4, No. 36",
        "30 February 2024",
        "31 AUGUST, SUNDAY",
        "Day 51-",
        "By ",
        "|",
    ),
    *("What happened?", "IN FOCUS |", "Photo: ", "About the author", "March 2024", " and ", ", "),
    "A sentence of some words that ends here, and is long enough to count as text in a page. ",
    '<script type="application/ld+json">{"@graph":[',
    "<meta property='article:published_time' content='9999-99-99'>",
]


def survive(data: bytes | str) -> None:
    """Read in every way; only a refusal may come out."""
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    text = data if isinstance(data, str) else data.decode("latin-1")
    refusals: list[str] = []
    for read in (
        lambda: read_bytes(raw, source="test", url=URL),
        lambda: read_html(text, url=URL, source="test"),
        lambda: read_text(text, source="test"),
        lambda: read_links(raw, URL),
        lambda: read_feed(raw, URL),
    ):
        try:
            read()
        except (NoArticle, NoSource) as error:
            refusals.append(str(error))
    assert not any("\n" in line for line in refusals)
    place(text[:300], text)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=20), max_size=60).map("".join))
def test_no_soup_of_markup_breaks_a_reader(soup: str) -> None:
    clean_html(soup.encode("utf-8", "replace").decode())
    survive(f"<html><body><h1>A title of some words</h1>{soup}")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2_000))
def test_no_bytes_break_a_reader(data: bytes) -> None:
    survive(data)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=2_000))
def test_no_text_breaks_a_reader(text: str) -> None:
    survive(text)


SIZE = 150_000
HUGE = {
    "one line": "a" * SIZE,
    "words": "word " * (SIZE // 5),
    "capital words": "Word Name " * (SIZE // 10),
    "names": "<p>" + "Afi Mensah, " * (SIZE // 12),
    "spaces": " " * SIZE + "x",
    "line breaks": "\n" * SIZE,
    "hashes": "#" * SIZE,
    "digits": "1" * SIZE,
    "commas": "," * SIZE,
    "bars": "| " * (SIZE // 2),
    "dots": "." * SIZE,
    "ampersands": "<p>" + "&" * SIZE,
    "open tags": "<div>" * (SIZE // 5),
    "open inline tags": "<p>" + "<b>" * (SIZE // 3),
    "tables": "<table><tr><td>" * (SIZE // 15),
    "attributes": "<p " + "a=b " * (SIZE // 4) + ">x",
    "one attribute": f"<p title='{'x' * SIZE}'>x",
    "comments": "<!--" * (SIZE // 4),
    "angle brackets": "<" * SIZE,
    "links": "<a href='/2026/a-b-c-d'>a b c d</a>" * (SIZE // 36),
    "paragraphs": "<p>A b c.</p>" * (SIZE // 13),
    "dates": "30 August 2025 " * (SIZE // 15),
    "days": "30 AUGUST, SATURDAY\n\n" * (SIZE // 21),
    "questions": "What happened?\n\nBy Afi Mensah\n\n" * (SIZE // 31),
    "debris": "![](" * (SIZE // 4),
    "numbers": "CWA # 1 & 2 Vol. 1, No. 2 " * (SIZE // 26),
    "credits": "Photo: x\n" * (SIZE // 9),
}


@pytest.mark.timeout(100)
@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE.keys())
def test_long_runs_of_one_thing_are_got_over_with(text: str) -> None:
    survive(f"<html><body><h1>A title of some words</h1>{text}")
