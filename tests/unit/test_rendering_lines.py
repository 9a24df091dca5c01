"""Long lines of a document: broken where nobody sees it."""

import re

from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html

from alerts.rendering.lines import with_short_lines

_WORDS = " ".join(["word"] * 300)
_PIECES = st.sampled_from(
    [
        *(
            "word ",
            "a < b ",
            "&nbsp;",
            " ",
            "\n",
            "x" * 250,
            "é" * 90 + " ",
            ".x ",
            "\n.",
            "<b>",
            "</b>",
        ),
        *('<a href="https://example.org/?a=1&amp;b= 2">', "</a>", "<br>", "<p title='a > b  c'>"),
        *("</p>", "<pre>a  b\n c</pre>", "<!-- a  b -->", "<td style='x: y; z: w'>", '"', "'"),
    ]
)


def _serialised(html: str) -> str:
    """Return markup as a parser writes it, as all comes that premailer has had in hand."""
    return str(lxml_html.tostring(lxml_html.fromstring(f"<div>{html}</div>"), encoding="unicode"))


def _shown(html: str) -> tuple[str, list[tuple[str, dict[str, str]]]]:
    """Return what is seen of a document, and its elements with their attributes."""
    tree = lxml_html.fromstring(html)
    text = re.sub(r"[ \n]+", " ", tree.text_content())
    return text, [(str(node.tag), dict(node.attrib)) for node in tree.iter()]


def test_a_long_paragraph_gets_lines_that_an_8_bit_way_takes() -> None:
    broken = with_short_lines(f"<p>{_WORDS}</p>")
    assert max(map(len, broken.split("\n"))) < 300
    assert broken.replace("\n", " ") == f"<p>{_WORDS}</p>"


def test_short_lines_stay_as_they_are() -> None:
    html = "<p>One line.</p>\n<p>And another one,\nbroken by hand.</p>"
    assert with_short_lines(html) == html


def test_no_line_begins_with_a_dot_that_had_to_be_doubled() -> None:
    html = f"<style>\n.a {{ x: y }}\n.b {{ z: w }}</style>\n<p>{_WORDS} .net\n. {_WORDS}</p>"
    broken = with_short_lines(html)
    assert "\n." not in broken
    assert "\n .a { x: y }\n .b { z: w }" in broken
    assert len(with_short_lines("<p>" + "a .b " * 300).split("\n")) > 4


def test_what_stands_as_it_is_stays() -> None:
    kept = f"<pre>{_WORDS}</pre>"
    assert with_short_lines(f"<p>{_WORDS}</p>{kept}").endswith(kept)
    styled = f'<p style="white-space: pre-wrap">{_WORDS}</p>'
    assert with_short_lines(styled) == styled


def test_a_tag_is_never_broken() -> None:
    for tag in (f'<a title="{_WORDS} > {_WORDS}">', f'<a\ntitle="{_WORDS}\n. <\n{_WORDS}\n>"\n>'):
        broken = with_short_lines(f"<p>One.\n{_WORDS} {tag}{_WORDS}</a></p>\n<p>{_WORDS}</p>")
        assert tag in broken
        assert max(map(len, broken.replace(tag, "").split("\n"))) < 300


@given(st.lists(_PIECES, max_size=60).map("".join))
def test_nobody_sees_a_difference(html: str) -> None:
    whole = _serialised(html)
    assert _shown(with_short_lines(whole)) == _shown(whole)
