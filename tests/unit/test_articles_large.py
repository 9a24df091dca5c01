"""Whatever comes from outside is read or refused, in one line and within seconds."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.articles.intake import read_bytes
from alerts.articles.reading.cleaning import clean_html
from alerts.articles.reading.read import read_html, read_text
from alerts.articles.reading.record import NoArticle

SIZE = 2 * 1024 * 1024
ADDRESS = "https://news.example.org/2026/11/14/page"
HEAD = "<html><head><title>A title of some length</title></head><body>"
TITLE = "A title of some length\nBy Amara Diallo\n"


def full(piece: str, size: int = SIZE) -> str:
    return (piece * (size // len(piece) + 1))[:size]


# Of each kind two megabytes: what a parser, an expression or a loop could take minutes over.
HOSTILE: dict[str, Callable[[], str]] = {
    "words": lambda: full("word "),
    "one word": lambda: full("a"),
    "open div": lambda: full("<div>"),
    "open b": lambda: "<b>" * 200_000 + "text",
    "open a": lambda: "<a href=x>" * 200_000,
    "open list": lambda: full("<ul><li>"),
    "open table": lambda: "<table>" * 100_000,
    "open cells": lambda: full("<table><tr><td>"),
    "open span p": lambda: full("<span><p>x"),
    "tables": lambda: full(
        "<table><tr><td>a</td><td>b</td></tr><tr><td>a</td><td>b</td></tr></table>"
    ),
    "attributes": lambda: "<p " + " ".join(f"a{i}=1" for i in range(200_000)) + ">x</p>",
    "same attribute": lambda: "<p " + "a=1 " * 500_000 + ">x</p>",
    "long attribute": lambda: f'<p title="{full("x")}">y</p>',
    "long address": lambda: f'<a href="https://a.example/{full("x?utm_a=1&", 2_000_000)}">y</a>',
    "&": lambda: "&" * 1_000_000,
    "&amp;": lambda: full("&amp;"),
    "&#x;": lambda: full("&#x;"),
    "spaces": lambda: "a" + " " * SIZE + "b",
    "lines": lambda: "\n" * SIZE,
    "#": lambda: "#" * SIZE,
    "# ": lambda: full("# "),
    "digits": lambda: "1" * SIZE,
    "numbers": lambda: full("1 "),
    "commas": lambda: "," * SIZE,
    "names": lambda: full("Amara Diallo, "),
    "capitals": lambda: full("Capital "),
    "initials": lambda: full("A. "),
    "A.A.": lambda: full("A."),
    "stops": lambda: "." * SIZE + "x",
    "stop and blank": lambda: full(". "),
    "stop and quote": lambda: full('."'),
    "quotes after a stop": lambda: "." + '"' * SIZE + "x",
    "<": lambda: "<" * SIZE,
    ">": lambda: ">" * SIZE,
    "open comments": lambda: full("<!--"),
    "dashes in a comment": lambda: "<!--" + "-" * SIZE,
    "cdata": lambda: full("<![CDATA["),
    "instructions": lambda: full("<?xml "),
    "xml head": lambda: "<?xml " + " " * SIZE,
    "blanks before a feed": lambda: " " * SIZE + "<?xml",
    "pictures of debris": lambda: full("![]("),
    "brackets": lambda: full("!["),
    "bars": lambda: full("| "),
    "photo": lambda: "photo" + " " * SIZE,
    "photo photo": lambda: full("photo "),
    "by": lambda: "by" + " " * SIZE,
    "vol": lambda: full("vol "),
    "vol no": lambda: "vol 1 no" + " " * SIZE,
    "months": lambda: full("mar "),
    "days": lambda: full("1 of "),
    "team": lambda: full("the team "),
    "NIAS and": lambda: full("NIAS and "),
    "in focus": lambda: "in focus" + " " * SIZE,
    "what": lambda: full("what "),
    "series": lambda: full("the world this "),
    "entries": lambda: full("March 2024 | CWA # 1251\n"),
    "entries whole": lambda: full("March 2024 | CWA # 1251\nAmara Diallo\nA title here\n"),
    "bylines": lambda: full("A Title Of Some Length\nAmara Diallo\n"),
    "prose": lambda: full(
        "The council met in Bamako for a third day and went home, without a word to us.\n"
    ),
    "items": lambda: full("- a\n"),
    "asterisks": lambda: full("**"),
    "mojibake": lambda: full("\u00c3\u00a2\u00e2\u201a\u00ac\u00e2"),
    "mojibake lines": lambda: full("Ã©\n"),
    "stray A": lambda: full("Â "),
    "no-break spaces": lambda: "\u00a0" * SIZE,
    "accents": lambda: "a" + "\u0301" * SIZE,
    "joiners": lambda: "\u200d" * SIZE,
    "right to left": lambda: "\u202e" * SIZE,
    "surrogates": lambda: "\ud800" * SIZE,
    "NUL": lambda: full("a\0"),
    "addresses": lambda: "a" * SIZE + "@",
    "JSON": lambda: "[" * SIZE,
    "values": lambda: full("a,b\n"),
    "quoted values": lambda: full('"a,'),
    "a log": lambda: full("2026-11-01 12:00:00 x\n"),
    "style": lambda: f'<p style="{full("display ")}">x</p>',
    "class": lambda: f'<p class="{full("side-")}">x</p>',
    "line breaks": lambda: "<br>a" * 300_000,
    "pictures": lambda: full("<img src=x.jpg>"),
    "metas": lambda: full("<meta name=author content=x>"),
    "canonicals": lambda: full("<link rel=canonical href=x>"),
    "headings": lambda: full("<h2>A title</h2>"),
    "captions": lambda: full("<figcaption>x</figcaption>"),
    "long title": lambda: f"<title>{full('a | ')}</title><h1>a</h1>",
    "long title of dashes": lambda: f"<title>{full(' - ')}</title>" + "<h1>abcd</h1>" * 1_000,
    "daily": lambda: full("Day 51\nText of it is here.\n"),
    "dates": lambda: full("on 1 March 2024 and "),
    "scripts": lambda: full("<script>"),
    "styles": lambda: full("<style></style>"),
    "pictures drawn": lambda: full("<svg>"),
    "linked data": lambda: f'<script type="application/ld+json">{full("[")}</script>',
    "much linked data": lambda: full(
        '<script type="application/ld+json">{"@type":"Article"}</script>'
    ),
    "articles": lambda: full("<article><h2>x</h2><p>y</p></article>"),
    "open articles": lambda: full("<article>"),
}


def _do(work: Callable[[], object]) -> str:
    try:
        work()
    except NoArticle as error:
        said = str(error)
    else:
        said = "read"
    assert "\n" not in said
    return said


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", HOSTILE)
def test_two_megabytes_of_anything_are_read_or_refused(kind: str) -> None:
    text = HOSTILE[kind]()
    data = text.encode("utf-8", "surrogatepass")
    # What is within the limits for a line, a text, a page must be read in seconds, too.
    within = "\n".join([TITLE, *(text[:50_000] for _ in range(4))])
    said = [
        _do(lambda: read_text(text, source="a copy")),
        _do(lambda: read_text(within, source="a copy")),
        _do(lambda: read_html(HEAD + text, url=ADDRESS, source="a page")),
        _do(lambda: read_html(HEAD + text[:300_000], url=ADDRESS, source="a page")),
        _do(lambda: read_bytes(data, source="a file", url=ADDRESS)),
        _do(lambda: clean_html(text)),
    ]
    assert len(said) == 6
    # Two megabytes are an article of nobody's.
    assert said[0] != "read"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "tag", ["div", "b", "font", "span", "blockquote", "ul", "a", "table", "li"]
)
@pytest.mark.parametrize("depth", [90, 230])
def test_deep_nesting_that_parsers_still_stand_is_read_or_refused(tag: str, depth: int) -> None:
    prose = "<p>" + "The council met in Bamako for a third day and went home. " * 20 + "</p>"
    page = HEAD + f"<{tag}>" * depth + prose + f"</{tag}>" * depth
    said = _do(lambda: read_html(page, url=ADDRESS, source="a page"))
    assert said == "read" or said.startswith("no article")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        *(
            "<div><p>a</p></div>",
            "<li><a href=x>a</a></li>",
            "<b>a</b> ",
            "<td>a</td>",
            "<p>a. b</p>",
        ),
        *("<span>a</span>", "<article><p>a</p></article>", "<h2><a href=x>a</a></h2>", "a<br>"),
    ],
)
def test_as_many_elements_as_are_read_at_all(piece: str) -> None:
    page = HEAD + full(piece, 150_000)
    said = _do(lambda: read_html(page, url=ADDRESS, source="a page"))
    assert said != ""


SOUP = [
    *(
        "<p>",
        "</p>",
        "<b>",
        "<table><tr><td>",
        "</div>",
        "<li>",
        "<h1>",
        "<h2>",
        "<a href='x'>",
        "<",
    ),
    *("<article>", "</article>", "<main>", "<aside>", "<figure>", "<figcaption>", "<blockquote>"),
    *(
        "<base href='//x'>",
        "<base href='http://[x'>",
        "<time datetime=2026-13-45>",
        "<title>T</title>",
    ),
    *("<meta property=og:title content='A title'>", "<link rel=canonical href='http://[::1'>"),
    *(
        "<meta property=article:published_time content='9999-99-99'>",
        "<meta name=author content=By>",
    ),
    *(
        "<script type='application/ld+json'>",
        '{"@type":"Article","author":',
        "</script>",
        "}",
        "[[",
    ),
    *('{"@type":"Article","headline":"\\ud800","datePublished":"٢٠٢٦"}', "<html lang='x-\x00'>"),
    *(
        "<img src='http://[' alt=x>",
        "<img src=a.jpg width=٣ height=999999999999>",
        "&#xD800;",
        "&#0;",
    ),
    *("&amp;&nbsp;&bogus;&#99999999999;", "\0", "\ud800", "\u202e", "\ufeff", "]]>", "<!--", "-->"),
    *("Mali | CWA # 12", "By Amara Diallo", "March 2024 | CWA # 3", "IN FOCUS | A title", "Day 5"),
    *("CWA # 1251, 31 February 2024", "Photo: x", "About the author", "<svg><title>t</svg>"),
    "The council met in Bamako for a third day, and then it went home again without a word. " * 12,
    "परिषद की बैठक तीसरे दिन भी चली और प्रतिनिधियों ने बहुत कम कहा। ",
]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.one_of(st.sampled_from(SOUP), st.text(max_size=8)), max_size=30),
    st.sampled_from([None, ADDRESS, "http://[", "not an address", "https://x.example/?recordNo=%"]),
)
def test_no_soup_of_tags_makes_a_reader_fail(pieces: list[str], url: str | None) -> None:
    markup = "".join(pieces)
    assert _do(lambda: read_html(markup, url=url, source="a page"))
    assert _do(lambda: read_html(HEAD + markup, url=url, source="a page"))
    assert _do(lambda: read_text(markup, source="a copy"))
    assert _do(lambda: clean_html(markup))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", b"<html>", b"\xff\xfe", b"\xef\xbb\xbf<p>"]))
def test_no_bytes_make_a_reader_fail(data: bytes, start: bytes) -> None:
    assert _do(lambda: read_bytes(start + data, source="a file", url=ADDRESS))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(
        ["utf-7", "utf-16", "iso-2022-jp", "x-user-defined", "rot13", "hex", "\0", "€"]
    ),
    st.binary(max_size=200),
)
def test_no_charset_makes_a_reader_fail(charset: str, data: bytes) -> None:
    head = f"<html><meta charset='{charset}'>".encode()
    assert _do(lambda: read_bytes(head + data, source="a file", url=ADDRESS))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=400))
def test_what_is_cleaned_holds_nothing_that_acts(markup: str) -> None:
    try:
        cleaned = clean_html(f"<p>{markup}<img src=x onerror=y><a href='javascript:x'>z</a>")
    except NoArticle:
        return
    assert not any(word in cleaned.lower() for word in ("<img", "<script", "javascript:x'"))
