"""Where articles belong, and when two addresses are one."""

import pytest

from alerts.articles.gazetteer import region_of_country
from alerts.articles.identity import address_key
from alerts.articles.placing import place
from benchmarks.placing import HALVES, pieces, placed_score

BODY = (
    "In Mali the junta asked the mission to leave. France and Germany had gone before, and Russia"
    " sent instructors.\n\nMalian officers in Bamako say the matter is closed.\n\n"
    "Paris and London voted for the resolution. Mali pays for the rest."
)


@pytest.mark.parametrize(
    ("title", "body", "countries", "regions"),
    [
        ("The UN in Africa: a mission ends", BODY, ("ML",), ("west-africa", "africa")),
        ("South Sudan’s delayed polls", "", ("SS",), ("east-africa", "africa")),
        ("Côte d'Ivoire votes", "", ("CI",), ("west-africa", "africa")),
        ("CHINA AND TAIWAN", "", ("CN", "TW"), ("east-asia", "asia")),
        ("The Sahel after the bloc", "", (), ("west-africa", "africa")),
        ("Elections in the Middle East", "", (), ("west-asia", "asia")),
        ("Niger, not Nigeria", "", ("NE", "NG"), ("west-africa", "africa")),
        ("It is up to us now", "", (), ()),
        ("The Indian Ocean and its cables", "", (), ()),
    ],
)
def test_a_text_is_placed_by_what_it_is_about(
    title: str, body: str, countries: tuple[str, ...], regions: tuple[str, ...]
) -> None:
    placed = place(title, body)
    assert (placed.countries, placed.regions) == (countries, regions)


def test_a_series_on_a_continent_places_what_names_none() -> None:
    assert place("Three ballots", "", series="NIAS Africa Weekly").regions == ("africa",)


@pytest.mark.parametrize(
    ("title", "body", "tags", "countries", "regions"),
    [
        ("What was agreed", "", ("Malian politics",), ("ML",), ("west-africa", "africa")),
        ("What was agreed", "Paris, once.", ("Africa",), (), ("africa",)),
        ("The Kremlin answers", "", (), ("RU",), ("eastern-europe", "europe")),
        (
            "Envoys answer",
            "Ghana asks. Ghana waits. Moscow saw.",
            (),
            ("GH",),
            ("west-africa", "africa"),
        ),
        ("Ships", "The ministers met in Bogotá, Colombia, and parted.", (), (), ()),
        ("Who pays", "The IMF says that it does not know.", (), (), ("global",)),
        (
            "Doha talks: Kabul comes",
            "In Qatar the Afghans sat.",
            (),
            ("AF",),
            ("south-asia", "asia"),
        ),
    ],
)
def test_who_acts_is_told_from_who_is_only_named(
    title: str,
    body: str,
    tags: tuple[str, ...],
    countries: tuple[str, ...],
    regions: tuple[str, ...],
) -> None:
    placed = place(title, body, tags=tags)
    assert (placed.countries, placed.regions) == (countries, regions)


@pytest.mark.parametrize(
    "line", ["Georgia Jordan ", "in at the summit in Jordan, ", "é", "\n\nMali"]
)
def test_two_megabytes_of_one_hostile_line_are_placed(line: str) -> None:
    text = line * (2_000_000 // len(line))
    assert place("Mali", text, tags=[text] * 1000).countries
    assert place(f"Mali {text}", "").countries


# What the rules must not fall below; the figures themselves are in docs/placing.md.
FLOORS = {"regions": 0.95, "countries": 0.92}


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("what", FLOORS)
def test_what_people_labelled_is_found(half: str, what: str) -> None:
    found = placed_score(half, what)
    assert found.f1 >= FLOORS[what], found


def test_the_labels_are_enough_and_fair() -> None:
    tuned, held = (pieces(half) for half in HALVES)
    assert abs(len(tuned) - len(held)) <= 1
    assert len(tuned) + len(held) >= 80
    assert {
        code for piece in held for code in piece.countries if not region_of_country(code)
    } == set()


SITE = "https://newsroom.example.org"


@pytest.mark.parametrize(
    "url",
    [
        f"{SITE}/view_cir_articles.php?url=The%20World%20This%20Week&recordNo=896",
        "http://www.NEWSROOM.example.org/view_cir_articles.php?recordNo=896&url=The+World",
        f"{SITE}/TWTW_view_articles.php?url=The%2520World&recordno=896&ArticleNo=3",
        f"{SITE}/africa/africa-weekly.php?recordNo=0896#top",
    ],
)
def test_a_record_number_is_an_address_whatever_stands_around_it(url: str) -> None:
    assert address_key(url) == "newsroom.example.org/record/896"


@pytest.mark.parametrize("script", ["the-world-today.php", "view_events.php"])
def test_scripts_that_count_for_themselves_make_other_articles(script: str) -> None:
    assert address_key(f"{SITE}/{script}?recordNo=896") == f"newsroom.example.org/{script}/896"


def test_tracking_and_order_tell_nothing() -> None:
    plain = address_key(f"{SITE}/a/piece?b=2&a=1")
    assert address_key(f"{SITE}/a/piece?utm_source=mail&a=1&b=2&fbclid=x") == plain
    assert address_key(f"{SITE}/a/piece?a=1&b=3") != plain
