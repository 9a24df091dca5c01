"""The names that texts use for places, and what else they may mean."""

import pytest

from alerts.articles.doubtful import read_all
from alerts.articles.gazetteer import place_names, read, region_of_country
from alerts.regions import REGIONS


def named(*texts: str) -> list[str]:
    """Return the countries and regions that the parts of one article name, in their order."""
    return [
        name
        for text in read_all(texts)
        for mention in text.mentions
        for name in (*mention.term.countries, *filter(None, [mention.term.region]))
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("South Sudan, not Sudan", ["SS", "SD"]),
        ("Guinea-Bissau, Equatorial Guinea, Papua New Guinea, Guinea", ["GW", "GQ", "PG", "GN"]),
        ("US-China talks", ["US", "CN"]),
        ("It is up to us, and to all who read", []),
        ("TELL US WHO WON IN FRANCE", ["FR"]),
        ("Côte d’Ivoire, Co\u0302te d'Ivoire", ["CI", "CI"]),
        ("The Indian Ocean and the Panama Canal", []),
        ("a turkey, a roast", []),
        ("South\nAfrican miners", ["ZA"]),
        ("Mali. South. Sudan", ["ML", "SD"]),
        ("the Koreas", ["KP", "KR"]),
        ("the climate summit", ["global"]),
        ("the Gulf of Mexico, the Gulf of Guinea, the Gulf", ["west-africa", "west-asia"]),
        ("the horn, the Horn", ["east-africa"]),
        ("Niger Delta", ["NG"]),
        ("Northern Ireland and Ireland", ["GB", "IE"]),
        ("Kosovo", ["XK"]),
    ],
)
def test_the_longest_name_is_meant(text: str, expected: list[str]) -> None:
    assert named(text) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("Chad Whitfield resigns", "Chad began as a printer"), []),
        (("Chad Whitfield visits Chad", "A welcome in N'Djamena"), ["TD", "TD"]),
        (("Jordan Faces A Drought Again",), ["JO"]),
        (("Jordan faces a drought",), ["JO"]),
        (("Georgia votes", "In Tbilisi and in Atlanta"), ["GE", "GE", "US"]),
        (("Georgia votes", "Republicans lead in Fulton County"), ["US"]),
        (("Turkey for Thanksgiving",), []),
        (("Congolese troops",), ["CD"]),
        (("Congolese troops in Brazzaville",), ["CG", "CG"]),
        (("Congolese troops in Brazzaville and Kinshasa",), ["CD", "CG", "CD"]),
        (("Korean missiles", "Pyongyang fired two"), ["KP", "KP"]),
        (("Guinean soldiers in Bissau",), ["GW", "GW"]),
    ],
)
def test_the_whole_article_decides_a_doubtful_name(
    texts: tuple[str, ...], expected: list[str]
) -> None:
    assert named(*texts) == expected


def test_a_mention_tells_its_words() -> None:
    text = read("Out of South Sudan")
    (mention,) = text.mentions
    assert (mention.name, mention.start, mention.end) == ("south sudan", 2, 4)
    assert [text.word(position) for position in (2, 3, 4, -1)] == ["South", "Sudan", "", ""]


@pytest.mark.parametrize(
    ("code", "region"),
    [("IR", "west-asia"), ("RS", "southern-europe"), ("ML", "west-africa"), ("AQ", None)],
)
def test_a_country_lies_in_a_region(code: str, region: str | None) -> None:
    assert region_of_country(code) == region


def test_our_own_names_stand_for_known_places() -> None:
    ours = place_names()
    for section in ("regions", "blocs"):
        assert set(ours[section]) <= set(REGIONS)
    for section in ("names", "cities", "seats", "venues"):
        assert [code for code in ours[section] if region_of_country(code) is None] == []


def test_every_doubtful_name_is_one_that_is_known() -> None:
    doubtful = [*place_names()["families"], *place_names()["persons"]["names"]]
    doubtful += [name for doubt in place_names()["doubts"].values() for name in doubt["names"]]
    assert [name for name in doubtful if not read(name).mentions] == []


@pytest.mark.parametrize(
    "piece",
    [
        "Chad ",
        "Congo, ",
        "South ",
        "in at the summit in Jordan, ",
        "Jordan Peele ",
        "A\u0300\u0316",
    ],
)
def test_a_long_hostile_line_is_read_to_its_end(piece: str) -> None:
    text = piece * (400_000 // len(piece)) + " Bamako"
    assert read(text).mentions[-1].term.countries == ("ML",)


def test_a_word_of_endless_accents_is_no_name() -> None:
    assert read("M" + "\u0300\u0316" * 1_000_000 + " Mali").mentions[0].name == "mali"
