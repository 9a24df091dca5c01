"""Reports on issues that are over: a worker counts large ledgers, and nobody who looks."""

import pytest

from alerts.delivery.reporting import keep_reports, kept_report
from alerts.delivery.tallies import AUDIENCE, Place, standing_at, tally
from alerts.web.desk.sending.look import look_at
from tests.data.delivery.house import House


def test_a_large_ledger_is_counted_by_a_worker_alone(house: House) -> None:
    house.send_to("a", "b", "c")
    assert keep_reports(house.database, clock=house.clock) == 0
    with house.database.transaction() as session:
        # As if there had been so many.
        tally(session, house.issue_id, {Place(AUDIENCE): 30_000}, now=house.clock.now())
    house.work()
    assert kept_report(house.database, house.issue_id, clock=house.clock) is None
    assert keep_reports(house.database, clock=house.clock) == 1
    kept = kept_report(house.database, house.issue_id, clock=house.clock)
    assert kept is not None
    assert kept.figures["sent"] == 3
    # Once more when nothing can change any longer; then it stands.
    assert keep_reports(house.database, clock=house.clock) == 0
    house.later(minutes=6)
    again = kept_report(house.database, house.issue_id, clock=house.clock)
    assert again is not None
    assert again.counted_at == kept.counted_at
    assert keep_reports(house.database, clock=house.clock) == 1
    house.later(minutes=60)
    assert keep_reports(house.database, clock=house.clock) == 0


def test_the_rate_of_an_issue_that_began_just_now_is_that_of_its_own_time(house: House) -> None:
    house.send_to(*(f"r{n}" for n in range(40)))
    house.work()
    house.later(seconds=10)
    with house.database.read() as session:
        look = look_at(session, house.issue_id, now=house.clock.now())
        alone = standing_at(session, house.issue_id, now=house.clock.now())
    assert look.standing.rate == pytest.approx(4.0)
    # Without the moment it began at, it is spread over the last minute and what this one has.
    assert alone.rate < look.standing.rate
