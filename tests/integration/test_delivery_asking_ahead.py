"""Links of drafts that are asked for by themselves, and issues that start on the second."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.asking_ahead import ask_ahead, drafts_to_ask_for
from alerts.delivery.sweeper import soon_starting
from alerts.newsletters.editing import steps
from alerts.newsletters.editing.composing import section_keys
from alerts.newsletters.editing.composition import TextEntry
from alerts.newsletters.editing.service import change_composition
from alerts.newsletters.issues import draft_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.service import ensure_built_in, get_newsletter
from alerts.rendering.reviewing.models import LinkCheck
from alerts.staff.audit import COMMAND_LINE
from alerts.task_queue import LONGEST_WAIT, Queue, RecordingTaskQueue, Task
from tests.factories import RENDERER, SETTINGS, an_article, approved_issue


@pytest.fixture
def issue_id(database: Database, clock: FixedClock) -> int:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        an_article(session, clock, url="https://one.example.org/a")
        an_article(session, clock, url="https://two.example.org/b")
        return draft_issue(session, "gp-alert", clock=clock).id


def _owed(database: Database) -> list[int]:
    with database.read() as session:
        return drafts_to_ask_for(session)


def _ask(database: Database, issue_id: int, clock: FixedClock) -> int:
    """Ask as a worker does; return how many checks are to be enqueued."""
    asked = ask_ahead(database, issue_id, settings=SETTINGS, renderer=RENDERER, clock=clock)
    return len(asked)


def _addresses(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.scalars(select(LinkCheck.url)))


def test_a_drafts_links_are_asked_for_once_and_again_when_it_changes(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    assert _owed(database) == [issue_id]
    # One check for each site.
    assert _ask(database, issue_id, clock) == 2
    assert _addresses(database) == {"https://one.example.org/a", "https://two.example.org/b"}
    assert _owed(database) == []
    # A task that comes twice asks for nothing more.
    assert _ask(database, issue_id, clock) == 0
    clock.advance(timedelta(minutes=1))
    with database.transaction() as session:
        change_composition(
            session,
            issue_id,
            lambda one, definition: steps.with_text(
                one, section_keys(definition)[0], section_keys(definition), version=2
            ),
            actor=COMMAND_LINE,
            clock=clock,
        )
    assert _owed(database) == [issue_id]
    assert _ask(database, issue_id, clock) == 0
    with database.transaction() as session:
        change_composition(
            session,
            issue_id,
            lambda one, _: replace(
                one,
                entries=(TextEntry("t2", "articles", "[a](https://three.example)"), *one.pieces),
            ),
            actor=COMMAND_LINE,
            clock=clock,
        )
    assert _ask(database, issue_id, clock) == 1
    assert "https://three.example" in {one.rstrip("/") for one in _addresses(database)}


def test_nothing_is_asked_for_an_issue_that_is_no_draft(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    with database.transaction() as session:
        move(session, issue_id, Event.CANCEL, clock=clock)
    assert _owed(database) == []
    assert _ask(database, issue_id, clock) == 0
    assert _ask(database, issue_id + 1, clock) == 0
    assert _addresses(database) == set()


def test_a_draft_that_cannot_be_rendered_is_not_asked_for_over_and_over(
    database: Database, clock: FixedClock, issue_id: int
) -> None:
    with database.transaction() as session:
        found = get_newsletter(session, "gp-alert")
        found.definition = found.definition | {"template": "no-such-template"}
    assert _ask(database, issue_id, clock) == 0
    assert _owed(database) == []


def test_a_planned_issue_is_seen_coming_shortly_before_it_starts(
    database: Database, clock: FixedClock
) -> None:
    issue_id = approved_issue(database, clock, sending=False)
    start = clock.now() + timedelta(seconds=60)
    with database.transaction() as session:
        move(session, issue_id, Event.SCHEDULE, send_at=start, clock=clock)
    waits = []
    for _ in range(4):
        with database.read() as session:
            waits.append(soon_starting(session, clock=clock))
        clock.advance(timedelta(seconds=20))
    # Sweeps are twenty seconds apart: one of them sees it.
    assert waits == [[], [], [timedelta(seconds=20, milliseconds=20)], []]


def test_no_task_waits_longer_than_the_broker_can_hold_it() -> None:
    queue = RecordingTaskQueue()
    assert queue.enqueue(Task.START_DUE, queue=Queue.PERIODIC, after=timedelta(seconds=20))
    assert queue.enqueue(Task.START_DUE, queue=Queue.PERIODIC)
    assert queue.waits == [20.0, None]
    with pytest.raises(ValueError, match="at most"):
        queue.enqueue(Task.START_DUE, queue=Queue.PERIODIC, after=LONGEST_WAIT * 2)
