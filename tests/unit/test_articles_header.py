"""The header lines that the site prints, in the forms seen on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.articles.reading.header import Header, read_header
from alerts.articles.reading.names import Byline, read_byline

CWA = "CWA Commentary"
TWTW = "The World This Week"
AFRICA = "NIAS Africa Weekly"


@pytest.mark.parametrize(
    ("line", "series", "number", "volume", "volume_number", "day"),
    [
        ("CWA # 1251", CWA, "1251", None, None, None),
        ("CWA # 166, 28 September 2019", CWA, "166", None, None, "2019-09-28"),
        ("TWTW#187, 23 October 2022, Vol. 4, No. 36", TWTW, "187", "4", "36", "2022-10-23"),
        (
            "The World This Week # 65, 02 May 2020, Vol 2 No 18",
            *(TWTW, "65", "2", "18", "2020-05-02"),
        ),
        ("The World This Week #241, Vol. 5, No. 45", TWTW, "241", "5", "45", None),
        (
            "The World This Week #173, Vol. 4, No. 22 10 July 2022",
            *(TWTW, "173", "4", "22", "2022-07-10"),
        ),
        (
            "Africa Weekly #85&86 Vol. 2, No.39 & 40 31 October, 2023",
            *(AFRICA, "85-86", "2", "39-40", "2023-10-31"),
        ),
        ("Africa Weekly #10 & 11, Vol. 1, No. 10 & 11", AFRICA, "10-11", "1", "10-11", None),
        ("NIAS AFRICA WEEKLY", AFRICA, None, None, None, None),
        ("March 2024 | CWA # 1251", CWA, "1251", None, None, "2024-03"),
        ("GP Short Notes # 401, 3 May 2021", "GP Short Notes", "401", None, None, "2021-05-03"),
        (
            "Conflict Weekly #150, 17 November 2022",
            *("Conflict Weekly", "150"),
            *([None] * 2),
            "2022-11-17",
        ),
        ("The World this Week #9", TWTW, "9", None, None, None),
        ("CWA # 1,251", CWA, "1251", None, None, None),
        ("CWA#166,28 September 2019", CWA, "166", None, None, "2019-09-28"),
        ("Sept. 2019 | CWA # 166", CWA, "166", None, None, "2019-09"),
        ("CWA # 9, Oct 2, 2021", CWA, "9", None, None, "2021-10-02"),
        ("Africa Weekly # 85 & #86", AFRICA, "85-86", None, None, None),
        ("Africa Weekly #85, Vol 2, Nos 39 & 40", AFRICA, "85", "2", "39-40", None),
        (
            "Africa Weekly #85, Vol. 2, No. 19 - 31 October 2023",
            *(AFRICA, "85", "2", "19", "2023-10-31"),
        ),
        # A week is dated by its last day.
        (
            "Conflict Weekly #150, 17-24 November 2022, Vol.3, No.33",
            *("Conflict Weekly", "150", "3", "33", "2022-11-24"),
        ),
        ("TWTW # 9, 30 September - 6 October 2023", TWTW, "9", None, None, "2023-10-06"),
        ("CWA # 9 | 14/09/2019", CWA, "9", None, None, "2019-09-14"),
        ("CWA # 9 | 23.10.2022", CWA, "9", None, None, "2022-10-23"),
        ("TWTW # 65 dated 02 May 2020", TWTW, "65", None, None, "2020-05-02"),
    ],
)
def test_header_lines_are_understood(
    line: str,
    series: str,
    number: str | None,
    volume: str | None,
    volume_number: str | None,
    day: str | None,
) -> None:
    header = read_header(line)
    assert (header.series, header.number) == (series, number)
    assert (header.volume, header.volume_number) == (volume, volume_number)
    assert header.iso_date == day
    assert header.is_whole


def test_a_team_and_a_date_on_one_line_are_told_apart() -> None:
    header = read_header("| GP Team 14 September 2019 |")
    assert (header.team, header.iso_date, header.rest) == ("GP Team", "2019-09-14", "")


@pytest.mark.parametrize(
    "line",
    [
        "The UN in Africa: MINUSMA has failed. So did Mali",
        "As The World This Week argued, the vote was close",
        "On 30 June, the council voted",
        "No. 7 in a list of ten",
    ],
)
def test_running_words_are_no_header(line: str) -> None:
    assert not read_header(line).is_whole


@pytest.mark.parametrize(
    ("line", "team"),
    [
        ("GP Team", "GP Team"),
        ("The GP Team, 14 September 2019", "GP Team"),
        ("NIAS AFRICA TEAM", "NIAS Africa Team"),
        ("NIAS Area Studies Team", "NIAS Area Studies Team"),
    ],
)
def test_a_team_is_known_in_any_case(line: str, team: str) -> None:
    header = read_header(line)
    assert (header.team, header.is_whole) == (team, True)


@pytest.mark.parametrize(
    ("line", "names", "team"),
    [
        ("By Afi Mensah", ("Afi Mensah",), None),
        ("Compiled by Afi Mensah", ("Afi Mensah",), None),
        (
            "D. Suba Chandran, Rashmi BR, and N Manoharan",
            *(("D. Suba Chandran", "Rashmi BR", "N Manoharan"), None),
        ),
        ("Afi Mensah & Dr. Kofi Ado", ("Afi Mensah", "Dr. Kofi Ado"), None),
        ("Afi Mensah (Harmattan Institute) and Kofi Ado", ("Afi Mensah", "Kofi Ado"), None),
        ("NIAS Africa Team: Afi Mensah, Kofi Ado", ("Afi Mensah", "Kofi Ado"), "NIAS Africa Team"),
        ("Afi Mensah and GP TEAM", ("Afi Mensah",), "GP Team"),
        ("IPRI Team", (), "IPRI Team"),
    ],
)
def test_bylines_tell_people_from_teams(
    line: str, names: tuple[str, ...], team: str | None
) -> None:
    assert read_byline(line) == Byline(names, team)


@pytest.mark.parametrize(
    "line", ["Ukraine, Russia and NATO", "What happened?", "Togo: Afi Mensah", "On 3 May 2020"]
)
def test_what_is_no_byline_names_nobody(line: str) -> None:
    assert read_byline(line) is None


@pytest.mark.parametrize("line", ["03/04/2020", "31/02/2020", "1.2.2020"])
def test_a_date_that_may_be_two_is_neither(line: str) -> None:
    assert read_header(f"CWA # 9, {line}").published_on is None


@pytest.mark.parametrize("line", ["31 February 2024", "CWA # 12, 45 March 2024"])
def test_a_day_that_does_not_exist_is_not_guessed(line: str) -> None:
    header = read_header(line)
    assert header.precision != "day"


def test_a_later_line_only_fills_what_is_open() -> None:
    first = read_header("CWA # 12, March 2024")
    both = first.completed_by(read_header("The World This Week # 9, Vol. 3, No. 4, 5 May 2020"))
    assert (both.series, both.number, both.volume) == (CWA, "12", "3")
    assert both.iso_date == "2024-03"


@given(st.text(max_size=300))
def test_any_line_is_read_without_failing(line: str) -> None:
    assert isinstance(read_header(line), Header)
