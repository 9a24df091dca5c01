"""Where an address stands in a file, whatever the file is written in; and its mask."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.subscribers.mentions import Mentions

CODES = ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
ADDRESS = "Asha.Rao@example.org"
ASHA = Mentions([ADDRESS])


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("case", [str, str.lower, str.upper])
def test_an_address_is_masked_where_it_stands(code: str, case: type[str]) -> None:
    text = 'email;name\r\n"{}";Ünal\r\nother@example.org;x\r\n<{}>,{}'
    there, masked = case(ADDRESS), "*" * len(ADDRESS)
    content = text.format(there, there, there).encode(code)
    assert ASHA.are_in(content)
    hidden = ASHA.masked(content)
    assert hidden.decode(code) == text.format(masked, masked, masked)
    assert not ASHA.are_in(hidden)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    "other",
    ["x{}", "x.{}", "x+{}", "{}.uk", "{}x", "{}-y.example"],
)
def test_another_address_that_contains_it_stays(code: str, other: str) -> None:
    content = f"a;{other.format(ADDRESS)};b".encode(code)
    assert not ASHA.are_in(content)
    assert ASHA.masked(content) == content


def test_the_end_of_a_sentence_is_no_other_address() -> None:
    assert ASHA.masked(b"We wrote to asha.rao@example.org.") == (
        b"We wrote to ********************."
    )


@pytest.mark.parametrize("code", ["utf-8", "utf-16-le"])
def test_letters_beyond_ascii_are_found_as_they_are_written(code: str) -> None:
    mentions = Mentions(["bücher@münchen.example", "bücher@xn--mnchen-3ya.example"])
    content = "bücher@münchen.example,bücher@xn--mnchen-3ya.example".encode(code)
    hidden = mentions.masked(content)
    assert len(hidden) == len(content)
    assert set(hidden.decode(code)) == {"*", ","}


@given(st.binary(max_size=200), st.binary(max_size=200), st.sampled_from(CODES))
def test_a_mask_keeps_the_length_and_touches_nothing_else(
    before: bytes, after: bytes, code: str
) -> None:
    content = before + f" {ADDRESS} ".encode(code) + after
    hidden = ASHA.masked(content)
    assert len(hidden) == len(content)
    assert hidden.startswith(before)
    assert hidden.endswith(after)
