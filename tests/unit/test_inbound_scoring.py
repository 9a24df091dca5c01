"""Soft bounces add up by days and decay; what arrived among them takes them away."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from alerts.delivery.bounces import Bounce
from alerts.inbound.scoring import Try, is_hopeless, score, soft_days
from tests.conftest import NOW


def _soft(days_ago: Iterable[float]) -> list[Try]:
    return [Try(NOW - timedelta(days=days), Bounce.SOFT) for days in days_ago]


@pytest.mark.parametrize(
    ("days_ago", "hopeless"),
    [
        ([0, 1, 2, 3, 4], True),
        ([0, 3.5, 7, 10.5, 14], True),
        ([0, 1, 2, 3], False),
        # A server that is asked every hour of one day is one server on a bad day.
        ([hour / 24 for hour in range(6)], False),
        # A weekly letter: five weeks may be a holiday, seven are none.
        ([0, 7, 14, 21, 28], False),
        ([0, 7, 14, 21, 28, 35, 42], True),
        ([30 * month for month in range(24)], False),
    ],
)
def test_a_run_of_days_is_enough_and_a_bad_day_is_not(
    days_ago: list[float], hopeless: bool
) -> None:
    assert is_hopeless(_soft(days_ago), now=NOW) is hopeless


def test_what_arrived_in_between_takes_the_points_away() -> None:
    arrived = Try(NOW - timedelta(days=2, hours=12))
    tries = [*_soft([0, 1, 2, 3, 4]), arrived]
    assert len(soft_days(tries)) == 3
    assert not is_hopeless(tries, now=NOW)


def test_what_was_sent_after_the_last_bounce_may_still_come_back() -> None:
    tries = [*_soft([1, 2, 3, 4, 5]), Try(NOW)]
    assert is_hopeless(tries, now=NOW)


def test_refusals_by_policy_neither_count_nor_clear() -> None:
    policy = [Try(NOW - timedelta(days=days), Bounce.POLICY) for days in range(30)]
    assert score(policy, now=NOW) == 0
    assert is_hopeless([*policy, *_soft([0.5, 1.5, 2.5, 3.5, 4.5])], now=NOW)


def test_points_decay() -> None:
    assert score(_soft([0]), now=NOW) == pytest.approx(1)
    assert score(_soft([14]), now=NOW) == pytest.approx(0.5)
    assert score(_soft([0]), now=NOW + timedelta(days=28)) == pytest.approx(0.25)
