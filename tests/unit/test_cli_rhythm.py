"""What takes long is done rarely."""

import pytest

from alerts.cli.rhythm import Rhythm


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("takes", "wait"), [(0.0, 0.25), (0.004, 0.25), (0.5, 25.0), (3.0, 150.0)])
def test_the_next_time_comes_no_sooner_than_fifty_times_the_cost(takes: float, wait: float) -> None:
    clock = Seconds()
    rhythm = Rhythm(0.25, seconds=clock)
    with rhythm.timed():
        clock.now += takes
    due = []
    for step in (wait - 0.05, 0.1):
        clock.now += step
        due.append(rhythm.due)
    assert due == [False, True]


def test_the_first_time_is_now_or_put_off() -> None:
    clock = Seconds()
    assert Rhythm(5.0, seconds=clock).due
    rhythm = Rhythm(5.0, at_once=False, seconds=clock)
    due = [rhythm.due]
    clock.now += 5.0
    due.append(rhythm.due)
    assert due == [False, True]
