"""Removals of what is old, in turns: each is taken once, and all that is old goes."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from alerts.config import Settings
from alerts.delivery.models import Delivery, DeliveryTotal
from alerts.operations.models import PruningRound
from alerts.operations.removals import last_removal
from alerts.operations.rounds import (
    Turn,
    begin_night,
    owed_turns,
    prune_now,
    take_turn,
)
from tests.data.delivery.house import House
from tests.integration.test_operations_pruning import an_old_ledger, rows, shown

AT_ONCE = timedelta()


def begun(house: House) -> Turn:
    with house.database.transaction() as session:
        turn = begin_night(session, clock=house.clock)
    assert turn is not None
    return turn


def take(
    house: House, turn: Turn, *, lasting: timedelta = AT_ONCE, stops: bool = False
) -> Turn | None:
    return take_turn(
        house.database,
        Settings(),
        turn,
        clock=house.clock,
        lasting=lasting,
        size=50,
        stopping=lambda: stops,
    )


def state(house: House) -> tuple[str, dict[str, int]]:
    with house.database.read() as session:
        found = last_removal(session, now=house.clock.now())
    assert found is not None
    return found.state, dict(found.counts)


def test_a_night_goes_on_where_the_turn_before_ended(house: House) -> None:
    issue_id = an_old_ledger(house, 333)
    before = shown(house, issue_id)
    house.later(days=401)
    turn: Turn | None = begun(house)
    left = []
    while turn:
        assert state(house)[0] == "under way"
        turn = take(house, turn)
        left.append(rows(house, Delivery))
        assert shown(house, issue_id) == before
    # A turn whose time is over at once does a slice; the one that finds no more ends all.
    assert left == [283, 233, 183, 133, 83, 33, 0]
    assert state(house) == ("done", {"deliveries": 333})


def test_a_turn_that_has_its_time_does_everything(house: House) -> None:
    an_old_ledger(house, 333)
    house.later(days=401)
    assert take(house, begun(house), lasting=timedelta(minutes=10)) is None
    assert state(house) == ("done", {"deliveries": 333})


def test_a_worker_that_is_to_end_does_so_after_a_slice(house: House) -> None:
    an_old_ledger(house, 333)
    house.later(days=401)
    turn = take(house, begun(house), lasting=timedelta(minutes=10), stops=True)
    assert turn is not None
    assert rows(house, Delivery) == 283
    assert take(house, turn, lasting=timedelta(minutes=10)) is None
    assert state(house) == ("done", {"deliveries": 333})


def test_a_turn_is_taken_once_however_often_it_comes(house: House) -> None:
    an_old_ledger(house, 333)
    house.later(days=401)
    first = begun(house)
    second = take(house, first)
    assert second is not None
    assert take(house, first) is None
    assert rows(house, Delivery) == 283
    with house.database.transaction() as session:
        assert begin_night(session, clock=house.clock) is None
    assert take(house, second, lasting=timedelta(minutes=10)) is None
    assert take(house, second) is None
    assert begun(house).round_id != first.round_id


def test_a_turn_that_was_lost_is_owed_after_ten_minutes(house: House) -> None:
    issue_id = an_old_ledger(house, 333)
    before = shown(house, issue_id)
    house.later(days=401)
    lost = take(house, begun(house))
    assert lost is not None
    house.later(minutes=9)
    with house.database.transaction() as session:
        assert owed_turns(session, clock=house.clock) == []
    house.later(minutes=2)
    assert state(house) == ("broken off", {"deliveries": 50})
    with house.database.transaction() as session:
        assert owed_turns(session, clock=house.clock) == [lost]
        # Asked for once; it may wait in the queue for as long again.
        assert owed_turns(session, clock=house.clock) == []
    assert take(house, lost, lasting=timedelta(minutes=10)) is None
    assert shown(house, issue_id) == before
    assert state(house) == ("done", {"deliveries": 333})


def test_the_command_writes_down_what_it_did(house: House) -> None:
    issue_id = an_old_ledger(house, 333)
    house.later(days=401)
    # Noted after each slice: then a reader of the books sees it on its way.
    pruned = prune_now(house.database, Settings(), clock=house.clock, size=50, lasting=AT_ONCE)
    assert pruned.deliveries == 333
    assert state(house) == ("done", {"deliveries": 333})
    with house.database.read() as session:
        found = last_removal(session, now=house.clock.now())
        assert found is not None
        assert (found.way, found.words) == ("command", "333 rows of old ledgers")
        assert json.dumps(found.to_json())
        totals = session.scalars(select(DeliveryTotal).where(DeliveryTotal.issue_id == issue_id))
        assert sum(total.count for total in totals) == 333


def test_only_the_last_ones_are_remembered(house: House) -> None:
    for _ in range(55):
        prune_now(house.database, Settings(), clock=house.clock)
    assert rows(house, PruningRound) == 50


@pytest.mark.parametrize("stage", ["deliveries", "of another version"])
def test_one_that_an_older_program_began_goes_on(house: House, stage: str) -> None:
    an_old_ledger(house, 60)
    house.later(days=401)
    turn = begun(house)
    with house.database.transaction() as session:
        session.get_one(PruningRound, turn.round_id).stage = stage
    assert take(house, turn, lasting=timedelta(minutes=10)) is None
    assert state(house) == ("done", {"deliveries": 60})
