"""Spans of time as people write them."""

from datetime import timedelta

import pytest

from alerts.durations import duration_text, parse_duration
from alerts.errors import Invalid


@pytest.mark.parametrize(
    ("text", "span", "written"),
    [
        ("15m", timedelta(minutes=15), "15 minutes"),
        ("36 hours", timedelta(hours=36), "36 hours"),
        (" 1 Day ", timedelta(days=1), "1 day"),
        ("14 days", timedelta(days=14), "2 weeks"),
        ("90 sec", timedelta(seconds=90), "90 seconds"),
        ("1h", timedelta(hours=1), "1 hour"),
    ],
)
def test_spans_are_read_and_written(text: str, span: timedelta, written: str) -> None:
    assert parse_duration(text) == span
    assert duration_text(span) == written
    assert parse_duration(written) == span


@pytest.mark.parametrize("text", ["", "3", "days", "0 days", "-1 day", "1.5 h", "3 fortnights"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="would be right"):
        parse_duration(text)
