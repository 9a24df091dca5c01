"""Dailies and running alerts: each dated block is news once."""

import json
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
        ("SATURDAY | 30 AUGUST 2025", "2025-08-30", date(2025, 8, 30)),
        ("30 Aug - Saturday", "2025-08-30", date(2025, 8, 30)),
        ("30 AUGUST, SATURDAY: The crane", "2025-08-30", date(2025, 8, 30)),
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
        "30 August: The crane",
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


@pytest.mark.parametrize("published", [date(2025, 12, 30), date(2026, 1, 1)])
def test_without_a_weekday_a_block_is_of_the_year_that_brings_it_nearest(published: date) -> None:
    blocks = [paragraph(text) for text in ("1 January", SUNDAY, "31 December", SATURDAY)]
    assert [start.key for start in find_dated(blocks, published)] == ["2026-01-01", "2025-12-31"]


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


@pytest.mark.parametrize(
    "head",
    [
        "The World Today #91",
        "The World Today #91\n\nSunday, 31 August 2025\n\nGP Team",
        "THE WORLD TODAY\n\nGP Team\n\nThe World Today # 91, 31 August 2025",
    ],
)
@pytest.mark.parametrize(
    "blocks",
    [
        ("31 AUGUST 2025, SUNDAY", "30 AUGUST 2025, SATURDAY"),
        ("30 AUGUST 2025, SATURDAY", "31 AUGUST 2025, SUNDAY"),
        ("Sunday, 31 August 2025\n\nTogo: A ship", "Saturday, 30 August 2025\n\nMali: A truck"),
    ],
)
def test_the_first_block_is_never_the_title_of_the_page(head: str, blocks: tuple[str, str]) -> None:
    page = read_text("\n\n".join([head, blocks[0], SUNDAY, blocks[1], SATURDAY]), source="a copy")
    assert (page.title, page.number, page.grows) == ("The World Today # 91", "91", True)
    assert sorted(part.key for part in page.parts) == ["2025-08-30", "2025-08-31"]
    assert [part.body_text.split("\n\n")[-1] for part in page.parts] == [SUNDAY, SATURDAY]


def test_a_line_with_a_team_below_it_is_the_date_of_the_page() -> None:
    page = read_text(
        f"Saturday, 30 August 2025\n\nPorts and people\n\nGP Team\n\n{SATURDAY}\n\n{SUNDAY}",
        source="a copy",
    )
    assert (page.title, page.published_on) == ("Ports and people", date(2025, 8, 30))
    assert not page.grows


def test_two_blocks_of_one_day_are_one_part() -> None:
    page = daily(
        ("31 AUGUST, SUNDAY", SUNDAY),
        ("30 AUGUST, SATURDAY", SATURDAY),
        ("31 AUGUST, SUNDAY", MONDAY),
    )
    assert [(part.key, part.body_text) for part in page.parts] == [
        ("2025-08-31", f"{SUNDAY}\n\n{MONDAY}"),
        ("2025-08-30", SATURDAY),
    ]


def running_alert(*days: tuple[str, str]) -> ReadArticle:
    (first, told), *others = days
    blocks = "".join(f"\n\n{day}\n\n{text}" for day, text in others)
    return read_text(
        f"{first}\n\nGP Team\n\nConflict Alerts # 481, 15 April 2022\n\n{told}{blocks}", source="x"
    )


def test_a_running_alert_whose_title_is_its_newest_block_is_one_article() -> None:
    first = running_alert(("Day 51- The siege", SATURDAY))
    second = running_alert(("Day 52- The bridge", SUNDAY), ("Day 51- The siege", SATURDAY))

    assert first.title == second.title == "Conflict Alerts # 481"
    assert [part.key for part in first.parts] == ["day-51"]
    assert [(part.key, part.body_text) for part in second.parts] == [
        ("day-52", SUNDAY),
        ("day-51", SATURDAY),
    ]
    known = record_of(first)
    assert has_only_grown(known, record_of(second, known))


def test_the_small_pieces_of_a_block_stay_inside_it() -> None:
    small = f"Togo: A ship\n\nAfi Mensah\n\n{SATURDAY}\n\nMali: A truck\n\n{MONDAY}"
    page = daily(("31 AUGUST, SUNDAY", SUNDAY), ("30 AUGUST, SATURDAY", small))
    assert [part.key for part in page.parts] == ["2025-08-31", "2025-08-30"]
    assert page.parts[1].body_text == small
    assert "<h2>Mali: A truck</h2>" in page.parts[1].body_html


def test_a_record_with_blocks_is_a_json_document() -> None:
    record = record_of(daily(("31 AUGUST, SUNDAY", SUNDAY), ("Day 7", SATURDAY)))
    document = json.loads(json.dumps(record.to_json()))
    assert document["grows"] is True
    assert [(part["key"], part["dated_on"]) for part in document["parts"]] == [
        ("2025-08-31", "2025-08-31"),
        ("day-7", None),
    ]


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


def test_a_change_around_the_blocks_is_a_correction_though_a_block_came_too() -> None:
    saturday, sunday = ("30 AUGUST, SATURDAY", SATURDAY), ("31 AUGUST, SUNDAY", SUNDAY)
    first = record_of(daily(("", MONDAY), saturday))
    grown = record_of(daily(("", MONDAY), sunday, saturday), first)
    changed = record_of(daily(("", f"{MONDAY} It rained."), sunday, saturday), first)

    assert has_only_grown(first, grown)
    assert not has_only_grown(first, changed)


def test_a_block_that_is_no_longer_shown_is_kept() -> None:
    first = record_of(daily(("30 AUGUST, SATURDAY", SATURDAY)))
    later = record_of(daily(("31 AUGUST, SUNDAY", SUNDAY), ("1 SEPTEMBER, MONDAY", MONDAY)), first)

    kept = with_kept_parts(later, first)

    assert [part.key for part in kept.parts] == ["2025-08-30", "2025-08-31", "2025-09-01"]
    assert has_only_grown(first, kept)
