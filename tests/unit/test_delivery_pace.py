"""How many deliveries are claimed at a time."""

from alerts.delivery.pace import Pace


def test_a_group_lasts_about_half_a_second() -> None:
    pace = Pace()
    assert pace.group == 100
    for _ in range(5):
        pace.sent(100, 0.1)
    assert pace.group == 500
    for _ in range(20):
        pace.sent(100, 0.01)
    assert pace.group == 2_000


def test_a_slow_way_holds_few() -> None:
    pace = Pace()
    for _ in range(5):
        pace.sent(14, 1.0)
    assert pace.group == 50


def test_a_slow_database_is_asked_seldom() -> None:
    pace = Pace()
    pace.sent(100, 1.0)
    pace.turned(0.5)
    assert pace.group == 200
    for _ in range(9):
        pace.turned(9.0)
    assert pace.group == 400
