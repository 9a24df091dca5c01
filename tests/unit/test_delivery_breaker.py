"""When a transport counts as sick, and whose turn it is."""

from collections import Counter

import pytest

from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.breaker import Breaker
from alerts.delivery.transports.shares import Shares


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


ACCEPTED = Outcome(Fate.ACCEPTED, 250)
LOST = Outcome(Fate.UNKNOWN)


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def breaker(hand: Hand) -> Breaker:
    return Breaker(hand, jitter=lambda: 0.0)


@pytest.mark.parametrize(
    ("outcome", "sick"),
    [
        (LOST, True),
        (Outcome(Fate.TEMPORARY, 0, "connection lost"), True),
        (Outcome(Fate.TEMPORARY, 500, "HTTP's"), True),
        (Outcome(Fate.TEMPORARY, 421, "service closing"), True),
        (Outcome(Fate.TEMPORARY, 421, "4.3.2 shutting down"), True),
        (Outcome(Fate.TEMPORARY, 421, "4.7.0 too much mail for this domain"), False),
        (Outcome(Fate.TEMPORARY, 421, "too many messages to example.org"), False),
        (Outcome(Fate.TEMPORARY, 451, "grey-listed"), False),
        (Outcome(Fate.POSTPONED, 0, "a limit of ours"), False),
        (Outcome(Fate.PERMANENT, 550, "no such reader"), False),
        (Outcome(Fate.PERMANENT, 0, "ours to refuse"), False),
        (ACCEPTED, False),
    ],
)
def test_only_troubles_of_its_own_make_a_transport_sick(
    breaker: Breaker, outcome: Outcome, *, sick: bool
) -> None:
    for _ in range(4):
        breaker.heard(outcome)
    assert breaker.closed
    breaker.heard(outcome)
    assert breaker.closed is not sick
    assert (breaker.rest > 0) is sick


@pytest.mark.parametrize(
    ("between", "closed"),
    [
        (ACCEPTED, True),
        (Outcome(Fate.PERMANENT, 550), True),
        (Outcome(Fate.PERMANENT, 0), False),
        (Outcome(Fate.TEMPORARY, 451), False),
    ],
)
def test_a_clear_answer_between_begins_the_count_anew(
    breaker: Breaker, between: Outcome, *, closed: bool
) -> None:
    for outcome in (LOST, LOST, LOST, LOST, between, LOST):
        breaker.heard(outcome)
    assert breaker.closed is closed


def test_the_rests_grow_to_a_limit_and_success_ends_them(breaker: Breaker, hand: Hand) -> None:
    rests = []
    for _ in range(9):
        breaker.down()
        rests.append(breaker.rest)
        hand.now += breaker.rest
    assert rests == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert (breaker.rest, breaker.closed) == (0, False)
    breaker.heard(ACCEPTED)
    breaker.down()
    assert breaker.rest == 5


def test_on_trial_one_trouble_is_enough(breaker: Breaker, hand: Hand) -> None:
    breaker.down()
    breaker.heard(LOST)
    assert breaker.rest == 5, "what was still on the wire is no news"
    hand.now += 5
    breaker.heard(Outcome(Fate.TEMPORARY, 451))
    assert breaker.rest == 0
    breaker.heard(LOST)
    assert breaker.rest == 10


def test_a_wait_that_was_asked_for_is_kept_within_reason(breaker: Breaker, hand: Hand) -> None:
    breaker.down(wait=90)
    assert breaker.rest == 90
    breaker.down(wait=1e9)
    assert breaker.rest == 3600
    breaker.try_now()
    assert breaker.rest == 3600
    hand.now += 3600
    breaker.down(wait=1)
    assert breaker.rest == 20
    breaker.try_now()
    assert breaker.rest == 1


def test_rests_are_spread_by_up_to_a_quarter(hand: Hand) -> None:
    late = Breaker(hand, jitter=lambda: 1.0)
    late.down()
    assert late.rest == 6.25


def test_shares_are_mixed_and_kept_over_single_calls() -> None:
    shares = Shares({"a": 3, "b": 1, "spare": 0})
    order = [shares.choose(["a", "b", "spare"]) for _ in range(8)]
    assert order == ["a", "a", "b", "a", "a", "a", "b", "a"]


def test_a_spare_is_chosen_only_among_its_like() -> None:
    shares = Shares({"a": 1, "spare": 0})
    assert shares.choose(["spare"]) == "spare"
    assert shares.choose(["spare", "a"]) == "a"
    assert shares.choose([]) is None


def test_the_rest_share_what_an_absent_one_leaves() -> None:
    shares = Shares({"a": 2, "b": 1, "c": 1})
    assert Counter(shares.choose("abc") for _ in range(400)) == {"a": 200, "b": 100, "c": 100}
    assert Counter(shares.choose("bc") for _ in range(100)) == {"b": 50, "c": 50}
