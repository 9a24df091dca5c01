"""Moments and spans as the desk reads and writes them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.delivery.tallies import Standing
from alerts.newsletters.models import IssueState
from alerts.web.desk.sending.look import Look, span_in_words
from alerts.web.desk.sending.moments import read_moment

NOW = datetime(2026, 10, 1, 6, 0, tzinfo=UTC)


def test_a_time_that_comes_twice_is_its_first_and_says_so() -> None:
    typed = read_moment("2026-10-25", "02:30", zone="Europe/Paris", now=NOW)
    assert typed.at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert "02:30 twice" in typed.note
    assert typed.problems == {}


def test_a_time_of_day_may_come_with_seconds_and_without_a_zone() -> None:
    typed = read_moment("2026-10-02", "08:00:59", zone="Asia/Kolkata", now=NOW)
    assert typed.at == datetime(2026, 10, 2, 2, 30, tzinfo=UTC)
    assert "time" in read_moment("2026-10-02", "08:00+02", zone="Asia/Kolkata", now=NOW).problems


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-02-30", "2026-1-1", ""])
def test_an_odd_day_is_a_problem_of_the_day(day: str) -> None:
    typed = read_moment(day, "08:00", zone="Pacific/Kiritimati", now=NOW)
    assert (typed.at, list(typed.problems)) == (None, ["day"])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 second"),
        (41, "41 seconds"),
        (61, "1 minute"),
        (3_599, "60 minutes"),
        (3_600, "1 hour"),
        (7_260, "2 hours 1 minute"),
        (200_000, "2 days"),
    ],
)
def test_a_span_is_told_as_a_person_would(seconds: float, words: str) -> None:
    assert span_in_words(seconds) == words


def test_no_rate_is_told_before_there_can_be_one() -> None:
    started = Look(
        issue_id=1,
        state=IssueState.SENDING,
        standing=Standing(audience=3_000),
        now=NOW,
        send_at=None,
        audience_is_taken=True,
        attention=None,
        held_until=None,
        started_at=NOW - timedelta(seconds=20),
    )
    assert "first messages are on their way" in started.pace_words
    later = replace(started, started_at=NOW - timedelta(minutes=2))
    assert later.pace_words == "No message left in the last minute."
