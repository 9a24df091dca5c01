"""What readers wish: one text for the same wish, and what it lets through."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alerts.errors import Invalid
from alerts.regions import REGIONS
from alerts.subscribers.interests import EVERYTHING, LONGEST_WISH, Interests
from alerts.subscribers.typos import suggested_address

names = st.text(min_size=1, max_size=20).map(str.strip).filter(bool)
interests = st.builds(
    Interests.of,
    regions=st.lists(st.sampled_from(sorted(REGIONS)), max_size=4),
    countries=st.lists(st.sampled_from(["ML", "ne", "IN", "FR"]), max_size=3),
    topics=st.lists(names, max_size=3),
    series=st.lists(names, max_size=3),
    language=st.sampled_from(["", "fr", "hi"]),
    plain=st.booleans(),
)


@given(interests)
def test_the_text_of_a_wish_is_read_back(wish: Interests) -> None:
    assert Interests.read(wish.text) == wish
    assert Interests.read(wish.text).text == wish.text


@given(st.text(max_size=60))
@example("=")
@example("=plain")
@example("country=a%3Bplain")
@example("a%3Bb")
def test_whatever_stands_in_a_text_is_read_without_an_error(text: str) -> None:
    found = Interests.read(text)
    assert Interests.read(found.text) == found


def test_the_order_in_which_things_are_chosen_does_not_matter() -> None:
    one = Interests.of(regions=["West Africa", "asia"], countries=["ml", "NE"], topics=["b", "a"])
    other = Interests.of(regions=["asia", "west-africa"], countries=["NE", "ML"], topics=["a", "b"])
    assert one == other
    assert one.text == "asia;west-africa;country=ML;country=NE;topic=a;topic=b"
    assert EVERYTHING.text == ""


MALI = {"regions": ("west-africa", "africa"), "countries": ("ML",)}


@pytest.mark.parametrize(
    ("wish", "piece", "wanted"),
    [
        ("", {"regions": ()}, True),
        ("west-africa", MALI, True),
        ("asia", MALI, False),
        ("asia;country=ML", MALI, True),
        ("country=NE", MALI, False),
        ("country=NE", {"regions": ()}, True),
        ("country=NE", {"regions": ("global",)}, True),
        ("topic=climate", MALI, False),
        ("topic=climate", MALI | {"topics": ("security", "Climate")}, True),
        ("asia;topic=climate", MALI | {"topics": ("climate",)}, False),
        ("series=CWA%20Commentary", MALI | {"series": "CWA COMMENTARY"}, True),
        ("series=CWA%20Commentary", MALI | {"series": None}, False),
        ("language=fr;plain", MALI, True),
    ],
)
def test_places_add_to_each_other_and_topics_narrow(
    wish: str, piece: dict[str, tuple[str, ...]], *, wanted: bool
) -> None:
    assert Interests.read(wish).wants(**piece) is wanted  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    "wrong",
    [
        {"regions": ["Atlantis"]},
        {"countries": ["Mali"]},
        {"countries": ["1é"]},
        {"topics": [f"topic {number} of many" for number in range(LONGEST_WISH // 20)]},
    ],
)
def test_what_cannot_be_kept_is_refused(wrong: dict[str, list[str]]) -> None:
    with pytest.raises(Invalid):
        Interests.of(**wrong)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        ("ama@gmial.com", "ama@gmail.com"),
        ("ama@gmail.con", "ama@gmail.com"),
        ("ama@hotmial.co.uk", "ama@hotmail.co.uk"),
        ("ama@nias.res.con", "ama@nias.res.com"),
        ("ama@gmail.com", None),
        ("ama@yahoo.co.in", None),
        ("ama@nias.res.in", None),
        ("ama@mail.ru", None),
        ("ama", None),
    ],
)
def test_a_mistyped_domain_gets_a_suggestion(typed: str, suggested: str | None) -> None:
    assert suggested_address(typed) == suggested
