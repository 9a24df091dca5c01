"""Alarms of issues that the operator's own limits hold: none where that is soon over."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from alerts.delivery.transports.base import LimitReached
from alerts.newsletters.models import IssueState, Schedule
from alerts.operations.overview import Held, standing_of
from tests.data.delivery.house import House
from tests.data.operations.alarm_bell import Bell

HOURLY = "the quota 20/h of transport one is used up"
WARM_UP = "the warm-up since 2026-11-23 of transport one is used up"
MINUTE = timedelta(minutes=1)


def used_up(words: str, seconds: float) -> Callable[[str], None]:
    def limit(_: str) -> None:
        raise LimitReached(words, seconds)

    return limit


def test_an_issue_under_a_quota_is_no_alarm_before_its_hour_is_long_over(
    house: House, bell: Bell
) -> None:
    house.send_to("ama", "kofi")
    house.transport.before_each = used_up(HOURLY, 3_660)
    house.work()
    for _ in range(61 + 14):
        bell.clock.advance(MINUTE)
        assert bell.look() == []
    # Nobody took it up again.
    bell.clock.advance(2 * MINUTE)
    assert bell.look() == ["issue-stalled"]
    house.transport.before_each = lambda _: None
    house.work()
    assert house.issue_state() is IssueState.SENT
    bell.clock.advance(6 * MINUTE)
    assert bell.look() == []


def test_the_overview_says_what_is_held_until_when_and_why(house: House, bell: Bell) -> None:
    number = house.send_to("ama", "kofi")
    house.transport.before_each = used_up(HOURLY, 3_660)
    house.work()
    until = bell.clock.now() + timedelta(seconds=3_660)
    with bell.database.read() as session:
        assert standing_of(session, clock=bell.clock).held == [
            Held(number, "gp-alert", 2, until, HOURLY)
        ]
    house.transport.before_each = lambda _: None
    bell.clock.advance(timedelta(seconds=3_660))
    with bell.database.read() as session:
        assert standing_of(session, clock=bell.clock).held == []


@pytest.mark.parametrize(("hours", "kinds"), [(5, []), (7, ["issue-slow"])])
def test_a_hold_of_more_than_a_quarter_of_its_day_makes_an_alert_late(
    house: House, bell: Bell, hours: int, kinds: list[str]
) -> None:
    house.send_to("ama", "kofi")
    house.transport.before_each = used_up(WARM_UP, hours * 3_600)
    house.work()
    bell.clock.advance(MINUTE)
    assert bell.look() == kinds
    if kinds:
        [alarm] = bell.alarms()
        assert "the last of 2 who are left gets it about 2026-11-23 13:00 UTC" in alarm.what
        assert "gets nothing" not in alarm.what


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        # The last one after three hours.
        ("quota=1/h", None),
        ("quota=1/d", "from 2026-11-24 06:00 UTC on it is not worth sending"),
        ("rate=10/d", "the last of 4 who are left gets it about 2026-11-23 15:36 UTC"),
        ("warmup=2026-11-23:1,2,9", "gets it about 2026-11-25 00:00 UTC"),
        ("warmup=2026-11-01:1,2", None),
    ],
)
def test_what_cannot_end_in_time_by_what_is_stated_is_told_at_once(
    house: House, tmp_path: Path, limits: str, what: str | None
) -> None:
    url = f"smtp://localhost:25?{limits}"
    bell = Bell(house.database, house.clock, tmp_path, mail_url=url)
    with house.database.transaction() as session:
        session.execute(update(Schedule).values(paused=True))
    house.send_to("ama", "kofi", "esi", "yaw")
    assert bell.look() == (["issue-slow"] if what else [])
    if what:
        assert what in bell.alarms()[0].what
    bell.close()


def test_the_last_reader_of_all_is_one(house: House, tmp_path: Path) -> None:
    bell = Bell(house.database, house.clock, tmp_path, mail_url="smtp://localhost:25?rate=2/d")
    with house.database.transaction() as session:
        session.execute(update(Schedule).values(paused=True))
    house.send_to("ama")
    assert bell.look() == ["issue-slow"]
    assert "stated for sending, the one reader who is left gets it about" in bell.alarms()[0].what
    bell.close()


def test_a_wrong_address_of_the_mail_server_stops_no_watch(house: House, tmp_path: Path) -> None:
    bell = Bell(house.database, house.clock, tmp_path, mail_url="smtp://localhost:25?rate=fast")
    with house.database.transaction() as session:
        session.execute(update(Schedule).values(paused=True))
    house.send_to("ama")
    assert bell.look() == []
    bell.close()
