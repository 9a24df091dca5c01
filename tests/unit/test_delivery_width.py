"""How many connections are found to serve, with servers that are simulated."""

from collections.abc import Callable

from alerts.delivery.transports.smtp.width import Width


def run(width: Width, pace: Callable[[int], float], *, seconds: float, now: float = 0.0) -> float:
    """Answer for so many seconds at the pace that a number of connections brings; the time then."""
    end = now + seconds
    while now < end:
        now += 1 / pace(width.allowed)
        width.answered(now, hungry=True)
    return now


def far_away(connections: int) -> float:
    """Return the pace of a server 50 ms away, a round trip a message."""
    return connections / 0.05


def busy(connections: int) -> float:
    """Return the pace of a server whose processor is the limit."""
    return 5_000.0 if connections > 1 else 3_500.0


def test_a_server_far_away_gets_all_the_connections_it_allows() -> None:
    width = Width(20)
    run(width, far_away, seconds=4)
    assert width.allowed == 20


def test_a_server_that_is_busy_gets_few() -> None:
    width = Width(50)
    run(width, busy, seconds=3)
    assert width.allowed <= 5


def test_without_more_waiting_nothing_is_widened() -> None:
    width = Width(50)
    for tick in range(1_000):
        width.answered(tick / 100, hungry=False)
    assert width.allowed == 5


def test_who_is_pushed_back_halves_at_once_and_comes_back_after_a_while() -> None:
    width = Width(20)
    now = run(width, far_away, seconds=4)
    width.pushed_back(now, 20)
    width.pushed_back(now + 0.01, 20)
    assert width.allowed == 10
    later = run(width, far_away, seconds=20, now=now)
    assert width.allowed == 10
    later = run(width, far_away, seconds=60, now=later)
    assert 10 < width.allowed <= 20
    width.pushed_back(later, width.allowed)
    for _ in range(8):
        later += 2
        width.pushed_back(later, width.allowed)
    assert width.allowed == 1


def test_who_is_not_let_in_stays_at_what_is_open() -> None:
    width = Width(20)
    now = run(width, far_away, seconds=0.6)
    width.refused(now, 3)
    assert width.allowed == 3
    run(width, far_away, seconds=25, now=now)
    assert width.allowed == 3
