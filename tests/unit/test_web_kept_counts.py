"""Counts that pages show: kept for a minute, and made beside the page where they take long."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from alerts.clock import FixedClock
from alerts.web.kept_counts import Counted, KeptCounts

_LONG = 60.0


@pytest.fixture
def counts() -> Iterator[KeptCounts]:
    opened = KeptCounts(patience=_LONG)
    yield opened
    opened.close()


class Counter:
    """Counts how often it was asked; it answers once it is let go."""

    def __init__(self, *, held: bool = False) -> None:
        self.asked = 0
        self.go = threading.Event()
        if not held:
            self.go.set()

    def __call__(self) -> int:
        self.asked += 1
        assert self.go.wait(_LONG)
        return self.asked


def test_a_count_is_made_once_a_minute(counts: KeptCounts, clock: FixedClock) -> None:
    count = Counter()
    assert counts.get("all", count, clock=clock) == Counted(1, clock.now())
    clock.advance(timedelta(seconds=59))
    again = counts.get("all", count, clock=clock)
    assert again is not None
    assert again.value == 1
    clock.advance(timedelta(seconds=2))
    assert counts.get("all", count, clock=clock) == Counted(2, clock.now())
    assert counts.get("others", count, clock=clock) == Counted(3, clock.now())
    counts.forget()
    assert counts.get("all", count, clock=clock) == Counted(4, clock.now())


def test_no_page_waits_for_a_long_count(clock: FixedClock) -> None:
    counts, count = KeptCounts(patience=0.01), Counter(held=True)
    try:
        assert counts.get("all", count, clock=clock) is None
        # Whoever comes meanwhile waits for the same count.
        assert counts.get("all", count, clock=clock) is None
        count.go.set()
        first = counts.get("all", count, clock=clock, patience=_LONG)
        assert first == Counted(1, clock.now())
        # Later there is something to show while it is counted anew, with its time.
        clock.advance(timedelta(hours=1))
        count.go.clear()
        assert counts.get("all", count, clock=clock) == first
        count.go.set()
        assert counts.get("all", count, clock=clock, patience=_LONG) == Counted(2, clock.now())
    finally:
        count.go.set()
        counts.close()


def test_what_was_counted_before_a_change_is_not_kept_after_it(clock: FixedClock) -> None:
    counts, count = KeptCounts(patience=0.01), Counter(held=True)
    try:
        assert counts.get("all", count, clock=clock) is None
        counts.forget()
        count.go.set()
        assert counts.get("all", count, clock=clock, patience=_LONG) == Counted(2, clock.now())
    finally:
        count.go.set()
        counts.close()


def test_a_count_that_fails_tells_whoever_waits_and_is_made_again(
    counts: KeptCounts, clock: FixedClock
) -> None:
    def fail() -> int:
        raise ZeroDivisionError("the database went away")

    with pytest.raises(ZeroDivisionError):
        counts.get("all", fail, clock=clock)
    assert counts.get("all", lambda: 7, clock=clock) == Counted(7, clock.now())
