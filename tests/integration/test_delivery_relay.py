"""Batches worked off one after the other, the next one begun where the one before runs dry."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from typing_extensions import override

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.models import Batch, BatchState, Delivery
from alerts.delivery.sender import BatchResult
from alerts.delivery.transports.base import Observer, Outgoing, Transport
from tests.data.delivery.house import ACCEPTED, House

# More than two batches of the smallest size.
READERS = 600
PATIENCE = 60.0


@pytest.fixture
def house(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    return House.in_three_batches(database, clock, tmp_path, readers=READERS)


def states(house: House) -> list[BatchState]:
    with house.database.read() as session:
        return list(session.scalars(select(Batch.state).order_by(Batch.id)))


class WaitsForTheNext(Transport):
    """Answers for a message of the first batch only once one of the second was handed over."""

    def __init__(self, first: set[int]) -> None:
        self.first = first
        self.others_began = asyncio.Event()
        self.handed: list[int] = []

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        for message in list(messages):
            message.content(False)
            observer.started(message.delivery_id)
            if message.delivery_id in self.first:
                await asyncio.wait_for(self.others_began.wait(), PATIENCE)
            else:
                self.others_began.set()
            self.handed.append(message.delivery_id)
            observer.ended(message.delivery_id, ACCEPTED)

    @override
    async def close(self) -> None:
        """Nothing is held open."""


def test_the_next_batch_begins_while_the_last_messages_are_under_way(house: House) -> None:
    batches = house.batches()
    with house.database.read() as session:
        of_first = select(Delivery.id).where(Delivery.batch_id == batches[0])
        # What the first batch holds is claimed at once, or it would wait for itself.
        transport = WaitsForTheNext(set(session.scalars(of_first.order_by(Delivery.id.desc()))))
    house.sender.pace.sent(READERS, 0.1)
    results = replace(house.sender, transport=transport).work_on(batches[0], seconds=PATIENCE)
    assert results == dict.fromkeys(batches, BatchResult.DONE)
    assert len(transport.handed) == len(set(transport.handed)) == READERS
    assert (house.books().sent, house.books().pending) == (READERS, 0)
    assert not list(house.sender.spool.iterdir())


def test_no_other_batch_is_begun_after_the_time(house: House) -> None:
    first, *_ = house.batches()
    assert house.sender.work_on(first, seconds=0) == {first: BatchResult.DONE}
    assert states(house) == [BatchState.DONE, BatchState.READY, BatchState.READY]


def test_a_worker_that_ends_begins_no_other_batch(house: House) -> None:
    def stop(_: str) -> None:
        house.stopping = True

    house.transport.before_each = stop
    first, *_ = house.batches()
    results = house.sender.work_on(first, seconds=PATIENCE)
    assert set(results) == {first}
    assert states(house)[1:] == [BatchState.READY, BatchState.READY]
    assert 0 < house.books().sent < READERS


def test_a_server_that_is_away_gets_no_other_batch(house: House) -> None:
    house.transport.away = True
    first, *_ = house.batches()
    assert house.sender.work_on(first, seconds=PATIENCE) == {first: BatchResult.LATER}
    assert states(house)[1:] == [BatchState.READY, BatchState.READY]


def test_two_workers_take_different_batches(house: House) -> None:
    batches = house.batches()
    with ThreadPoolExecutor(2) as threads:
        begun = [
            threads.submit(house.sender.work_on, number, seconds=PATIENCE) for number in batches[:2]
        ]
        found = [each.result(PATIENCE) for each in begun]
    done = [number for one in found for number, end in one.items() if end is BatchResult.DONE]
    assert sorted(done) == batches
    assert max(house.transport.got.values()) == 1
    assert house.books().sent == READERS
