import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rendering.bodies import Body, clip, direction, read_body, shorten


def _read(html: str, text: str = "", level: int = 4) -> Body:
    return read_body(html, text, heading_level=level)


def _kinds(body: Body) -> list[str]:
    return [block.kind for block in body.blocks]


def test_paragraphs_headings_lists_and_quotations_become_blocks() -> None:
    body = _read(
        "<h2>Head</h2><p>One <em>two</em></p><ul><li>a</li><li>b</li></ul>"
        "<ol><li>c</li></ol><blockquote><p>q</p><p>r</p></blockquote>"
    )
    assert _kinds(body) == ["heading", "paragraph", "bullet", "number", "quote"]
    assert [block.lines for block in body.blocks] == [
        ("Head",),
        ("One two",),
        ("a", "b"),
        ("c",),
        ("q", "r"),
    ]
    assert "<em>two</em>" in body.html


def test_headings_start_at_the_level_asked_for_and_leave_no_gap() -> None:
    body = _read("<h1>a</h1><h4>b</h4><h6>c</h6><h4>d</h4>", level=5)
    assert [block.html[:4] for block in body.blocks] == ["<h5>", "<h6>", "<h6>", "<h6>"]


def test_loose_text_and_divisions_become_paragraphs() -> None:
    body = _read("start<div>one<div>two</div>three</div>end")
    assert [block.lines[0] for block in body.blocks] == ["start", "one", "two", "three", "end"]


def test_a_table_becomes_a_paragraph_for_each_row() -> None:
    body = _read(
        "<table><tr><th>State</th><th>Seats</th></tr><tr><td>A</td><td>3</td></tr></table>"
    )
    assert [block.lines[0] for block in body.blocks] == ["State · Seats", "A · 3"]


def test_images_scripts_and_handlers_are_gone() -> None:
    body = _read(
        '<p onclick="x()" style="color:red">Text<img src="https://a.example/x"></p>'
        "<script>alert(1)</script><style>p{}</style><figure><figcaption>c</figcaption></figure>"
    )
    assert body.html == "<p>Text</p>"


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "//evil.example", "/relative", "x" * 3000],
)
def test_a_link_that_leads_nowhere_keeps_its_words_only(address: str) -> None:
    assert _read(f'<p>a <a href="{address}">b</a> c</p>').html == "<p>a b c</p>"


def test_links_are_gathered_for_the_plain_text_once_each() -> None:
    body = _read(
        '<p><a href="https://a.example/?x=1&amp;y=2">a</a> <a href="https://b.example/">b</a>'
        ' <a href="https://b.example/">again</a> <a href="mailto:a@b.example">mail</a></p>'
    )
    assert body.blocks[0].links == ("https://a.example/?x=1&y=2", "https://b.example/")


@pytest.mark.parametrize(
    "markup",
    [
        "<p>@@EMAIL@@</p>",
        "<p>&#64;&#64;EMAIL&#x40;@</p>",
        "<h2>@@EMAIL@@</h2>",
        "<ul><li>@&#64;EMAIL@@</li></ul>",
        "<p>@<b></b>@EMAIL@@</p>",
        '<p><a href="https://evil.example/?@@EMAIL@@">x</a></p>',
        '<p><a href="https://evil.example/?&#64;@EMAIL@@">x</a></p>',
    ],
)
def test_no_slot_can_hide_in_a_body(markup: str) -> None:
    for block in _read(markup).blocks:
        assert "@@" not in block.html
        assert "@@" not in "".join(block.lines + block.links)


def test_without_html_the_text_serves() -> None:
    assert (
        _read("", "One\nline.\n\n<b>Two</b>").html
        == "<p>One line.</p>\n<p>&lt;b&gt;Two&lt;/b&gt;</p>"
    )
    assert _read("  <p> </p>", "Text").html == "<p>Text</p>"
    assert _read("", "").blocks == ()


def test_each_block_knows_its_direction() -> None:
    body = _read("<p>السودان</p><p>Sudan</p><h2>السودان</h2><ul><li>أولا</li></ul>")
    assert ['dir="rtl"' in block.html for block in body.blocks] == [True, False, True, True]
    assert direction("2026 السودان") == "rtl"
    assert direction("123 !") == "ltr"


def test_deep_nesting_ends_in_bounded_time_with_its_words() -> None:
    body = _read("<div>" * 3000 + "deep" + "</div>" * 3000, "the text")
    assert "deep" in body.html or "the text" in body.html


@given(st.text(alphabet=st.sampled_from("<>/pdivulah123 ='\"&;#@x\n"), max_size=120))
def test_no_markup_breaks_the_reading(markup: str) -> None:
    body = _read(markup, markup)
    assert "<script" not in body.html
    assert "@@" not in body.html


def test_a_body_is_cut_at_the_end_of_a_paragraph() -> None:
    body = _read("".join(f"<p>{letter * 100}</p>" for letter in "abcde"))
    cut = shorten(body, 350)
    assert len(cut.blocks) == 3
    assert cut.cut
    assert not shorten(body, 500).cut
    assert not shorten(body, None).cut


def test_no_heading_is_left_at_the_end() -> None:
    cut = shorten(_read(f"<p>{'a' * 100}</p><h2>Head</h2><p>{'b' * 400}</p>"), 200)
    assert _kinds(cut) == ["paragraph"]


def test_a_first_paragraph_that_is_too_long_is_cut_after_a_sentence() -> None:
    sentence = "The convoy left Gao in the morning. "
    cut = shorten(_read(f"<h2>Head</h2><p>{sentence * 20}</p>"), 200)
    assert len(cut.blocks) == 1
    assert cut.blocks[0].lines[0].endswith("morning.")
    assert len(cut.blocks[0].lines[0]) <= 200


def test_clipping_prefers_sentences_then_words() -> None:
    assert clip("short", 10) == "short"
    assert clip("One two. Three four five.", 12) == "One two."
    assert clip("One two three, four five", 16) == "One two three…"
    assert clip("x" * 30, 10) == "x" * 9 + "…"


@given(st.text(max_size=200), st.integers(min_value=2, max_value=100))
def test_clipping_keeps_to_its_limit(text: str, limit: int) -> None:
    assert len(clip(text, limit)) <= limit
