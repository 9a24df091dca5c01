"""Whole pages in every order and rendering that the site prints: the same fields come out."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alerts.articles.reading.read import read_html, read_text
from alerts.articles.reading.record import ReadArticle

TITLE = "Ports of the coast: who pays for the cranes?"
PIER = (
    "The pier at Lomé is longer than the queue before the customs house, and older than most of"
    " the ministers who promise another one. Whoever counts the cranes counts the plans of four"
    " governments as well, and then takes some away."
)
BANKS = (
    "Three banks have offered to lend. Each asks for another list of berths, and each list is"
    " right for the year in which it was drawn. The harbour master keeps all of them in one"
    " drawer, and says that the sea has read none."
)
TEXT = (PIER, BANKS)
COURSE = "NIAS Course on Global Politics"


@dataclass(frozen=True)
class Printed:
    """A header line in one of the site's forms, and what it says."""

    line: str
    series: str | None = None
    number: str | None = None
    volume: str | None = None
    volume_number: str | None = None
    date: str | None = None


NUMBERS = [
    Printed("CWA # 1251", "CWA Commentary", "1251"),
    Printed("cwa commentary #7", "CWA Commentary", "7"),
    Printed("The World this Week #241, Vol. 5, No. 45", "The World This Week", "241", "5", "45"),
    Printed(
        "NIAS AFRICA WEEKLY # 85&86 Vol. 2, No.39 & 40", "NIAS Africa Weekly", "85-86", "2", "39-40"
    ),
    Printed(
        "Africa Weekly #10 & 11, Vol. 1, No. 10 & 11", "NIAS Africa Weekly", "10-11", "1", "10-11"
    ),
    Printed("GP Short Notes # 401", "GP Short Notes", "401"),
    Printed("CONFLICT WEEKLY #150, Vol 3 No 12", "Conflict Weekly", "150", "3", "12"),
    Printed("TWTW#187", "The World This Week", "187"),
    Printed("Africa This Week #12", "Africa This Week", "12"),
]
DATES = [
    Printed("28 September 2019", date="2019-09-28"),
    Printed("02 May 2020", date="2020-05-02"),
    Printed("31 October, 2023", date="2023-10-31"),
    Printed("March 2024", date="2024-03"),
    Printed("17-24 November 2022", date="2022-11-24"),
]
TEAMS = ["NIAS Africa Team", "GP Team"]
AUTHORS = [
    ("Afi Mensah", ["Afi Mensah"]),
    ("By Afi Mensah", ["Afi Mensah"]),
    ("Afi Mensah, Kofi Ado and Nithyashree RB", ["Afi Mensah", "Kofi Ado", "Nithyashree RB"]),
    ("Afi Mensah (Harmattan Institute)", ["Afi Mensah"]),
    ("Afi Mensah & D Suba Chandran", ["Afi Mensah", "D Suba Chandran"]),
]


def one_rendering(lines: list[str], above: int = 0) -> str:
    """Return the page with the course line, and the team's line indented."""
    told = [f"   {line}" if "Team" in line else line for line in lines]
    return "\n\n".join([COURSE, *told[:above], TITLE, *told[above:], *TEXT])


def debris(lines: list[str], above: int = 0) -> str:
    """Return the page as the debris of a table."""
    told = [f"|\n{line}\n|" if "Team" in line else line for line in lines]
    return "\n\n".join(["![]() |", *told[:above], TITLE, *told[above:], *TEXT, "Print Bookmark"])


def markup(lines: list[str]) -> str:
    """Return the page as HTML, laid out by a table."""
    rows = "".join(f"<tr><td>{escape(line).replace(' ', '&nbsp;', 1)}</td></tr>" for line in lines)
    text = "".join(f"<p>{escape(line)}</p>" for line in TEXT)
    return (
        f"<html><body><table><tr><td><table><tr><td><h2>{TITLE}</h2></td></tr>{rows}</table>"
        f"{text}</td></tr></table></body></html>"
    )


def iso_date(article: ReadArticle) -> str | None:
    """Return the date as precisely as it is known."""
    if article.published_on is None:
        return None
    text = article.published_on.isoformat()
    return text[:7] if article.published_precision == "month" else text


Head = tuple[list[str], Printed | None, Printed | None, str | None, list[str]]


@st.composite
def heads(draw: st.DrawFn) -> Head:
    """Draw header lines in any order, some on one line with another, some missing."""
    number = draw(st.none() | st.sampled_from(NUMBERS))
    day = draw(st.none() | st.sampled_from(DATES))
    team = draw(st.none() | st.sampled_from(TEAMS))
    signed = draw(st.none() | st.sampled_from(AUTHORS))
    printed = [one.line for one in (number, day) if one] + ([team] if team else [])
    lines = list(draw(st.permutations(printed)))
    if len(lines) > 1 and draw(st.booleans()):
        mark = draw(st.sampled_from([", ", " | "]))
        lines = [mark.join(lines[:2]), *lines[2:]]
    if signed:
        lines.insert(draw(st.integers(0, len(lines))), signed[0])
    return lines, number, day, team, signed[1] if signed else []


def check(
    article: ReadArticle,
    number: Printed | None,
    day: Printed | None,
    team: str | None,
    names: list[str],
) -> None:
    """Hold an article against what was printed."""
    wanted = number or Printed("")
    assert article.title == TITLE
    assert (article.series, article.number) == (wanted.series, wanted.number)
    assert (article.volume, article.volume_number) == (wanted.volume, wanted.volume_number)
    assert iso_date(article) == (day.date if day else None)
    assert article.team == team
    assert [author.name for author in article.authors] == names
    assert article.body_text == "\n\n".join(TEXT)


@settings(max_examples=300, deadline=None)
@given(heads(), st.sampled_from([one_rendering, debris]), st.integers(0, 3))
def test_team_number_date_and_authors_come_in_any_order(
    head: Head, rendering: Callable[[list[str], int], str], above: int
) -> None:
    lines, number, day, team, names = head
    assume(lines)
    check(read_text(rendering(lines, above), source="test"), number, day, team, names)


@settings(max_examples=150, deadline=None)
@given(heads())
def test_and_so_they_do_on_the_page_itself(head: Head) -> None:
    lines, number, day, team, names = head
    assume(lines)
    check(read_html(markup(lines), url=None, source="test"), number, day, team, names)


@pytest.mark.parametrize(
    ("number", "day"), list(itertools.product(NUMBERS, DATES)), ids=lambda one: one.line
)
def test_number_and_date_stand_on_one_line_or_on_two(number: Printed, day: Printed) -> None:
    for lines in ([f"{number.line}, {day.line}"], [number.line, day.line], [day.line, number.line]):
        check(read_text(one_rendering(lines), source="test"), number, day, None, [])
