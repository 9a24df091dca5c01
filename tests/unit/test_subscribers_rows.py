"""Cells as a spreadsheet must not take them, and as they come back."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.subscribers.details import clean_name, printable
from alerts.subscribers.files.cells import with_formula_mark, without_formula_mark

CELLS = st.text(st.sampled_from("'=+-@\t\ra "), max_size=6) | st.text(max_size=20)


@given(CELLS)
def test_a_marked_cell_is_no_formula_and_comes_back(cell: str) -> None:
    marked = with_formula_mark(cell)
    assert not marked.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert without_formula_mark(marked) == cell


@given(st.text(st.characters(), max_size=400))
def test_a_name_is_one_clean_line_and_stays_as_it_is(text: str) -> None:
    name = clean_name(text)
    assert clean_name(name) == name
    assert name is None or (len(name) <= 300 and len(name.splitlines()) == 1)


def test_joiners_belong_to_names_and_turns_do_not() -> None:
    assert clean_name("\u0646\u200c\u0627") == "\u0646\u200c\u0627"
    assert clean_name("Ama \u202eevil\x1b[2J") == "Ama evil [2J"


def test_text_from_outside_is_shown_on_one_line() -> None:
    assert printable("a\x1b[2J\nb", 80) == "a\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}b"
    assert printable("abc", 2) == "ab\N{HORIZONTAL ELLIPSIS}"
