"""What becomes of runs that nobody made in time."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.errors import Invalid
from alerts.newsletters.missed import MissedPolicy, Planned, late_text, parse_missed, plan_runs
from alerts.newsletters.rules import Occurrence, Rule, parse_rule

DAILY = parse_rule("daily 08:00 UTC")
MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "canonical", "hours", "beyond"),
    [
        ("send if less than 6 h late", "send if less than 6 hours late", 6, "merge"),
        ("Send if within 1 day", "send if less than 24 hours late", 24, "merge"),
        (
            "send if less than 24h late else merge into the next",
            "send if less than 24 hours late",
            24,
            "merge",
        ),
        (
            "send if less than 6 hours late, else skip",
            "send if less than 6 hours late, else skip",
            6,
            "skip",
        ),
        ("send if less than 90m late", "send if less than 90 minutes late", 1.5, "merge"),
        ("send if less than 1 week late", "send if less than 1 week late", 168, "merge"),
        ("merge", "merge", 0, "merge"),
        ("merge into the next", "merge", 0, "merge"),
        ("SKIP", "skip", 0, "skip"),
    ],
)
def test_policies_in_words(told: str, canonical: str, hours: float, beyond: str) -> None:
    policy = parse_missed(told)
    assert (policy.within, policy.beyond) == (timedelta(hours=hours), beyond)
    assert policy.text == canonical
    assert parse_missed(policy.text) == policy


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("", "'' is not understood"),
        ("perhaps", '"send if less than 6 hours late", "merge" or "skip" would be right'),
        ("send if less than 6 fortnights late", "no span of time"),
        ("send if less than 1 minute late", "between 10 minutes and 31 days"),
        ("send if less than 99 days late", "between 10 minutes and 31 days"),
        ("send if less than 999999999 h late", "no span of time"),
    ],
)
def test_a_policy_that_is_not_understood(told: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_missed(told)
    assert said in str(caught.value)


def due(rule: Rule, first: datetime, now: datetime) -> list[Occurrence]:
    found = []
    for one in rule.coming(first - timedelta(seconds=1)):
        if one.at > now:
            break
        found.append(one)
    return found


def fates(told: str, days: int, late: timedelta) -> list[tuple[str, str]]:
    now = MONDAY + timedelta(days=days) + late
    planned = plan_runs(
        due(DAILY, MONDAY, now), parse_missed(told), now=now, following=DAILY.after(now)
    )
    assert [one.occurrence.at for one in planned] == [
        MONDAY + timedelta(days=day) for day in range(days + 1)
    ]
    return [(one.fate, one.reason) for one in planned]


@pytest.mark.parametrize("told", ["merge", "skip", "send if less than 6 h late"])
def test_a_tick_that_is_a_little_late_is_no_outage(told: str) -> None:
    assert fates(told, 0, timedelta(minutes=10)) == [("send", "")]


@pytest.mark.parametrize(
    ("told", "late", "fate", "reason"),
    [
        ("send if less than 6 h late", timedelta(hours=5), "send", "made 5 hours late"),
        (
            "send if less than 6 h late",
            timedelta(hours=6),
            "merge",
            "6 hours late; merged into the next run, 2026-11-24T08:00 UTC",
        ),
        (
            "send if less than 6 h late, else skip",
            timedelta(hours=7),
            "skip",
            "7 hours late; the schedule does not make up for it",
        ),
        (
            "merge",
            timedelta(minutes=11),
            "merge",
            "11 minutes late; merged into the next run, 2026-11-24T08:00 UTC",
        ),
        (
            "skip",
            timedelta(minutes=100),
            "skip",
            "100 minutes late; the schedule does not make up for it",
        ),
    ],
)
def test_one_missed_run(told: str, late: timedelta, fate: str, reason: str) -> None:
    assert fates(told, 0, late) == [(fate, reason)]


def test_a_week_off_is_one_issue_with_a_row_for_each_day() -> None:
    found = fates("send if less than 24 h late", 6, timedelta(hours=3))
    assert [fate for fate, _ in found] == ["merge"] * 6 + ["send"]
    assert found[0][1] == "6 days late; merged into the run of 2026-11-29T08:00 UTC"
    assert found[5][1] == "27 hours late; merged into the run of 2026-11-29T08:00 UTC"
    assert found[6][1] == "made 3 hours late"
    assert {fate for fate, _ in fates("merge", 6, timedelta(hours=3))} == {"merge"}
    assert {fate for fate, _ in fates("skip", 6, timedelta(hours=3))} == {"skip"}


def test_what_is_not_made_up_for_is_not_made_up_for_beside_a_run_that_is_in_time() -> None:
    found = [fate for fate, _ in fates("skip", 2, timedelta(minutes=1))]
    assert found == ["skip", "skip", "send"]
    found = [fate for fate, _ in fates("send if less than 30 h late, else skip", 2, timedelta(0))]
    assert found == ["skip", "merge", "send"]


def test_what_no_run_is_to_come_for_is_lost_and_said_so() -> None:
    once = parse_rule("once on 2026-11-23 08:00 UTC")
    now = MONDAY + timedelta(days=3)
    [only] = due(once, MONDAY, now)
    policy = MissedPolicy(timedelta(hours=24), "merge")
    assert plan_runs([only], policy, now=now, following=None) == [
        Planned(only, "lost", "3 days late, and no run is to come that it could go into")
    ]


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(0, "0 minutes"), (1, "1 minute"), (119, "119 minutes"), (120, "2 hours"), (4319, "71 hours")],
)
def test_how_late_is_said(minutes: int, said: str) -> None:
    assert late_text(timedelta(minutes=minutes)) == said
