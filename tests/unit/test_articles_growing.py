"""Dailies and running alerts: each dated block is news once."""

from datetime import date

import pytest

from alerts.articles.growth import has_only_grown, with_kept_parts
from alerts.articles.reading.blocks import paragraph
from alerts.articles.reading.growing import find_dated
from alerts.articles.reading.read import read_text
from alerts.articles.reading.record import ReadArticle
from alerts.articles.record import record_of

SATURDAY = (
    "The port of Lomé closed for a day while two crews argued over one crane. The harbour "
    "master said that the crane was older than both crews together, and that it would be "
    "mended by Monday."
)
SUNDAY = (
    "In Cotonou the bank's envoys counted berths until the evening, and found one more than "
    "on their list. The minister promised that the list would be corrected before the envoys "
    "left the country."
)
MONDAY = (
    "The crane was mended. Three ships came in before noon, and the queue at the customs "
    "house was gone by the time the second shift had finished its tea and its complaints "
    "about the first."
)


def daily(*blocks: tuple[str, str], day: str = "30 August 2025") -> ReadArticle:
    told = "\n\n".join(f"{heading}\n\n{text}" for heading, text in blocks)
    return read_text(
        f"The World Today #91\n\n{day}\n\nPorts and people\n\nGP Team\n\n{told}", source="x"
    )


@pytest.mark.parametrize(
    ("line", "key", "day"),
    [
        ("30 AUGUST, SATURDAY", "2025-08-30", date(2025, 8, 30)),
        ("Saturday, 30 August", "2025-08-30", date(2025, 8, 30)),
        ("August 30 (Saturday)", "2025-08-30", date(2025, 8, 30)),
        ("Saturday, 30 August 2025", "2025-08-30", date(2025, 8, 30)),
        # The weekday tells the year where a daily runs over New Year.
        ("31 December, Tuesday", "2024-12-31", date(2024, 12, 31)),
        ("Day 51-53", "day-51-53", None),
        ("Day 51- Mariupol under siege", "day-51", None),
        ("DAY 7", "day-7", None),
        ("Day 8: A bridge falls", "day-8", None),
    ],
)
def test_the_heading_of_a_block_is_understood(line: str, key: str, day: date | None) -> None:
    (start,) = find_dated([paragraph(line), paragraph(SATURDAY)], date(2025, 8, 30))
    assert (start.key, start.dated_on, start.flag) == (key, day, None)


@pytest.mark.parametrize(
    "line",
    [
        "30 August",
        "The day after",
        "Day trips from Lomé",
        "On 30 August, Saturday, the port closed.",
        "Saturday",
        "31 February, Monday",
        "Day",
    ],
)
def test_what_may_stand_in_any_essay_makes_no_page_grow(line: str) -> None:
    assert find_dated([paragraph(line), paragraph(SATURDAY)], date(2025, 8, 30)) == []


def test_two_plain_dates_make_a_chronicle() -> None:
    blocks = [paragraph(text) for text in ("29 August", SATURDAY, "30 August", SUNDAY)]
    assert [start.key for start in find_dated(blocks, date(2025, 8, 30))] == [
        "2025-08-29",
        "2025-08-30",
    ]


@pytest.mark.parametrize(
    ("line", "published", "flag"),
    [
        ("30 AUGUST, SATURDAY", None, "the year of '30 AUGUST, SATURDAY' is not printed"),
        ("30 AUGUST 2025, MONDAY", None, "was another day of the week"),
        ("29 February 2025, Saturday", None, "there was no"),
    ],
)
def test_what_cannot_be_known_is_flagged(line: str, published: date | None, flag: str) -> None:
    (start,) = find_dated([paragraph(line), paragraph(SATURDAY)], published)
    assert flag in (start.flag or "")


def test_a_daily_is_one_article_with_a_part_for_each_day() -> None:
    page = daily(("31 AUGUST, SUNDAY", SUNDAY), ("30 AUGUST, SATURDAY", SATURDAY))

    assert (page.grows, page.title, page.series, page.number) == (
        True,
        "Ports and people",
        "The World Today",
        "91",
    )
    assert [(part.key, part.title) for part in page.parts] == [
        ("2025-08-31", "Ports and people: 31 August, Sunday"),
        ("2025-08-30", "Ports and people: 30 August, Saturday"),
    ]
    assert [part.body_text for part in page.parts] == [SUNDAY, SATURDAY]
    assert page.flags == ()


def test_an_ordinary_page_does_not_grow() -> None:
    page = read_text(f"Ports and people\n\nAfi Mensah\n\n{SATURDAY}\n\n{SUNDAY}", source="x")
    assert (page.grows, page.parts) == (False, ())


def test_a_new_block_is_no_correction_and_a_changed_one_is() -> None:
    saturday, sunday = ("30 AUGUST, SATURDAY", SATURDAY), ("31 AUGUST, SUNDAY", SUNDAY)
    first = record_of(daily(saturday))
    grown = record_of(daily(sunday, saturday), first)
    changed = record_of(daily(sunday, ("30 AUGUST, SATURDAY", f"{SATURDAY} It rained.")), first)

    assert has_only_grown(first, grown)
    assert not has_only_grown(first, changed)
    assert not has_only_grown(first, first)


def test_a_block_that_is_no_longer_shown_is_kept() -> None:
    first = record_of(daily(("30 AUGUST, SATURDAY", SATURDAY)))
    later = record_of(daily(("31 AUGUST, SUNDAY", SUNDAY), ("1 SEPTEMBER, MONDAY", MONDAY)), first)

    kept = with_kept_parts(later, first)

    assert [part.key for part in kept.parts] == ["2025-08-30", "2025-08-31", "2025-09-01"]
    assert has_only_grown(first, kept)
