"""The counts kept beside the ledger agree with it, and are cheap to look at.

That they agree whatever happens, crashes among it, is held by `House.books()` in every test of the
sender and of the books.
"""

from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select

from alerts.delivery.completion import cancel_issue
from alerts.delivery.models import DeliveryState
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.retrying import retry_issue
from alerts.delivery.tallies import (
    LedgerTally,
    Place,
    Standing,
    recount,
    sent_by_minute,
    settle_tallies,
    standing_at,
    tally,
)
from tests.data.delivery.house import House
from tests.factories import counted_queries

LOST = Outcome(Fate.UNKNOWN, 0, "connection lost")


def standing(house: House) -> Standing:
    with house.database.read() as session:
        return standing_at(session, house.issue_id, now=house.clock.now())


def settled(house: House) -> None:
    with house.database.transaction() as session:
        settle_tallies(session, now=house.clock.now())


def rows(house: House) -> int:
    with house.database.read() as session:
        return session.scalar(select(func.count()).select_from(LedgerTally)) or 0


def test_failures_are_told_by_class(house: House) -> None:
    house.send_to("fine", "nobody", "spam", "lost")
    house.transport.answers = {
        "nobody": [refusal(550, "5.1.1 no such user")],
        "spam": [refusal(554, "5.7.1 not from you")],
        "lost": [LOST] * 3,
    }
    for _ in range(8):
        house.work()
        house.later(hours=1)
    found = standing(house)
    assert (found.sent, found.failed, found.uncertain, found.pending) == (1, 2, 1, 0)
    assert found.failures == {"hard": 1, "policy": 1}
    assert found.done == found.audience == 4


def test_what_is_tried_again_is_taken_off_its_count(house: House) -> None:
    house.send_to("fine", "nobody")
    house.transport.answers = {"nobody": [refusal(550, "5.1.1 no such user")]}
    house.work()
    assert standing(house).failures == {"hard": 1}
    with house.database.transaction() as session:
        retry_issue(session, house.issue_id, reasons=["hard"], clock=house.clock)
    again = standing(house)
    assert (again.sent, again.failed, again.pending, again.failures) == (1, 0, 1, {})
    house.work()
    assert house.books().sent == 2


def test_adding_up_changes_no_sum_and_leaves_a_row_a_minute(house: House) -> None:
    house.send_to("a", "b", "c")
    house.work()
    before = standing(house)
    settled(house)
    # The running minute is left alone.
    assert rows(house) == 2
    with house.database.transaction() as session:
        sent = {Place(DeliveryState.SENT.value): 2}
        for _ in range(5):
            tally(session, house.issue_id, sent, now=house.clock.now())
            tally(session, house.issue_id, {Place("sent"): -2}, now=house.clock.now())
    house.later(minutes=2)
    settled(house)
    settled(house)
    assert rows(house) == 2
    after = standing(house)
    assert (after.audience, after.sent) == (before.audience, before.sent) == (3, 3)


def test_the_rate_is_that_of_the_last_minute(house: House) -> None:
    house.send_to("a")
    start = house.clock.now()
    for minute in range(3):
        with house.database.transaction() as session:
            sent = {Place("sent"): 60 * (minute + 1)}
            tally(session, house.issue_id, sent, now=start + timedelta(minutes=minute))
    house.later(minutes=2, seconds=30)
    # 120 in the minute before, 180 in the half minute of this one.
    assert standing(house).rate == pytest.approx(300 / 90)
    house.later(minutes=10)
    assert standing(house).rate == 0
    with house.database.read() as session:
        counts = sent_by_minute(session, house.issue_id)
    assert [count for _, count in counts] == [60, 120, 180]
    assert counts[0][0] == start


def test_counts_that_went_astray_are_set_right_from_the_ledger(house: House) -> None:
    house.send_to("a", "b", "nobody")
    house.transport.answers = {"nobody": [refusal(550, "5.1.1 no such user")]}
    house.work()
    right = standing(house)
    with house.database.transaction() as session:
        session.execute(delete(LedgerTally).where(LedgerTally.state == "sent"))
        tally(session, house.issue_id, {Place("skipped"): 7}, now=house.clock.now())
    with house.database.transaction() as session:
        recount(session, house.issue_id, now=house.clock.now())
    assert standing(house) == right
    house.books()


def test_what_is_called_off_is_counted_as_skipped(house: House) -> None:
    house.send_to("a", "b")
    with house.database.transaction() as session:
        cancel_issue(session, house.issue_id, clock=house.clock)
    assert (standing(house).skipped, standing(house).pending) == (2, 0)
    house.books()


def test_a_look_is_one_query_that_reads_no_ledger(house: House) -> None:
    house.send_to(*(f"reader{number}" for number in range(30)))
    house.work()
    with counted_queries(house.database.engine) as statements:
        standing(house)
    assert len([one for one in statements if "SELECT" in one]) == 1
    assert not any("deliveries" in one for one in statements)
