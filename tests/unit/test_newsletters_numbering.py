"""Numbers as this house gives them: volumes, double issues, weeks without an issue."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.errors import Invalid
from alerts.newsletters.definitions import BY_HAND, NumberingDefinition
from alerts.newsletters.numbering import (
    Numbered,
    Numbers,
    changed,
    checked,
    label,
    next_numbers,
    printed,
    read_span,
    spelled,
)
from alerts.subscribers.models import Frequency

MONDAY = date(2026, 11, 23)
VOLUMES = NumberingDefinition(first_number=85, first_volume=2, first_volume_number=39)
COUNTING = VOLUMES.model_copy(update={"empty_periods_count": True})


def after(
    rule: NumberingDefinition, last: Numbers, days: int, *, borne: int = 1, since: date = MONDAY
) -> tuple[int, int | None, int | None]:
    found = next_numbers(rule, Numbered(last, since, borne), since + timedelta(days=days))
    return (found.number, found.volume, found.volume_number)


def test_a_newsletter_starts_in_the_middle() -> None:
    assert next_numbers(VOLUMES, None, MONDAY) == Numbers(85, 2, 39)
    assert next_numbers(NumberingDefinition(first_number=7), None, MONDAY) == Numbers(7)


def test_how_numbers_are_printed_and_spelled() -> None:
    assert label(85, 2, 39, 2) == "#85 & 86, Vol. 2, No. 39 & 40"
    assert Numbers(86).label == "#86"
    assert (printed(None), printed(85), printed(85, 3)) == ("", "85", "85, 86 & 87")
    assert (spelled(None), spelled(85), spelled(85, 2), spelled(85, 3)) == (
        None,
        "85",
        "85-86",
        "85-87",
    )
    assert Numbers(85, 2, 39, 2).each == [Numbers(85, 2, 39), Numbers(86, 2, 40)]


@given(st.integers(1, 999_000), st.integers(1, 20))
def test_what_is_spelled_or_printed_for_two_is_read_again(first: int, count: int) -> None:
    assert read_span(spelled(first, count) or "", what="number") == (first, count)
    assert read_span(printed(first, min(count, 2)), what="number") == (first, min(count, 2))


@pytest.mark.parametrize("text", ["", "x", "85-", "-85", "86-85", "85,86,88", "8" * 12, "1.5"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match=r"^the number: "):
        read_span(text, what="the number")


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (Numbers(0), "the number: 0 is not between"),
        (Numbers(10**7), "the number: 10000000 is not between"),
        (Numbers(1, 0, 1), "the volume: 0"),
        (Numbers(1, 1, -1), "the number in the volume: -1"),
        (Numbers(1, 1), "say both, or neither"),
        (Numbers(1, count=0), "not for 0"),
        (Numbers(1, count=21), "stands for 1 to 20 numbers"),
    ],
)
def test_numbers_that_no_issue_can_have(numbers: Numbers, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        checked(numbers)


def test_a_week_without_an_issue_uses_a_number_only_where_that_is_asked() -> None:
    last = Numbers(85, 2, 39)
    assert after(VOLUMES, last, 21) == (86, 2, 40)
    assert after(COUNTING, last, 7) == (86, 2, 40)
    assert after(COUNTING, last, 21) == (88, 2, 42)
    # A day early, three days late: it is that week's issue all the same.
    assert after(COUNTING, last, 6) == after(COUNTING, last, 10) == (86, 2, 40)
    assert after(COUNTING, last, 0) == (86, 2, 40)


def test_a_double_issue_stands_for_the_week_that_has_none() -> None:
    last = Numbers(86, 2, 40)
    assert after(COUNTING, last, 14, borne=2) == (87, 2, 41)
    assert after(COUNTING, last, 7, borne=2) == (87, 2, 41)
    assert after(COUNTING, last, 21, borne=2) == (88, 2, 42)


def test_weeks_without_an_issue_count_in_the_volume_they_lie_in() -> None:
    before_new_year = date(2026, 12, 21)
    last = Numbers(85, 2, 51)
    # 28 December uses up No. 52; 4 January begins the volume.
    assert after(COUNTING, last, 14, since=before_new_year) == (87, 3, 1)
    # 4 January uses up No. 1 of the new volume.
    assert after(COUNTING, last, 21, since=before_new_year) == (88, 3, 2)


def test_months_and_days_without_an_issue() -> None:
    last = Numbered(Numbers(5), date(2026, 11, 30))
    rule = NumberingDefinition(empty_periods_count=True)
    assert next_numbers(rule, last, date(2026, 12, 1), Frequency.MONTHLY).number == 6
    assert next_numbers(rule, last, date(2027, 2, 1), Frequency.MONTHLY).number == 8
    assert next_numbers(rule, last, date(2026, 12, 3), Frequency.DAILY).number == 8
    assert next_numbers(rule, last, date(2027, 2, 1), Frequency.IMMEDIATE).number == 6


@pytest.mark.parametrize("begins", ["01-01", "04-01", "02-29", "12-31"])
def test_volumes_begin_on_their_own_day(begins: str) -> None:
    rule = VOLUMES.model_copy(update={"volume_begins": begins})
    month, day = (int(part) for part in begins.split("-"))
    first = date(2028, month, day)
    last = Numbers(100, 3, 20)
    before = Numbered(last, first - timedelta(days=8))
    assert next_numbers(rule, before, first - timedelta(days=1)) == Numbers(101, 3, 21)
    assert next_numbers(rule, before, first) == Numbers(101, 4, 1)


def test_a_volume_that_begins_by_hand_goes_on_until_then() -> None:
    rule = NumberingDefinition(first_volume=1, volume_begins=" By  hand ")
    assert rule.volume_begins == BY_HAND
    assert after(rule, Numbers(9, 1, 9), 900) == (10, 1, 10)


@pytest.mark.parametrize("begins", ["02-30", "13-01", "1 April", "", "01-01-01"])
def test_a_day_that_no_year_has_begins_no_volume(begins: str) -> None:
    with pytest.raises(ValueError, match="is no day; 04-01 or 'by hand' would be right"):
        NumberingDefinition(volume_begins=begins)


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=40),
    st.booleans(),
    st.sampled_from(["01-01", "04-01", "10-17", BY_HAND]),
)
def test_numbers_rise_and_a_volume_has_each_number_once(
    gaps: list[int], counting: bool, begins: str
) -> None:
    rule = NumberingDefinition(
        first_number=85, first_volume=2, volume_begins=begins, empty_periods_count=counting
    )
    day, last = MONDAY, Numbers(85, 2, 1)
    places = {(2, 1)}
    for gap in gaps:
        found = next_numbers(rule, Numbered(last, day), day + timedelta(days=gap))
        assert found.number == last.number + 1 or (counting and found.number > last.number)
        assert (found.volume, found.volume_number) not in places
        places.add((found.volume or 0, found.volume_number or 0))
        day, last = day + timedelta(days=gap), found


def test_what_a_person_types_takes_the_place_of_what_it_names() -> None:
    before = Numbers(85, 2, 39)
    assert changed(before, count=2) == Numbers(85, 2, 39, 2)
    assert changed(before, number="#86 & 87") == Numbers(86, 2, 39, 2)
    assert changed(before, number="85-86", volume_number="39-40") == Numbers(85, 2, 39, 2)
    assert changed(before, number="86", volume_number="40", count=2) == Numbers(86, 2, 40, 2)
    assert changed(before, volume="", volume_number="") == Numbers(85)
    assert changed(before, volume="3", volume_number="1") == Numbers(85, 3, 1)
    assert changed(Numbers(85, 2, 39, 2), number="85") == Numbers(85, 2, 39)
    assert changed(Numbers(85, 2, 39, 2), volume="3") == Numbers(85, 3, 39, 2)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"number": "85-86", "volume_number": "39-41"}, "cannot stand for 2 and 3 numbers"),
        ({"number": "85-86", "count": 3}, "cannot stand for 2 and 3"),
        ({"volume": "2-3"}, "the volume: '2-3' are two"),
        ({"volume_number": ""}, "say both, or neither"),
        ({"volume": "two"}, "the volume: 'two' is no number"),
    ],
)
def test_what_does_not_agree_is_refused(told: dict[str, str], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        changed(Numbers(85, 2, 39), **told)  # type: ignore[arg-type]  # texts and a number
