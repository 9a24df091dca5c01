"""What a rule leaves out: days of every year, days, ranges, weekdays, moments; RFC 5545 EXDATE."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.errors import Invalid
from alerts.newsletters.left_out import LeftOut
from alerts.newsletters.rules import parse_rule

NOVEMBER = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "canonical"),
    [
        ("except 26 January, except 2026-12-25", "except 26 January, 2026-12-25"),
        ("except 2026-12-25 and 26 January", "except 26 January, 2026-12-25"),
        ("not on 26 January", "except 26 January"),
        ("but not on the 26th of January", "except 26 January"),
        ("except Jan. 26th", "except 26 January"),
        ("except December 25, 2026", "except 2026-12-25"),
        ("except 25 December 2026, 26 December 2026", "except 2026-12-25, 2026-12-26"),
        ("except 20 December to 2 January", "except 20 December to 2 January"),
        ("except from 20 December until 2 January", "except 20 December to 2 January"),
        ("except 24 to 26 December", "except 24 December to 26 December"),
        ("except 24-26 December", "except 24 December to 26 December"),
        ("except 24 December – 26 December", "except 24 December to 26 December"),
        ("except 2026-12-20 to 2027-01-02", "except 2026-12-20 to 2027-01-02"),
        ("except sundays and 1 January", "except sun, 1 January"),
        ("without weekends", "except sat, sun"),
        ("except 2026-12-25 08:00", "except 2026-12-25 08:00"),
        ("EXDATE:20261225T080000", "except 2026-12-25 08:00"),
        ("EXDATE:20261225T023000Z", "except 2026-12-25 08:00"),
        (
            "EXDATE;TZID=Europe/Paris:20261225T033000,20261226T033000",
            "except 2026-12-25 08:00, 2026-12-26 08:00",
        ),
        (
            "EXDATE;VALUE=DATE:20261225 EXDATE;VALUE=DATE:20261226",
            "except 2026-12-25, 2026-12-26",
        ),
    ],
)
def test_exceptions_in_plain_words_and_in_rfc_5545(told: str, canonical: str) -> None:
    for main in ("daily 08:00 Asia/Kolkata", "RRULE:FREQ=DAILY;BYHOUR=8 Asia/Kolkata"):
        rule = parse_rule(f"{main} {told}")
        assert rule.text == f"{main} {canonical}"
        assert parse_rule(rule.text) == rule


def test_the_zone_may_stand_after_the_exceptions() -> None:
    before = parse_rule("daily 08:00 Asia/Kolkata except 26 January, 2026-12-25")
    assert parse_rule("daily 08:00 except 26 January, 2026-12-25 Asia/Kolkata") == before


def days(text: str, count: int) -> list[str]:
    rule, moment, found = parse_rule(text), NOVEMBER, []
    for _ in range(count):
        occurrence = rule.after(moment)
        assert occurrence is not None
        moment = occurrence.at
        found.append(occurrence.local.strftime("%Y-%m-%d %H:%M"))
    return found


def test_what_is_left_out_does_not_come() -> None:
    assert days("weekly on sat 08:00 except 20 December to 2 January", 6)[3:] == [
        "2026-12-19 08:00",
        "2027-01-09 08:00",
        "2027-01-16 08:00",
    ]
    assert days("yearly on 26 January 09:00 except 2027-01-26", 1) == ["2028-01-26 09:00"]
    assert days("every 12 hours except 2026-11-24, 2026-11-25 12:00", 3) == [
        "2026-11-23 12:00",
        "2026-11-25 00:00",
        "2026-11-26 00:00",
    ]
    # As RFC 5545 has it, what is left out still counts.
    counted = "DTSTART:20261124T080000 RRULE:FREQ=DAILY;COUNT=3 EXDATE:20261125T080000"
    assert days(counted, 2) == ["2026-11-24 08:00", "2026-11-26 08:00"]
    rule = parse_rule(counted)
    assert rule.after(datetime(2026, 11, 26, 8, tzinfo=UTC)) is None


def test_years_of_minutes_are_left_out_without_walking_through_them() -> None:
    rule = parse_rule("every minute UTC except 2026-01-01 to 2028-12-31")
    found = rule.after(NOVEMBER)
    assert found is not None
    assert found.at == datetime(2029, 1, 1, tzinfo=UTC)
    assert parse_rule("every minute except 1 January to 31 December").after(NOVEMBER) is None


def test_what_is_left_out_is_told_among_what_comes() -> None:
    coming = parse_rule("daily 08:00 UTC except 25 November").coming(NOVEMBER)
    found = [next(coming) for _ in range(4)]
    assert [one.left_out for one in found] == ["", "", "25 November", ""]
    assert [one.local.day for one in found] == [23, 24, 25, 26]


def test_an_exception_of_every_leap_day() -> None:
    rule = parse_rule("yearly on 29 February 08:00 except 2028-02-29")
    found = rule.after(NOVEMBER)
    assert found is not None
    assert found.at.year == 2032
    assert days("weekly on tue 08:00 starting 2028-02-22 except 29 February", 2) == [
        "2028-02-22 08:00",
        "2028-03-07 08:00",
    ]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("except", "except ›‹; understood so far: "),
        ("except christmas", "›christmas‹"),
        ("except 30 February", "there is no 30 February; near it are 29 February and 1 March"),
        (
            "except 2026-12-32",
            "there is no 32 December 2026; near it are 31 December 2026 and",
        ),
        ("except 2026-12-25 to 2026-12-20", "20 December 2026 is before 25 December 2026"),
        ("except 20 December 2026 to 2 January", "either both days of a range have a year"),
        ("except 20 December to", "the last day of the range"),
        ("except 31 to 2 February", "a day such as 26 January"),
        ("except 26 January 08:00", "only a day with its year"),
        ("except mon to sun", "leaves out every day of the week"),
        ("EXDATE:tomorrow", "is no RFC 5545 EXDATE"),
        ("EXDATE:20261399", "'20261399' is no RFC 5545 EXDATE"),
        ("EXDATE:00010101T000000Z", "is no RFC 5545 EXDATE"),
        ("EXDATE;TZID=Mars/Olympus:20261225T080000", "no time zone 'Mars/Olympus'"),
    ],
)
def test_an_exception_that_is_not_understood(told: str, said: str) -> None:
    for main in ("daily 08:00", "RRULE:FREQ=DAILY"):
        with pytest.raises(
            Invalid, match=re.escape(said.split("; understood", maxsplit=1)[0])
        ) as caught:
            parse_rule(f"{main} {told}")
        assert "\n" not in str(caught.value)
    with pytest.raises(Invalid, match=re.escape(said)):
        parse_rule(f"daily 08:00 {told}")


month_days = st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda day: (day.month, day.day))
some_days = st.dates(date(1990, 1, 1), date(2199, 12, 31))
moments = st.datetimes(datetime(1990, 1, 1), datetime(2199, 12, 31))  # noqa: DTZ001 - wall clocks
left_outs = st.builds(
    LeftOut,
    st.sets(st.integers(0, 6), max_size=6).map(lambda found: tuple(sorted(found))),
    st.sets(st.tuples(month_days, month_days), max_size=4).map(lambda found: tuple(sorted(found))),
    st.sets(st.tuples(some_days, some_days).map(lambda two: (min(two), max(two))), max_size=4).map(
        lambda found: tuple(sorted(found))
    ),
    st.sets(moments.map(lambda one: one.replace(microsecond=0)), max_size=4).map(
        lambda found: tuple(sorted(found))
    ),
)
mains = st.sampled_from(
    [
        "daily 08:00 Asia/Kolkata",
        "every 15 minutes Europe/Paris",
        "first and last friday of the month 18:00 UTC",
        "every 2 weeks on tue,thu 07:30 UTC starting 2026-12-01",
        "once on 2026-12-01 09:00 America/New_York",
        "RRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=8 Asia/Kolkata",
        "DTSTART;TZID=Asia/Kolkata:20260101T083000 RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO",
    ]
)


@settings(deadline=None, max_examples=200)
@given(mains, left_outs)
def test_the_canonical_text_is_read_as_the_same_rule(main: str, left_out: LeftOut) -> None:
    rule = parse_rule(main + left_out.text)
    assert rule.left_out == left_out
    assert rule.text == main + left_out.text
    assert parse_rule(rule.text) == rule


@settings(deadline=None, max_examples=100)
@given(left_outs, st.integers(0, 3000))
def test_a_daily_rule_comes_on_each_day_but_those_left_out(left_out: LeftOut, start: int) -> None:
    rule = parse_rule(f"daily 08:00 UTC{left_out.text}")
    moment = datetime(2024, 1, 1, 7, tzinfo=UTC) + timedelta(days=start)
    coming = rule.coming(moment)
    for number in range(60):
        one = next(coming)
        planned = (moment + timedelta(days=number)).replace(hour=8, tzinfo=None)
        assert one.at == planned.replace(tzinfo=UTC)
        assert bool(one.left_out) is bool(left_out.reason(planned))
