import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rendering.hygiene import clean_content, clean_text, clean_values, web_address
from alerts.rendering.slots import Slot
from tests.data.rendering import samples


@given(st.text(alphabet=st.sampled_from("@EMAILemailUNSBCR_ \u0131"), max_size=60))
def test_no_text_can_hold_a_slot_not_even_in_capitals(text: str) -> None:
    cleaned = clean_text(text)
    for slot in Slot:
        assert slot not in cleaned
        assert slot not in cleaned.upper()


def test_control_characters_and_half_characters_are_gone() -> None:
    assert clean_text("a\x00b\x1bc\ud800d\r\ne\x85f") == "abcd\ne\nf"


def test_all_but_bodies_and_notes_stand_on_one_line() -> None:
    content = samples.gp_alert()
    content = replace(content, subject="A\r\nBcc: x@example.org", editors_note="one\n\ntwo")
    cleaned = clean_content(content)
    assert cleaned.subject == "A Bcc: x@example.org"
    assert cleaned.editors_note == "one\n\ntwo"


def test_keys_of_pieces_are_left_as_they_are() -> None:
    content = samples.africa_this_week()
    assert clean_content(content).item_keys == content.item_keys


def test_an_address_with_two_at_signs_still_leads_to_the_same_place() -> None:
    assert clean_values({"url": "https://a.example/@@x"}) == {"url": "https://a.example/%40%40x"}


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://a.example/",
        "https://",
        "https:///path",
        "http://[::1",
        'https://a.example/"onclick=x',
        "https://a.example/ b",
        "https://a.example/" + "x" * 2000,
    ],
)
def test_what_is_no_web_address(url: str | None) -> None:
    assert web_address(url) is None


def test_a_web_address() -> None:
    url = "https://a.example/view.php?url=The%20World&recordNo=896#top"
    assert web_address(url) == url


def test_exactly_controls_and_halves_of_surrogate_pairs_go() -> None:
    everything = "".join(map(chr, range(0x11_0000)))

    cleaned = clean_text(everything)

    gone = {"Cc", "Cs"}
    kept = [c for c in everything if c in "\n\t" or unicodedata.category(c) not in gone]
    # Other ways to break a line are made line feeds.
    assert set(cleaned) == set(kept) - {"\u2028", "\u2029"}
