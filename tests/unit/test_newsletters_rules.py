"""Schedule rules on wall clocks, through every change of the clocks."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.errors import Invalid
from alerts.newsletters.rules import parse_rule

# Words of the grammar, to be strung together as it comes.
WORDS = (
    *("daily", "weekly", "monthly", "yearly", "every", "other", "2", "3", "weeks", "days", "on"),
    *("months", "at", "the", "and", ",", "to", "-", "mon", "fridays", "weekdays", "first", "last"),
    *("day", "of", "month", "8:00", "8", "am", "18:30", "noon", "Asia/Kolkata", "Europe/Pariss"),
    *("except", "not", "26", "January", "2026-12-25", "2027", "starting", "once", "hourly", "15"),
    *("minutes", "EXDATE:20261225T080000"),
)
MONDAY = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "canonical", "first"),
    [
        ("weekly on mon 08:00 Asia/Kolkata", None, "2026-11-30T02:30"),
        ("Weekly on Monday at 8:00 asia/kolkata", "weekly on mon 08:00 Asia/Kolkata", None),
        ("weekly on thu and mon 08:00 UTC", "weekly on mon,thu 08:00 UTC", "2026-11-23T08:00"),
        ("daily 18:30 Europe/Paris", None, "2026-11-23T17:30"),
        ("daily 18:30", "daily 18:30 UTC", "2026-11-23T18:30"),
        ("weekdays 08:00 America/New_York", None, "2026-11-23T13:00"),
        ("monthly on the 1st at 09:00 UTC", "monthly on 1 09:00 UTC", "2026-12-01T09:00"),
        ("hourly", "hourly UTC", "2026-11-23T07:00"),
        ("hourly Asia/Kolkata", None, "2026-11-23T06:30"),
        ("every 15 minutes UTC", None, "2026-11-23T06:15"),
        ("every 15m", "every 15 minutes UTC", None),
        ("every minute", "every minute UTC", "2026-11-23T06:01"),
        ("every 2 hours UTC", None, "2026-11-23T08:00"),
        (
            "RRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=8;BYMINUTE=0;BYSECOND=0 Asia/Kolkata",
            None,
            "2026-11-30T02:30",
        ),
        (
            (
                "DTSTART;TZID=Asia/Kolkata:20260101T000000 "
                "RRULE:FREQ=DAILY;BYHOUR=8;BYMINUTE=0;BYSECOND=0"
            ),
            (
                "DTSTART;TZID=Asia/Kolkata:20260101T000000 "
                "RRULE:FREQ=DAILY;BYHOUR=8;BYMINUTE=0;BYSECOND=0"
            ),
            "2026-11-24T02:30",
        ),
        # What an RRULE does not name, it takes from its start: the hour, and which week.
        (
            "DTSTART;TZID=Asia/Kolkata:20261109T083000\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO",
            "DTSTART;TZID=Asia/Kolkata:20261109T083000 RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO",
            "2026-12-07T03:00",
        ),
        (
            "DTSTART:20270101T120000Z RRULE:FREQ=DAILY",
            "DTSTART;TZID=UTC:20270101T120000 RRULE:FREQ=DAILY",
            "2027-01-01T12:00",
        ),
        (
            "RRULE:FREQ=HOURLY;INTERVAL=5;BYMINUTE=10",
            "RRULE:FREQ=HOURLY;INTERVAL=5;BYMINUTE=10 UTC",
            "2026-11-23T08:10",
        ),
    ],
)
def test_rules_in_plain_words_and_in_rfc_5545(
    text: str, canonical: str | None, first: str | None
) -> None:
    rule = parse_rule(text)
    assert rule.text == (canonical or text)
    assert parse_rule(rule.text) == rule
    if first is not None:
        occurrence = rule.after(MONDAY)
        assert occurrence is not None
        assert occurrence.at.isoformat()[:16] == first


# Each as a person would write it.
PLAIN = [
    ("every weekday at 7:30", "weekdays 07:30 UTC", "2026-11-23T07:30"),
    ("each working day 7.30", "weekdays 07:30 UTC", None),
    ("every day at noon", "daily 12:00 UTC", None),
    ("mondays and thursdays 08:00", "weekly on mon,thu 08:00 UTC", "2026-11-23T08:00"),
    ("every Tues. 8am", "weekly on tue 08:00 UTC", None),
    ("at 6:15 pm on sundays", "weekly on sun 18:15 UTC", "2026-11-29T18:15"),
    ("monday to friday 18:00", "weekly on mon,tue,wed,thu,fri 18:00 UTC", None),
    ("fri-mon 18:00", "weekly on mon,fri,sat,sun 18:00 UTC", None),
    ("weekends 10 am", "weekly on sat,sun 10:00 UTC", None),
    ("first monday of the month 09:00", "first monday of the month 09:00 UTC", "2026-12-07T09:00"),
    ("monthly on the 1st and last friday 9:00", "first and last friday of the month 09:00 UTC", ""),
    ("last day of the month 18:00", "last day of the month 18:00 UTC", "2026-11-30T18:00"),
    ("last weekday of the month 18:00", "last weekday of the month 18:00 UTC", "2026-11-30T18:00"),
    ("1st and 15th of each month at noon", "monthly on 1,15 12:00 UTC", "2026-12-01T12:00"),
    ("the 15th and last day of the month 9:00", "monthly on 15,last 09:00 UTC", None),
    ("every 2 weeks on tue 08:00", "every 2 weeks on tue 08:00 UTC", "2026-11-24T08:00"),
    ("every other friday 8:00", "every 2 weeks on fri 08:00 UTC", "2026-11-27T08:00"),
    ("fortnightly on wed 8:00", "every 2 weeks on wed 08:00 UTC", None),
    (
        "every 2 weeks on tue 08:00 starting 1 December 2026",
        "every 2 weeks on tue 08:00 UTC starting 2026-12-01",
        "2026-12-01T08:00",
    ),
    ("every 3 days 08:00 from 2026-12-01", "every 3 days 08:00 UTC starting 2026-12-01", None),
    ("quarterly on the first monday 9:00", "every 3 months on first monday 09:00 UTC", None),
    ("yearly on January 26th 9:00", "yearly on 26 January 09:00 UTC", "2027-01-26T09:00"),
    ("daily 8:00 starting 2027-01-05", "daily 08:00 UTC starting 2027-01-05", "2027-01-05T08:00"),
    ("once on 2026-12-01 09:00 UTC", "once on 2026-12-01 09:00 UTC", "2026-12-01T09:00"),
    ("once on 1st of December 2026 at 9 am", "once on 2026-12-01 09:00 UTC", "2026-12-01T09:00"),
    ("daily 08:00 in asia/kolkata", "daily 08:00 Asia/Kolkata", None),
    ("hourly Japan", "hourly Japan", None),
]


@pytest.mark.parametrize(("text", "canonical", "first"), PLAIN)
def test_rules_as_a_person_writes_them(text: str, canonical: str, first: str | None) -> None:
    rule = parse_rule(text)
    assert rule.text == canonical
    assert parse_rule(rule.text) == rule
    occurrence = rule.after(MONDAY)
    assert occurrence is not None
    if first:
        assert occurrence.at.isoformat()[:16] == first


@pytest.mark.parametrize(
    ("until", "last"),
    [
        # In UTC, as calendars write it beside a start in a zone: 08:00 in Kolkata is 02:30.
        ("20261126T023000Z", "2026-11-26T02:30"),
        ("20261126T022959Z", "2026-11-25T02:30"),
        ("20261126T080000", "2026-11-26T02:30"),
        ("20261126", "2026-11-26T02:30"),
        ("20261120T000000Z", None),
    ],
)
def test_an_rrule_ends_with_its_last_moment(until: str, last: str | None) -> None:
    text = f"RRULE:FREQ=DAILY;BYHOUR=8;BYMINUTE=0;BYSECOND=0;UNTIL={until} Asia/Kolkata"
    rule = parse_rule(text)
    assert (rule.text, parse_rule(rule.text)) == (text, rule)
    found = [f"{one.at:%Y-%m-%dT%H:%M}" for one in rule.coming(MONDAY)]
    assert (found[-1] if found else None) == last


def test_a_rule_without_a_zone_takes_the_one_it_is_given() -> None:
    for text in ("daily 08:00", "hourly", "once on 2026-12-01 09:00", "RRULE:FREQ=DAILY"):
        rule = parse_rule(text, zone="Asia/Kolkata")
        assert rule.zone == "Asia/Kolkata"
        # Its text names the zone, and so is the same rule wherever it is read again.
        assert parse_rule(rule.text, zone="Europe/Paris") == rule
    assert parse_rule("daily 08:00 UTC", zone="Asia/Kolkata").zone == "UTC"


REFUSED = [
    ("", 'from its end: ›‹; understood so far: nothing; examples are "weekly on mon'),
    ("sometimes", 'from "sometimes": ›sometimes‹; understood so far: nothing; examples'),
    ("dayly 08:00", "did you mean daily?"),
    (
        "weekly on flursday 08:00",
        'from "flursday": weekly on ›flursday‹ 08:00; understood so far: weekly; did you mean',
    ),
    (
        "weekly on mon and mooonday 08:00",
        "mon and ›mooonday‹ 08:00; understood so far: weekly on",
    ),
    ("weekly 08:00 UTC", "weekly ›08:00‹ UTC; understood so far: weekly; a day such as mon"),
    ("daily 25:00 UTC", "daily ›25:00‹ UTC; understood so far: daily; there is no such time"),
    ("daily 13pm", "there is no such time"),
    ("daily 8", "write 8:00 or 8am"),
    ("daily", "daily ›‹; understood so far: daily; a time such as 08:00 is missing"),
    ("daily 08:00 and 18:00", "a rule has one time"),
    ("daily 08:00 Mars/Olympus", "no time zone 'Mars/Olympus'; Asia/Kolkata or Europe/Paris"),
    ("daily 08:00 Asia/Kolkatta", "no time zone 'Asia/Kolkatta'; near it are Asia/Kolkata"),
    ("daily 08:00 kolkata", "did you mean Asia/Kolkata?"),
    ("daily 08:00 IST", "a zone has its town's name"),
    ("daily 08:00 UTC+5:30", "an offset knows no summer time"),
    ("daily 08:00 UTC Europe/Paris", "a rule has one zone"),
    ("every 7 minutes", "7 does not divide the 60 minutes"),
    ("every 0 minutes", "0 does not divide"),
    ("every 5 hours", "5 does not divide the 24 hours"),
    ("every 99 weeks on mon 08:00", "every 2 to 52 weeks"),
    ("every 2 fortnights on mon 08:00", "every 2 ›fortnights‹"),
    ("every second friday 08:00", "`every other friday`, or `second friday of the month`"),
    ("monthly on 31 08:00 UTC", "not every month has a 31"),
    ("monthly 08:00", "a day such as 1 is missing"),
    ("5th monday of the month 08:00", "a first to fourth"),
    ("yearly on 2027-01-26 08:00", "a day such as 26 January"),
    ("once on 2026-02-30 09:00", "no 30 February 2026; near it are 28 February 2026 and 1 March 2"),
    ("once on 2026-13-01 09:00", "no month 13"),
    ("once on 2026-12-00 09:00", "near it are 1 December 2026"),
    ("once on 1 December 09:00", "of which year?"),
    ("once on 1000-01-01 09:00", "years are from 1990 to 2199"),
    ("once tomorrow 09:00", "a day such as 2026-12-01"),
    ("once on 2026-12-01 09:00 starting 2026-12-02", "what comes once has no start"),
    ("daily 08:00 starting january", "a day with its year"),
    ("RRULE:FREQ=SOMETIMES", "no RFC 5545 RRULE at 'FREQ=SOMETIMES' (understood so far: nothing)"),
    ("RRULE:FREQ=WEEKLY;BYHOUR=8;BYDAY=XX", "'BYDAY=XX' (understood so far: FREQ=WEEKLY;BYHOUR=8)"),
    ("RRULE:BYHOUR=99;FREQ=DAILY", "at 'BYHOUR=99' (understood so far: nothing)"),
    ("RRULE:FREQ=SECONDLY", "every second"),
    ("RRULE:FREQ=MINUTELY", "every second or minute"),
    ("RRULE:FREQ=DAILY;BYSECOND=0,1", "several seconds"),
    ("RRULE:FREQ=DAILY;INTERVAL=0", "at 'INTERVAL=0' (understood so far: FREQ=DAILY): a whole num"),
    ("RRULE:FREQ=DAILY;INTERVAL=99999999999999999999", "a whole number from 1 to 9999"),
    ("RRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "no moment to come, in no year"),
    ("DTSTART:20261399T000000 RRULE:FREQ=DAILY", "no day and time"),
    ("DTSTART:00010101T000000 RRULE:FREQ=HOURLY", "before 1990"),
    ("RRULE:FREQ=DAILY;UNTIL=20270230T000000Z", "no day and time 20270230T000000Z for UNTIL"),
    ("RRULE:FREQ=DAILY;UNTIL=20270101T000000Z Mars/Olympus", "no time zone"),
    ("daily " * 1000, "4000 are the most"),
    # What dateutil would count on for ever over, or reads as something else.
    ("RRULE:FREQ=MONTHLY;INTERVAL=+0", "at 'INTERVAL=+0' (understood so far: FREQ=MONTHLY)"),
    ("RRULE:FREQ=DAILY;INTERVAL=-3;BYHOUR=8", "at 'INTERVAL=-3' (understood so far: FREQ=DAILY)"),
    ("RRULE:FREQ=DAILY;COUNT=-1", "at 'COUNT=-1'"),
    ("RRULE:FREQ=DAILY;COUNT=3;UNTIL=20270101", "COUNT or with UNTIL, not with both"),
    ("RRULE:FREQ=DAILY;FREQ=WEEKLY", "FREQ stands there twice"),
    ("RRULE:FREQ=WEEKLY;BYDAY=2MO", "2MO counts days of a month or a year"),
    ("RRULE:FREQ=MONTHLY;BYDAY=0MO", "there is no day 0"),
    ("RRULE:FREQ=DAILY;BYMONTHDAY=0", "numbers from 1 to 31, or -31 to -1 are wanted"),
    ("RRULE:FREQ=DAILY;BYHOUR=8,", "numbers from 0 to 23 are wanted"),
    ("RRULE:FREQ=HOURLY;BYMINUTE=60", "at 'BYMINUTE=60' (understood so far: FREQ=HOURLY)"),
    ("RRULE:FREQ=DAILY;BYHOUR=8;", "at '' (understood so far: FREQ=DAILY;BYHOUR=8): a part is NAM"),
    ("RRULE:FREQ=DAILY;X-WEATHER=FINE", "there is no part X-WEATHER"),
    ("RRULE:FREQ=DAILY;UNTIL=20270101T000000+0530", "a day such as 20270101"),
    ("RRULE:FREQ=DAILY RDATE:20270101T080000", "not understood from 'RDATE:20270101T080000'"),
    ("RRULE:FREQ=DAILY Europe/Paris RRULE:FREQ=DAILY", "not understood from 'RRULE:FREQ=DAILY'"),
    ("DTSTART:20261201 RRULE:FREQ=DAILY", "DTSTART is a day and time, DTSTART:20261201T080000"),
    ("DTSTART:20261201T080000 RRULE:FREQ=DAILY Europe/Paris", "the zone is its TZID"),
    ("DTSTART:99991231T080000 RRULE:FREQ=DAILY", "after 2199"),
    ("second last friday of the month 08:00", "›second‹ last friday of the month 08:00"),
    ("third to last day of the month 08:00", "is the third and the last meant, or another day?"),
    ("every 60 minutes", "›minutes‹; understood so far: every 60; `hourly`, or `daily 08:00`"),
    ("every 24 hours", "`hourly`, or `daily 08:00`, says that"),
    ("mondays 08:00:30", "mondays ›08:00:30‹; understood so far: mondays; a time is told to the"),
    ("daily 0830", "write 08:30 for a time"),
    ("daily 08:00 until 2027-01-01", "an RRULE with UNTIL has one"),
    ("daily 08:00 localtime", "daily 08:00 ›localtime‹"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_a_rule_that_is_not_understood_says_up_to_where(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=re.escape(said)) as caught:
        parse_rule(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("every 29 February 9:00", "yearly on 29 February 09:00 UTC"),
        ("every January 26th 9:00", "yearly on 26 January 09:00 UTC"),
        ("daily 8 p.m.", "daily 20:00 UTC"),
        ("daily 8a.m.", "daily 08:00 UTC"),
        ("\uff2dondays \uff10\uff18:00", "weekly on mon 08:00 UTC"),
        ("every\u00a0monday\u202f08:00", "weekly on mon 08:00 UTC"),
        ("second and last friday of the month 08:00", None),
        ("RRULE: FREQ=DAILY; BYHOUR=8, 18 ;BYMINUTE=0 UTC", None),
    ],
)
def test_what_people_and_their_keyboards_write_is_read_too(written: str, read: str | None) -> None:
    rule = parse_rule(written)
    assert read in {None, rule.text}
    assert parse_rule(rule.text) == rule


@pytest.mark.parametrize(
    ("text", "years"),
    [
        # Between 2026 and 2032 no year has so many weeks.
        ("RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;BYHOUR=9;BYMINUTE=0", [2026, 2032, 2037]),
        ("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", [2044, 2072, 2112]),
        ("once on 2041-07-01 09:00", [2041]),
        ("RRULE:FREQ=YEARLY;INTERVAL=9999", []),
    ],
)
def test_a_rule_that_comes_seldom_comes(text: str, years: list[int]) -> None:
    rule = parse_rule(text)
    found: list[int] = []
    moment = datetime(2026, 11, 30, tzinfo=UTC)
    while len(found) < 3 and (one := rule.after(moment)) is not None:
        found.append(one.at.year)
        moment = one.at
    assert found == years


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_whatever_is_written_is_a_rule_that_is_read_again_or_one_clear_line(text: str) -> None:
    try:
        rule = parse_rule(text)
    except Invalid as error:
        said = str(error)
        assert said.isprintable()
        assert len(said) < 1000
    else:
        assert parse_rule(rule.text) == rule


def occurrences(text: str, start: datetime, end: datetime) -> list[datetime]:
    rule, found, moment = parse_rule(text), [], start
    while (occurrence := rule.after(moment)) is not None and occurrence.at < end:
        found.append(occurrence.at)
        moment = occurrence.at
    return found


def test_an_hour_that_is_skipped_sends_once_after_the_gap() -> None:
    # Paris, 29 March 2026: 02:00 to 03:00 does not exist.
    found = occurrences(
        "daily 02:30 Europe/Paris",
        datetime(2026, 3, 28, 12, tzinfo=UTC),
        datetime(2026, 3, 30, 12, tzinfo=UTC),
    )
    assert [moment.isoformat()[:16] for moment in found] == ["2026-03-29T01:00", "2026-03-30T00:30"]


def test_an_hour_that_is_repeated_sends_once_at_its_first_pass() -> None:
    # Paris, 25 October 2026: 02:00 to 03:00 comes twice, first at UTC+2.
    found = occurrences(
        "daily 02:30 Europe/Paris",
        datetime(2026, 10, 24, 12, tzinfo=UTC),
        datetime(2026, 10, 26, 12, tzinfo=UTC),
    )
    assert [moment.isoformat()[:16] for moment in found] == ["2026-10-25T00:30", "2026-10-26T01:30"]


def test_half_an_hour_of_summer_time() -> None:
    # Lord Howe Island moves its clocks by half an hour: 4 October 2026, 02:00 to 02:30 is skipped.
    found = occurrences(
        "daily 02:15 Australia/Lord_Howe",
        datetime(2026, 10, 3, 0, tzinfo=UTC),
        datetime(2026, 10, 5, 0, tzinfo=UTC),
    )
    assert [moment.isoformat()[:16] for moment in found] == ["2026-10-03T15:30", "2026-10-04T15:15"]


@settings(deadline=None, max_examples=25)
@given(
    zone=st.sampled_from(
        ["Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo"]
    ),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
)
def test_a_daily_rule_fires_once_each_day_of_a_year(zone: str, hour: int, minute: int) -> None:
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    rule = parse_rule(f"daily {hour:02}:{minute:02} {zone}")
    periods, moment = [], start
    for _ in range(365):
        occurrence = rule.after(moment)
        assert occurrence is not None
        assert occurrence.at > moment
        assert occurrence.at - moment <= timedelta(hours=26)
        periods.append(occurrence.period)
        moment = occurrence.at
    assert len(set(periods)) == 365


@settings(deadline=None, max_examples=25)
@given(interval=st.integers(1, 30), hours=st.integers(0, 200_000))
def test_an_hourly_rule_entered_in_its_middle_keeps_its_step(interval: int, hours: int) -> None:
    rule = parse_rule(f"DTSTART:20200101T000700 RRULE:FREQ=HOURLY;INTERVAL={interval}")
    start = datetime(2020, 1, 1, 0, 7, tzinfo=UTC)
    found = rule.after(start + timedelta(hours=hours))
    assert found is not None
    assert found.at == start + timedelta(hours=(hours // interval + 1) * interval)
