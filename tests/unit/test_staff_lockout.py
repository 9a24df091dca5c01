"""How long nothing more is tried."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.staff.lockout import (
    ACCOUNT,
    CODE,
    NETWORK,
    Rule,
    Standing,
    after_failure,
    is_locked,
    taken_back,
)

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def standing_after(rule: Rule, failures: int) -> Standing:
    standing = None
    for _ in range(failures):
        standing = after_failure(rule, standing, NOW)
    assert standing is not None
    return standing


def test_some_tries_are_free_then_each_wait_is_longer() -> None:
    assert not is_locked(None, NOW)
    assert standing_after(ACCOUNT, 4).locked_until is None
    waits = []
    for failures in range(5, 12):
        until = standing_after(ACCOUNT, failures).locked_until
        assert until is not None
        waits.append((until - NOW).total_seconds())
    assert waits == [30, 60, 120, 240, 480, 900, 900]


@given(st.sampled_from([ACCOUNT, NETWORK, CODE]), st.integers(1, 3000))
def test_waits_never_shrink_nor_pass_the_longest(rule: Rule, failures: int) -> None:
    before, after = Standing(failures, NOW), after_failure(rule, Standing(failures, NOW), NOW)
    assert after.failures == failures + 1
    if after.failures > rule.free:
        assert after.locked_until is not None
        assert rule.first_wait <= after.locked_until - NOW <= rule.longest_wait
    else:
        assert after.locked_until is before.locked_until is None


def test_a_lock_ends_at_its_moment_and_all_is_forgotten_after_a_day() -> None:
    standing = standing_after(ACCOUNT, 5)
    assert is_locked(standing, NOW + timedelta(seconds=29))
    assert not is_locked(standing, NOW + timedelta(seconds=30))
    assert after_failure(ACCOUNT, standing, NOW + timedelta(hours=23)).failures == 6
    assert after_failure(ACCOUNT, standing, NOW + timedelta(hours=24)).failures == 1


@pytest.mark.parametrize("failures", [1, 4, 5, 6])
def test_a_good_try_takes_its_own_count_back(failures: int) -> None:
    after = taken_back(ACCOUNT, standing_after(ACCOUNT, failures))
    assert after.failures == failures - 1
    assert is_locked(after, NOW) == (failures - 1 > ACCOUNT.free)
