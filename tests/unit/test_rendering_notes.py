"""Notes at the end of an essay that ends earlier: those stay that the kept part refers to."""

import pytest

from alerts.rendering.bodies import Body, first_of, read_body

BODY = (
    "<p>Ports grew<sup>1</sup> and rails did not.<sup>[3]</sup></p>"
    "<p>More.<sup>2</sup></p><p>Last.</p>"
)


def _lines(body: Body) -> list[str]:
    return [line for block in body.blocks for line in block.lines]


def _kept(markup: str, paragraphs: int = 1) -> list[str]:
    body = first_of(read_body(markup, "", heading_level=4), paragraphs)
    assert body.cut
    return _lines(body)[1:]


@pytest.mark.parametrize(
    "notes",
    [
        "<h2>Notes</h2><p>1. One.</p><p>2. Two.</p><p>3. Three.</p>",
        "<h2>Notes:</h2><p>[1] One.</p><p>[2] Two.</p><p>[3] Three.</p>",
        (
            "<h3>Footnotes</h3><p><sup>1</sup> One.</p><p><sup>2</sup> Two.</p>"
            "<p><sup>3</sup> Three.</p>"
        ),
        "<p><b>Endnotes</b></p><ol><li>One.</li><li>Two.</li><li>Three.</li></ol>",
        "<h2>Notes</h2><ol><li><p>One.</p></li><li><p>Two.</p></li><li><p>Three.</p></li></ol>",
        "<h2>Références</h2><p>¹ One.</p><p>² Two.</p><p>³ Three.</p>",
        "<p>[1] One.</p><p>[2] Two.</p><p>[3] Three.</p>",
        (
            "<p><sup><a href='#b1'>1</a></sup> One.</p><p><sup>2</sup> Two.</p>"
            "<p><sup>3</sup> Three.</p>"
        ),
    ],
)
def test_the_notes_that_the_kept_part_refers_to_stay(notes: str) -> None:
    kept = " ".join(_kept(BODY + notes))
    assert "One." in kept
    assert "Three." in kept
    assert "Two." not in kept
    assert "Last." not in kept


def test_the_heading_stays_above_them_and_a_list_keeps_its_numbers() -> None:
    notes = "<h2>Notes</h2><ol><li>One.</li><li>Two.</li><li>See <a href='https://a.example/x'>x</a>.</li></ol>"
    assert _kept(BODY + notes) == ["Notes", "1. One.", "3. See x."]
    body = first_of(read_body(BODY + notes, "", heading_level=4), 1)
    assert body.blocks[-1].html == '<p>3. See <a href="https://a.example/x">x</a>.</p>'
    assert body.blocks[-1].links == ("https://a.example/x",)


def test_a_note_of_two_paragraphs_stays_whole_and_what_is_below_another_heading_goes() -> None:
    notes = (
        "<h2>Notes</h2><p>1. One.</p><p>And more.</p><p>2. Two.</p><h2>Author</h2><p>3. She.</p>"
    )
    assert _kept(BODY + notes) == ["Notes", "1. One.", "And more."]


@pytest.mark.parametrize(
    "markup",
    [
        "<p>Without any.</p><p>More.</p><h2>Notes</h2><p>1. One.</p>",
        "<p>To another.<sup>7</sup></p><p>More.</p><h2>Notes</h2><p>1. One.</p>",
        # A year in brackets, and paragraphs with numbers, are no notes.
        "<p>In the year [2024] it was.</p><p>More.</p><p>1. One.</p>",
        "<p>Ports.<sup>1</sup></p><p>1. One thing.</p><p>2. Another.</p>",
        "<p>Ports.<sup>1</sup></p><p>[1] of these stands in the middle.</p><p>Last.</p>",
    ],
)
def test_where_no_note_is_meant_none_stays(markup: str) -> None:
    assert _kept(markup) == []


def test_signs_are_references_too() -> None:
    notes = "<h2>Notes</h2><p>* One.</p><p>† Two.</p>"
    assert _kept("<p>Ports* grew.</p><p>Rails† did not.</p>" + notes) == ["Notes", "* One."]


def test_plain_text_has_them_in_brackets() -> None:
    text = "Ports grew [1].\n\nMore [2].\n\nNotes\n\n[1] One.\n\n[2] Two."
    body = first_of(read_body("", text, heading_level=4), 1)
    assert _lines(body) == ["Ports grew [1].", "Notes", "[1] One."]


def test_nothing_of_the_text_refers_to_nothing() -> None:
    body = first_of(read_body(BODY + "<p>[1] One.</p>", "", heading_level=4), 0)
    assert body == Body((), cut=True)
