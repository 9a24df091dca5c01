import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rendering.plain import (
    COLUMNS,
    GAP,
    display_width,
    join_names,
    one_line,
    tidy,
    underline,
    wrap,
)


def test_a_paragraph_is_filled_to_72_columns() -> None:
    lines = wrap("word " * 60).split("\n")
    assert all(len(line) <= COLUMNS for line in lines)
    assert all(len(line) > COLUMNS - 6 for line in lines[:-1])


def test_an_address_longer_than_a_line_stays_whole_on_its_own_line() -> None:
    address = "https://example.org/" + "path/" * 20
    assert address in wrap(f"See {address} for more.").split("\n")


def test_a_hyphen_is_no_place_to_break() -> None:
    assert "Addis-Ababa-Djibouti-railway" in wrap("x " * 30 + "Addis-Ababa-Djibouti-railway")


def test_hanging_indents() -> None:
    lines = wrap("item " * 30, first="  * ", rest="    ").split("\n")
    assert lines[0].startswith("  * item")
    assert all(line.startswith("    item") for line in lines[1:])


def test_chinese_is_broken_between_characters_at_72_columns() -> None:
    lines = wrap("台湾海峡的平静冬天" * 10).split("\n")
    assert len(lines) == 3
    assert all(display_width(line) <= COLUMNS for line in lines)


def test_a_full_stop_never_begins_a_line() -> None:
    for length in range(30, 40):
        lines = wrap("台" * length + "。" + "台" * 10).split("\n")
        assert not any(line.startswith("。") for line in lines)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_wrapping_loses_and_adds_nothing_but_white_space(text: str) -> None:
    assert "".join(wrap(text).split()) == "".join(text.split())


@given(st.lists(st.text("abc", min_size=1, max_size=20), max_size=60))
def test_no_line_of_short_words_is_longer_than_allowed(words: list[str]) -> None:
    assert all(len(line) <= COLUMNS for line in wrap(" ".join(words)).split("\n"))


def test_a_heading_is_underlined_as_long_as_its_longest_line() -> None:
    assert underline("Mali") == "Mali\n----"
    assert underline("SOURCES", "=") == "SOURCES\n======="
    assert underline("台湾") == "台湾\n----"
    assert underline("") == ""
    assert len(underline("long " * 30).split("\n")[-1]) <= COLUMNS


def test_tidy_leaves_one_blank_line_and_two_at_a_gap() -> None:
    assert tidy(f"\n\na  \n\n\n\nb\n\n{GAP}\n\n\nc\n") == "a\n\nb\n\n\nc\n"


def test_one_line() -> None:
    assert one_line(" a\r\nb\t c\u2028d ") == "a b c d"


@pytest.mark.parametrize(
    ("names", "joined"),
    [([], ""), (["A"], "A"), (["A", "B"], "A and B"), (["A", "B", "C"], "A, B and C")],
)
def test_names_are_joined_as_in_a_sentence(names: list[str], joined: str) -> None:
    assert join_names(names) == joined
