"""Previews say what the clocks do, and what an exception leaves out."""

from datetime import UTC, datetime

from alerts.newsletters.previews import preview
from alerts.newsletters.rules import parse_rule

LENT = (
    "left out: 6 times from Fri 03 April 2026 08:00 to Sat 18 April 2026 08:00"
    " (except 3 April to 20 April)"
)
WINTER = datetime(2026, 3, 27, 12, tzinfo=UTC)


def notes(text: str, count: int, after: datetime = WINTER) -> list[tuple[str, tuple[str, ...]]]:
    found = preview(parse_rule(text), count=count, after=after)
    return [(one.occurrence.local.isoformat(timespec="minutes"), one.notes) for one in found]


def test_the_clocks_go_forward_and_back() -> None:
    assert notes("daily 08:00 Europe/Paris", 3) == [
        ("2026-03-28T08:00+01:00", ()),
        (
            "2026-03-29T08:00+02:00",
            ("the clocks of Europe/Paris go forward by 1 hour on Sun 29 March 2026 02:00",),
        ),
        ("2026-03-30T08:00+02:00", ()),
    ]
    [(_, told)] = notes("yearly on 26 January 08:00 Australia/Lord_Howe", 1)
    assert told == (
        "the clocks of Australia/Lord_Howe go back by 30 minutes on Sun 05 April 2026 02:00",
        "the clocks of Australia/Lord_Howe go forward by 30 minutes on Sun 04 October 2026 02:00",
    )


def test_a_time_that_the_clocks_skip_or_show_twice() -> None:
    found = notes("daily 02:30 Europe/Paris", 2)
    assert found[1] == (
        "2026-03-29T03:00+02:00",
        (
            "the clocks of Europe/Paris go forward by 1 hour on Sun 29 March 2026 02:00",
            "the clocks skip 02:30 on that day; it is made when they have",
        ),
    )
    [(local, told)] = notes("daily 02:30 Europe/Paris", 1, datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert (local, told) == (
        "2026-10-25T02:30+02:00",
        ("02:30 comes twice on that day; it is made at the first",),
    )


def test_what_is_left_out_stands_where_it_would_have_been() -> None:
    rule = "weekly on fri,sat 08:00 UTC except 28 March, 3 April to 20 April"
    assert notes(rule, 2) == [
        (
            "2026-04-24T08:00+00:00",
            (
                "left out: Sat 28 March 2026 08:00 (except 28 March)",
                LENT,
            ),
        ),
        ("2026-04-25T08:00+00:00", ()),
    ]


def test_a_rule_that_ends_is_shown_as_far_as_it_goes() -> None:
    assert notes("once on 2026-04-01 08:00 UTC", 5) == [("2026-04-01T08:00+00:00", ())]
    assert notes("once on 2026-01-01 08:00 UTC", 5) == []
