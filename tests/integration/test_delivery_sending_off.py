"""A large audience: its first readers are sent to while the others are taken."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typing_extensions import override

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery import audience
from alerts.delivery.audience import Audience
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.sender import BatchResult, Results, Sender
from alerts.delivery.sending_off import send_off
from alerts.delivery.transports.base import Observer, Outgoing, Transport, TransportDown
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import IssueState
from alerts.rendering.models import Edition
from alerts.task_queue import Queue, RecordingTaskQueue, Task
from tests.conftest import NOW
from tests.data.delivery.house import ACCEPTED, House
from tests.factories import RENDERER, SETTINGS, add_readers, approved_issue

# Three parts of an audience.
FIRST, PART, READERS = 300, 200, 690
PATIENCE = 60.0


class Taking(Transport):
    """Takes everything; tells how much, and whether it is away."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.some = threading.Event()
        self.away = False

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        for message in messages:
            if self.away:
                raise TransportDown("nobody answers")
            message.content(False)
            observer.started(message.delivery_id)
            self.taken.append(message.delivery_id)
            observer.ended(message.delivery_id, ACCEPTED)
        self.some.set()

    @override
    async def close(self) -> None:
        """Nothing is held open."""


class Issue:
    """An issue to many readers that is about to be sent."""

    def __init__(self, database: Database, clock: FixedClock, folder: Path) -> None:
        self.database = database
        self.house = House(database, clock, folder)
        with database.transaction() as session:
            add_readers(session, [f"r{number:03}" for number in range(READERS)], now=NOW)
        self.number = self.house.issue_id = approved_issue(database, clock)
        self.transport = Taking()
        self.sender = replace(self.house.sender, transport=self.transport)
        self.queue = RecordingTaskQueue()
        self.prepare: Callable[[], Audience | None] = partial(
            prepare_issue,
            database,
            self.number,
            renderer=RENDERER,
            base_url=SETTINGS.base_url,
            clock=clock,
            queue=self.queue,
        )

    def send_off(self, prepare: Callable[[], Audience | None] | None = None) -> Results:
        return send_off(
            self.sender, self.number, prepare or self.prepare, seconds=PATIENCE, queue=self.queue
        )

    def is_complete(self) -> bool:
        with self.database.read() as session:
            return get_issue(session, self.number).audience_at is not None

    def handed_on(self) -> bool:
        return (Task.PREPARE_ISSUE, (self.number,), Queue.PREPARATION) in self.queue.enqueued


@pytest.fixture
def issue(
    database: Database, clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Issue:
    monkeypatch.setattr(audience, "_FIRST_CHUNK", FIRST)
    monkeypatch.setattr(audience, "_CHUNK", PART)
    monkeypatch.setattr(audience, "_SMALLEST_BEFORE_MORE", 100)
    return Issue(database, clock, tmp_path)


def test_the_first_readers_are_sent_to_while_the_others_are_taken(issue: Issue) -> None:
    began_before_the_rest = []

    def prepare() -> Audience | None:
        if issue.queue.enqueued:
            began_before_the_rest.append(issue.transport.some.wait(PATIENCE))
        return issue.prepare()

    results = issue.send_off(prepare)
    assert began_before_the_rest == [True, True]
    assert results == dict.fromkeys(issue.house.batches(), BatchResult.DONE)
    assert len(issue.transport.taken) == len(set(issue.transport.taken)) == READERS
    assert issue.is_complete()
    assert not issue.handed_on()
    assert (issue.house.books().sent, issue.house.books().pending) == (READERS, 0)


def test_a_small_audience_is_left_to_the_tasks_of_its_batches(
    issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "_FIRST_CHUNK", READERS + 1)
    assert issue.send_off() == {}
    assert issue.transport.taken == []
    tasks = [(task, ids) for task, ids, _ in issue.queue.enqueued]
    assert tasks == [(Task.SEND_BATCH, (number,)) for number in issue.house.batches()]


def test_whoever_cannot_send_leaves_the_rest_to_a_task(
    issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, work_for = threading.Event(), Sender.work_for

    def telling(*given: Any, **named: Any) -> Results:  # noqa: ANN401 - whatever it is given
        try:
            return work_for(*given, **named)
        finally:
            ended.set()

    def prepare() -> Audience | None:
        if issue.queue.enqueued:
            ended.wait(PATIENCE)
        return issue.prepare()

    monkeypatch.setattr(Sender, "work_for", telling)
    issue.transport.away = True
    results = issue.send_off(prepare)
    assert set(results.values()) == {BatchResult.LATER}
    assert not issue.is_complete()
    assert issue.handed_on()
    # Nothing is lost: whoever takes the task goes on where this one ended.
    issue.transport.away = False
    while not issue.is_complete():
        assert issue.prepare() is not None
    assert issue.house.books().audience == READERS


def test_a_worker_that_ends_leaves_the_rest_to_a_task(issue: Issue) -> None:
    issue.house.stopping = True
    assert issue.send_off() == {}
    assert issue.transport.taken == []
    assert issue.handed_on()


def test_what_goes_wrong_with_the_rest_is_told_once_nothing_is_under_way(issue: Issue) -> None:
    def prepare() -> Audience | None:
        if issue.queue.enqueued:
            issue.transport.some.wait(PATIENCE)
            raise ConnectionError("the database is away")
        return issue.prepare()

    with pytest.raises(ConnectionError, match="is away"):
        issue.send_off(prepare)
    assert len(issue.transport.taken) == FIRST
    assert issue.house.books().sent == FIRST


def test_somebody_who_takes_the_rest_at_the_same_time_ends_it(issue: Issue) -> None:
    def prepare() -> Audience | None:
        if not issue.queue.enqueued:
            return issue.prepare()
        while not issue.is_complete():
            issue.prepare()
        return issue.prepare()

    issue.send_off(prepare)
    assert len(issue.transport.taken) == READERS
    assert not issue.handed_on()


def test_an_issue_of_which_no_messages_can_be_made_is_halted(issue: Issue) -> None:
    def prepare() -> Audience | None:
        taken = issue.prepare()
        with issue.database.transaction() as session:
            session.execute(update(Edition).values(html="<p>by another hand</p>"))
        return taken

    assert issue.send_off(prepare) == {}
    with issue.database.read() as session:
        halted = get_issue(session, issue.number)
        assert halted.state is IssueState.PAUSED
        assert "its checksum does not hold" in (halted.attention or "")
    assert issue.transport.taken == []
