"""What a transport's options mean, what a message falls under, and places kept in a pocket."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.delivery.limits.answers import Stamp, Taken, Turned
from alerts.delivery.limits.options import parse_warmup, read_limits
from alerts.delivery.limits.pockets import Pocket
from alerts.delivery.limits.rules import (
    Admission,
    CountClaim,
    Limits,
    RateClaim,
    Scope,
    Turn,
    Warmup,
    in_order,
    most_at_once,
    quota_claim,
    rate_claim,
)
from alerts.errors import Invalid
from alerts.newsletters.toml import read_definition, write_definition
from alerts.rates import Quota, Rate

EVENLY = rate_claim(Scope.TRANSPORT, "relay", Rate(10, 1))
HOURLY = quota_claim(Scope.TRANSPORT, "relay", Quota(2000, 3600))
STAMP = Stamp(HOURLY.key, 7)


def test_a_transport_without_options_has_no_limits() -> None:
    assert read_limits({"tls": "required"}) == Limits()


def test_all_limits_of_a_transport_hold_at_once() -> None:
    options = {"rate": "14/s", "quota": "2000/h,50000/d", "warmup": "2026-11-23:50,100"}
    claims = in_order(read_limits(options).claims_of_transport("relay"))
    # The rate comes last: nobody waits a moment for a place that a quota will refuse.
    assert [type(claim) for claim in claims] == [CountClaim] * 3 + [RateClaim]
    assert len({claim.key for claim in claims}) == 4
    assert all("relay" in claim.text for claim in claims)


def test_a_domain_falls_under_its_own_limit_or_the_one_for_others() -> None:
    limits = read_limits({}, ["gmail.com=20/s", "*=10/s,100/m"])
    (own,) = limits.claims_on("gmail.com")
    assert isinstance(own, RateClaim)
    assert own.interval == pytest.approx(0.05)
    one, other = limits.claims_on("a.example"), limits.claims_on("b.example")
    assert len(one) == len(other) == 2
    assert len({claim.key for claim in (*one, *other)}) == 4
    assert read_limits({}, ["gmail.com=20/s"]).claims_on("a.example") == ()


def test_the_usual_warm_up_doubles_each_day() -> None:
    plan = parse_warmup("2026-11-23")
    assert plan.start == date(2026, 11, 23)
    assert plan.steps[:4] == (50, 100, 200, 400)
    assert len(plan.steps) == 20


def test_own_steps_of_a_warm_up() -> None:
    assert parse_warmup("2026-11-23:50,500") == Warmup(date(2026, 11, 23), (50, 500))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "23.11.2026",
        "2026-13-01",
        "2026-11-31:50",
        "2026-11-23:",
        "2026-11-23:50,,60",
        "2026-11-23:0",
        "2026-11-23:-5",
        "2026-11-23:" + ",".join(["5"] * 367),
    ],
)
def test_a_wrong_warm_up_is_told(text: str) -> None:
    with pytest.raises(Invalid, match="warmup"):
        parse_warmup(text)


@given(st.text(alphabet="0123456789-:,", max_size=24))
def test_any_warm_up_is_read_or_refused(text: str) -> None:
    try:
        plan = parse_warmup(text)
    except Invalid:
        return
    assert min(plan.steps) > 0


@pytest.mark.parametrize(
    ("claims", "most"),
    [
        ([EVENLY], 1),
        ([rate_claim(Scope.TRANSPORT, "relay", Rate(200, 1))], 20),
        ([rate_claim(Scope.TRANSPORT, "relay", Rate(200, 1)), EVENLY], 1),
        ([HOURLY], 20),
        ([quota_claim(Scope.TRANSPORT, "relay", Quota(50, 3600))], 1),
        ([rate_claim(Scope.TRANSPORT, "relay", Rate(9000, 1))], 50),
    ],
)
def test_one_question_takes_a_tenth_of_a_second(
    claims: list[RateClaim | CountClaim], most: int
) -> None:
    assert most_at_once(claims) == most


def test_a_pocket_gives_places_in_their_order_and_then_none() -> None:
    pocket = Pocket()
    pocket.fill(Taken(2, 0.01, 0.1, ()), 100.0, most=8)
    places = [pocket.take(100.0) for _ in range(3)]
    assert [place and place.due for place in places] == [pytest.approx(100.01), 100.11, None]


def test_who_is_quick_takes_twice_as_many_and_who_is_slow_half() -> None:
    pocket = Pocket()
    wanted = []
    for now in (100.0, 100.1, 100.2, 100.3, 100.4, 100.6, 100.7, 100.9, 101.1):
        pocket.fill(Taken(1, 0, 0.1, ()), now, most=8)
        pocket.take(now)
        wanted.append(pocket.wanted)
    assert wanted == [1, 2, 4, 8, 8, 4, 8, 4, 2]


def test_places_whose_time_is_long_past_are_taken_out() -> None:
    pocket = Pocket(wanted=8)
    pocket.fill(Taken(2, 0, 0.1, (STAMP,)), 100.0, most=8)
    assert list(pocket.expired(100.3)) == []
    assert list(pocket.expired(101.0)) == [STAMP, STAMP]
    assert pocket.take(101.0) is None
    assert pocket.wanted == 1


def test_a_place_that_was_put_back_is_the_next_one() -> None:
    pocket = Pocket()
    pocket.fill(Taken(2, 0, 0.1, (STAMP,)), 100.0, most=8)
    first = pocket.take(100.0)
    assert first is not None
    pocket.put_back(first)
    assert pocket.take(100.0) == first
    assert list(pocket.emptied()) == [STAMP]


def test_a_refusal_is_believed_for_a_second_at_most() -> None:
    pocket = Pocket()
    pocket.refuse(Turned(EVENLY, 0.25, postponed=False, interval=0.1), 100.0)
    assert pocket.refused(100.125) == Admission(Turn.WAIT, 0.125, EVENLY.text, Scope.TRANSPORT)
    assert not pocket.is_idle(100.125)
    assert pocket.refused(100.25) is None
    pocket.refuse(Turned(EVENLY, 4.0, postponed=False, interval=8), 100.0)
    assert pocket.refused(101.0) is None
    assert pocket.is_idle(101.0)


def test_those_who_come_back_for_a_quota_are_spread() -> None:
    pocket = Pocket()
    pocket.refuse(Turned(HOURLY, 60.0, postponed=True, interval=1.8), 100.0)
    answers = [pocket.refused(100.0) for _ in range(2001)]
    seconds = [answer.seconds for answer in answers if answer]
    assert seconds[:3] == [60.0, pytest.approx(61.8), pytest.approx(63.6)]
    assert max(seconds) < 60 + 3600
    assert seconds[2000] == pytest.approx(60.0)
    first = answers[0]
    assert first is not None
    assert (first.turn, first.reason) == (Turn.POSTPONED, f"{HOURLY.text} is used up")


NEWSLETTER = """
slug = "weekly"
title = "Weekly"
template = "gp-alert"
frequencies = ["weekly"]
default_frequency = "weekly"
rate = "{rate}"
[[sections]]
key = "articles"
title = "New"
kind = "cards"
"""


@pytest.mark.parametrize(("written", "kept"), [("5/s", "5/s"), ("500/min", "500/m"), ("", "")])
def test_a_newsletter_states_a_rate(written: str, kept: str) -> None:
    definition = read_definition(NEWSLETTER.format(rate=written), source="weekly.toml")
    assert definition.rate == kept
    again = read_definition(write_definition(definition), source="again")
    assert again == definition


def test_a_newsletters_wrong_rate_is_told_with_its_line() -> None:
    with pytest.raises(Invalid, match=r"weekly.toml, line 7: rate: rate 'fast'.*14/s"):
        read_definition(NEWSLETTER.format(rate="fast"), source="weekly.toml")
