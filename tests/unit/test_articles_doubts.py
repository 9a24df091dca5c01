"""What a page prints against itself, or in no way that is known, is told to the editor."""

from datetime import date

import pytest

from alerts.articles.reading.header import days_in, read_header
from alerts.articles.reading.read import read_text

TITLE = "Ports of the coast: who pays for the cranes?"
TEXT = (
    "The pier at Lomé is longer than the queue before the customs house, and older than most of"
    " the ministers who promise another one. Whoever counts the cranes counts the plans of four"
    " governments as well, and then takes some away. Three banks have offered to lend, and each"
    " of them asks for another list, which is right for the year in which it was drawn."
)


def flags(*lines: str, opening: str = "") -> tuple[str, ...]:
    page = "\n\n".join([TITLE, "Afi Mensah", *lines, f"{opening}{TEXT}"])
    return read_text(page, source="a copy").flags


@pytest.mark.parametrize(
    ("printed", "opening"),
    [
        ("CWA # 9, 3 February 2024", "On 30 June 2023, the council voted. "),
        ("CWA # 9, 3 February 2024", "On 30 June, the council voted. "),
        ("CWA # 9, February 2024", "On Friday, 22 December, the council voted. "),
        # The year of another page's date.
        ("CWA # 9, 28 September 2019", "On 26 September 2020, the council voted. "),
    ],
)
def test_a_text_that_opens_a_month_or_more_from_its_date_is_flagged(
    printed: str, opening: str
) -> None:
    (flag,) = flags(printed, opening=opening)
    assert flag.startswith("published_on: printed 20")


@pytest.mark.parametrize(
    ("printed", "opening"),
    [
        ("CWA # 9, 3 February 2024", "On 30 January, the council voted. "),
        ("CWA # 9, 3 January 2024", "On 30 December, the council voted. "),
        ("CWA # 9, February 2024", "On 2 January, the council voted. "),
        ("CWA # 9, February 2024", "On 29 February 2024, the council voted. "),
        # It looks back, and then comes to what is new.
        ("CWA # 9, 3 February 2024", "On 25 April 2013, it began. On 1 February, it ended. "),
        ("CWA # 9, 3 February 2024", "It began on 25 April 2013, under another name. "),
        ("CWA # 9, 3 February 2024", "It may stay until 30 September 2024. On 1 February 2024 "),
    ],
)
def test_a_text_that_looks_back_or_ahead_is_not(printed: str, opening: str) -> None:
    assert flags(printed, opening=opening) == ()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("CWA # 9, 3 May 2024", "CWA # 12"), ("number: 9 is printed, but so is 12",)),
        (
            ("CWA # 9, 3 May 2024", "5 May 2024"),
            ("published_on: 2024-05-03 is printed, but so is 2024-05-05",),
        ),
        (
            ("TWTW#9, Vol. 4, No. 5", "3 May 2024", "Vol. 4, No. 6"),
            ("volume_number: 5 is printed, but so is 6",),
        ),
        (
            ("CWA # 9", "CWA # 12", "CWA # 13", "CWA # 14", "CWA # 15"),
            ("number: 9 is printed, but so is 12, 13, 14",),
        ),
        (("CWA # 9, May 2024", "3 May 2024"), ()),
        (("CWA # 9, 3 May 2024", "May 2024", "CWA # 9"), ()),
    ],
)
def test_lines_that_contradict_each_other_are_flagged(
    lines: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert flags(*lines) == expected


@pytest.mark.parametrize(
    ("line", "flag"),
    [
        ("CWA # 12, 31 February 2024", "header: '31 February 2024' was not understood"),
        ("31 February 2024", "header: '31 February 2024' was not understood, and stands in"),
        ("03/04/2020", "header: '03/04/2020' was not understood, and stands in the text"),
        ("CWA twelve, in spring", "header: 'CWA twelve, in spring' was not understood, and"),
        ("CWA #", "header: 'CWA #' was not understood, and stands in the text"),
    ],
)
def test_a_header_line_that_is_not_understood_is_flagged(line: str, flag: str) -> None:
    (found,) = flags(line)
    assert found.startswith(flag)


def test_what_is_understood_of_such_a_line_is_kept() -> None:
    page = read_text(
        f"{TITLE}\n\nAfi Mensah\n\nCWA # 12, 31 February 2024\n\n{TEXT}", source="a copy"
    )
    assert (page.series, page.number, page.published_on) == ("CWA Commentary", "12", None)
    assert page.body_text == TEXT
    assert "CWA # 12, 31 February 2024" in page.printed["head"]


@pytest.mark.parametrize("heading", ["The vote of March 2022: a retreat", "Three reasons why"])
def test_a_heading_is_no_header_line(heading: str) -> None:
    assert flags("CWA # 9, 3 February 2024", heading) == ()


def test_a_day_takes_the_place_of_its_month() -> None:
    header = read_header("March 2024 | CWA # 1251").completed_by(read_header("15 March 2024"))
    assert (header.iso_date, header.printed_date) == ("2024-03-15", "15 March 2024")
    other = read_header("March 2024 | CWA # 1251").completed_by(read_header("15 April 2024"))
    assert other.iso_date == "2024-03"


def test_days_without_a_year_look_back() -> None:
    named = "On 30 December and 2 January, then on 5 May 2011 and 31 February."
    assert days_in(named, near=date(2024, 1, 20)) == [
        date(2023, 12, 30),
        date(2024, 1, 2),
        date(2011, 5, 5),
    ]
