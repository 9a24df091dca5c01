"""What is kept for a moment: how long, and how much of it."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from alerts.kept_briefly import KeptBriefly

NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("later", "made"),
    [
        (timedelta(0), 1),
        (SECOND / 2, 1),
        (SECOND, 2),
        (timedelta(days=1), 2),
        # The clock was set back.
        (-SECOND / 2, 2),
    ],
)
def test_it_is_made_again_after_its_span(later: timedelta, made: int) -> None:
    kept: KeptBriefly[int] = KeptBriefly(SECOND)
    numbers = count(1)
    assert kept.get("a", lambda: next(numbers), now=NOW) == 1
    assert kept.get("a", lambda: next(numbers), now=NOW + later) == made


def test_nothing_is_kept_for_no_time() -> None:
    kept: KeptBriefly[int] = KeptBriefly(timedelta(0))
    numbers = count(1)
    assert [kept.get("a", lambda: next(numbers), now=NOW) for _ in range(3)] == [1, 2, 3]


def test_each_is_kept_by_what_it_is_of_and_what_fails_is_not() -> None:
    kept: KeptBriefly[str] = KeptBriefly(SECOND)
    assert kept.get("a", lambda: "page a", now=NOW) == "page a"
    assert kept.get("b", lambda: "page b", now=NOW) == "page b"
    with pytest.raises(LookupError):
        kept.get("c", _gone, now=NOW)
    assert kept.get("c", lambda: "page c", now=NOW) == "page c"


def _gone() -> str:
    raise LookupError


def test_many_keys_take_no_more_room_than_some() -> None:
    kept: KeptBriefly[bytes] = KeptBriefly(SECOND)
    for number in range(10_000):
        kept.get(number, lambda: b"", now=NOW)
    assert len(vars(kept)["_kept"]) <= 50
