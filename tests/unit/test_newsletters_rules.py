"""Schedule rules on wall clocks, through every change of the clocks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.errors import Invalid
from alerts.newsletters.rules import parse_rule

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
        ("hourly", None, "2026-11-23T07:00"),
        ("every 15 minutes", None, "2026-11-23T06:15"),
        ("every 15m", "every 15 minutes", None),
        ("every 2 hours", None, "2026-11-23T08:00"),
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not understood"),
        ("sometimes", "not understood: 'sometimes'"),
        ("weekly on moonday 08:00 Asia/Kolkata", "understood 'weekly', then not 'moonday"),
        ("weekly 08:00 UTC", "no day"),
        ("daily 25:00 UTC", "understood 'daily', then not '25:00"),
        ("daily", "no time"),
        ("daily 08:00 Mars/Olympus", "no time zone 'Mars/Olympus'"),
        ("every 7 minutes", "does not divide"),
        ("every 0 minutes", "does not divide"),
        ("monthly on 31 08:00 UTC", "then not '31"),
        ("RRULE:FREQ=SOMETIMES", "no RFC 5545"),
        ("RRULE:FREQ=SECONDLY", "every second"),
        ("RRULE:FREQ=MINUTELY", "every second or minute"),
        ("DTSTART:20261399T000000 RRULE:FREQ=DAILY", "no day and time"),
        ("DTSTART:00010101T000000 RRULE:FREQ=HOURLY", "before 1990"),
        ("RRULE:FREQ=DAILY;UNTIL=20270101T000000Z Mars/Olympus", "no time zone"),
    ],
)
def test_a_rule_that_is_not_understood_says_up_to_where(text: str, said: str) -> None:
    with pytest.raises(Invalid, match="(?s)" + said):
        parse_rule(text)


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
