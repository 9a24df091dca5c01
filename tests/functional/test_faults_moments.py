"""Faults at moments that no process meets for sure: between two parts, as the clock is set back."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from typing_extensions import override

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.audience import Audience
from alerts.delivery.books import audit
from alerts.delivery.completion import cancel_issue, finish_if_done
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.sender import BatchResult
from alerts.delivery.transports.base import Observer, Outgoing, Transport
from alerts.newsletters.issues import get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import IssueState
from alerts.task_queue import RecordingTaskQueue
from benchmarks.readers import add_readers
from tests.data.delivery.house import House
from tests.factories import RENDERER, SETTINGS, approved_issue

READERS, FIRST_PART = 12_000, 5_000
ACCEPTED = Outcome(Fate.ACCEPTED, 250, "2.0.0 queued")
Prepare = Callable[[], Audience | None]


class Counting(Transport):
    """Takes everything at once, and counts what each reader got."""

    def __init__(self) -> None:
        self.got: Counter[str] = Counter()

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        for message in messages:
            message.content(False)
            observer.started(message.delivery_id)
            self.got[message.recipient] += 1
            observer.ended(message.delivery_id, ACCEPTED)

    @override
    async def close(self) -> None:
        """Nothing is held open."""


@pytest.fixture
def house(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    return House(database, clock, tmp_path)


@pytest.fixture
def prepare(house: House) -> Prepare:
    """Return what takes the next part of the audience of an issue for twelve thousand readers."""
    house.issue_id = approved_issue(house.database, house.clock)
    add_readers(house.database, READERS, newsletter="gp-alert")

    def take() -> Audience | None:
        return prepare_issue(
            house.database,
            house.issue_id,
            renderer=RENDERER,
            base_url=SETTINGS.base_url,
            clock=house.clock,
            queue=RecordingTaskQueue(),
        )

    return take


def change(house: House, event: Event) -> None:
    with house.database.transaction() as session:
        move(session, house.issue_id, event, clock=house.clock)


def work_all(house: House, transport: Transport) -> None:
    sender = replace(house.sender, transport=transport)
    for batch in house.batches():
        sender.work_off(batch)
    with house.database.transaction() as session:
        finish_if_done(session, house.issue_id, clock=house.clock)


def test_an_issue_paused_between_two_parts_of_its_audience_goes_on(
    house: House, prepare: Prepare
) -> None:
    transport = Counting()
    first = prepare()
    assert first is not None
    assert (first.readers, first.complete) == (FIRST_PART, False)
    work_all(house, transport)
    # Everybody taken so far has it, and yet it is not sent.
    assert (house.books().sent, house.books().pending) == (FIRST_PART, 0)
    assert house.issue_state() is IssueState.SENDING
    change(house, Event.PAUSE)
    assert prepare() is None
    house.swept()
    assert house.books().audience == FIRST_PART
    change(house, Event.RESUME)
    assert house.issue_id in house.swept(), "nobody takes the rest of the audience"
    second = prepare()
    assert second is not None
    assert (second.readers, second.complete) == (READERS - FIRST_PART, True)
    assert prepare() is None
    work_all(house, transport)
    assert house.books().sent == READERS
    assert house.issue_state() is IssueState.SENT
    assert len(transport.got) == READERS
    assert max(transport.got.values()) == 1


def test_an_issue_cancelled_between_two_parts_has_everybody_it_took_on_its_books(
    house: House, prepare: Prepare
) -> None:
    transport = Counting()
    prepare()
    replace(house.sender, transport=transport).work_off(house.batches()[0])
    sent = transport.got.total()
    with house.database.transaction() as session:
        cancel_issue(session, house.issue_id, clock=house.clock)
    assert prepare() is None
    assert house.swept() == []
    work_all(house, transport)
    books = house.books()
    assert books.settled
    assert (books.audience, books.sent, books.skipped) == (FIRST_PART, sent, FIRST_PART - sent)
    assert books.reasons == {"issue cancelled": FIRST_PART - sent}
    assert transport.got.total() == sent > 0
    with house.database.read() as session:
        assert get_issue(session, house.issue_id).state is IssueState.CANCELLED
        assert audit(session, house.issue_id).pending == 0


def test_a_database_that_goes_away_under_the_first_group_doubles_nobody(house: House) -> None:
    names = [f"r{number:03}" for number in range(130)]
    house.send_to(*names)
    renewals: list[str] = []
    tried_again = threading.Event()

    def lose_the_first(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE batches SET lease_until"):
            renewals.append(statement)
            if len(renewals) == 1:
                raise OperationalError(statement, {}, Exception("the server is away"))
            tried_again.set()

    class Waiting(Counting):
        """Hands nothing over until the database was asked a second time."""

        @override
        async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
            await asyncio.to_thread(tried_again.wait, 30)
            await super().deliver(messages, observer)

    transport = Waiting()
    event.listen(house.database.engine, "before_cursor_execute", lose_the_first)
    work_all(house, transport)
    assert tried_again.is_set()
    assert transport.got == Counter(f"{name}@example.org" for name in names)
    assert house.books().sent == 130
    assert house.issue_state() is IssueState.SENT


def test_a_clock_set_back_an_hour_delays_what_died_and_repeats_nothing(house: House) -> None:
    house.send_to("a", "b", "c", "d")
    house.crash("c")
    house.later(hours=-1)
    # The lease ends by the clock, an hour later than it would have; nobody works on it twice.
    assert house.swept() == []
    assert house.work() is BatchResult.NOT_OURS
    house.later(hours=1, seconds=61)
    assert house.swept() == house.batches()
    assert house.work() is BatchResult.LATER
    house.later(minutes=3)
    assert house.work() is BatchResult.DONE
    assert house.transport.got == Counter(a=1, b=1, c=1, d=1)
    assert house.books().sent == 4


def test_a_clock_set_back_in_the_middle_of_a_batch_changes_nothing(house: House) -> None:
    names = [f"r{number:03}" for number in range(130)]
    house.send_to(*names)

    def set_back(name: str) -> None:
        if name == "r120":
            house.later(hours=-1)

    house.transport.before_each = set_back
    assert house.work() is BatchResult.DONE
    assert house.transport.got == Counter(names)
    assert house.books().sent == 130
    assert house.issue_state() is IssueState.SENT
