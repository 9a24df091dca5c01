"""A commit that fails, or of which the worker never hears whether it held; a defect half-way."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError
from typing_extensions import override

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.counting import outcome_totals
from alerts.delivery.journal import Journal, journal_path
from alerts.delivery.loop import BackgroundLoop
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.sender import BatchResult
from alerts.delivery.transports.base import Observer, Outgoing, Transport
from alerts.newsletters.models import Newsletter
from tests.data.delivery.house import ACCEPTED, Crash, House

READERS = [f"r{number:03}" for number in range(250)]
RENEWAL = "UPDATE batches SET lease_until"


@pytest.fixture
def house(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    return House(database, clock, tmp_path)


@contextmanager
def listening(engine: Engine, name: str, hear: Callable[..., None]) -> Iterator[None]:
    event.listen(engine, name, hear)
    try:
        yield
    finally:
        event.remove(engine, name, hear)


def test_a_group_that_was_written_down_in_a_commit_nobody_heard_of_is_counted_once(
    house: House,
) -> None:
    """The database writes it all down, and is away before it can say so."""
    house.send_to(*READERS)
    recording: list[Connection] = []
    unheard: list[str] = []

    def note(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE deliveries") and "last_answer" in statement:
            recording.append(connection)

    def lose(connection: Connection) -> None:
        if connection in recording and not unheard:
            unheard.append("commit")
            # It holds, and then the line is dead.
            connection.connection.commit()
            raise OperationalError("COMMIT", {}, Exception("the server is away"))

    with (
        listening(house.database.engine, "before_cursor_execute", note),
        listening(house.database.engine, "commit", lose),
    ):
        house.work()
    assert unheard == ["commit"]
    assert house.transport.got == Counter(READERS)
    # What is kept beside the ledger agrees with it; `books` looks.
    assert house.books().sent == len(READERS)
    with house.database.read() as session:
        assert sum(outcome_totals(session).values()) == len(READERS)


def test_what_a_lost_worker_had_noted_is_counted_by_its_provider_too(house: House) -> None:
    house.send_to("a", "b", "c", "d")
    house.transport.answers = {"b": [refusal(550, "5.1.1 no such user")]}
    house.crash("c")
    house.later(seconds=61)
    house.work()
    house.later(minutes=5)
    assert house.work() is BatchResult.DONE
    assert (house.books().sent, house.books().failed) == (3, 1)
    with house.database.read() as session:
        counted = {outcome: n for (_, outcome), n in outcome_totals(session).items()}
    assert counted == {"sent": 3, "hard": 1, "deferred": 1}


class Slow(Transport):
    """Takes messages one after the other, each with a wait for its answer."""

    def __init__(self) -> None:
        self.got: Counter[str] = Counter()

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        for message in messages:
            message.content(False)
            observer.started(message.delivery_id)
            self.got[message.recipient.partition("@")[0]] += 1
            await asyncio.sleep(0.02)
            observer.ended(message.delivery_id, ACCEPTED)

    @override
    async def close(self) -> None:
        """Nothing is held open."""


def test_a_defect_between_two_groups_leaves_nothing_of_the_other_in_doubt(house: House) -> None:
    house.send_to(*READERS)
    transport, loop = Slow(), BackgroundLoop()
    house.sender = replace(house.sender, transport=transport, run=loop.run)

    def break_down(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        # The first group is to be recorded, while the second one is on its way.
        if statement.startswith(RENEWAL) and len(transport.got) > 150:
            raise Crash

    with (
        listening(house.database.engine, "before_cursor_execute", break_down),
        pytest.raises(Crash),
    ):
        house.work()
    sent = len(transport.got)
    assert 150 < sent < len(READERS)
    house.later(seconds=61)
    for _ in range(3):
        house.work()
        house.later(minutes=5)
    loop.close()
    assert transport.got == Counter(READERS)
    assert house.books().sent == len(READERS)


def test_a_journal_that_is_closed_writes_into_no_other_file(tmp_path: Path) -> None:
    journal = Journal(journal_path(tmp_path, 1, 1), boot="this", about="x.1")
    journal.started(1)
    journal.close()
    # It gets the number that the journal had.
    with (tmp_path / "database").open("w+b") as other:
        with pytest.raises(OSError, match="Bad file descriptor"):
            journal.started(2)
        journal.ended(1, Outcome(Fate.ACCEPTED, 250, "2.0.0 queued"))
        journal.close()
        other.seek(0)
        assert other.read() == b""


def test_the_journal_of_a_lease_that_came_to_nothing_says_nothing_of_another_hosts(
    house: House, tmp_path: Path
) -> None:
    """A host is lost with its journal; nobody may be told to have got nothing from it."""
    house.send_to("a", "b", "c")
    with house.database.transaction() as session:
        newsletter = session.get_one(Newsletter, "gp-alert")
        newsletter.definition = newsletter.definition | {"uncertain": "hold"}
    here = house.sender

    def die(_connection: object) -> None:
        if list(here.spool.glob("*.journal")):
            raise Crash

    with (
        listening(house.database.engine, "commit", die),
        pytest.raises(Crash),
    ):
        here.work_off(house.batches()[0])
    assert len(list(here.spool.glob("*.journal"))) == 1
    house.sender = replace(here, spool=tmp_path / "elsewhere")
    house.crash("c")
    house.later(seconds=61)
    house.sender = here
    assert house.work() is BatchResult.DONE
    assert max(house.transport.got.values()) == 1
    assert house.books().uncertain == 3
