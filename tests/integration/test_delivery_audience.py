"""From a sent issue to its ledger: everybody who asked, once, in batches or skipped."""

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.audience import NOTHING_MATCHING, Audience
from alerts.delivery.books import audit
from alerts.delivery.completion import cancel_issue
from alerts.delivery.models import Batch, Delivery
from alerts.delivery.preparation import prepare_issue
from alerts.newsletters.issues import get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import IssueState
from alerts.newsletters.service import ensure_built_in
from alerts.rendering.models import Edition
from alerts.subscribers.models import Frequency, Subscriber, SubscriberState
from alerts.task_queue import Queue, RecordingTaskQueue, Task
from tests.conftest import NOW
from tests.factories import (
    RENDERER,
    SETTINGS,
    add_readers,
    approved_issue,
    counted_queries,
)

ARTICLES: list[Mapping[str, Any]] = [
    {"title": "Bamako", "regions": ["west-africa", "africa"]},
    {"title": "Delhi", "regions": ["south-asia"], "countries": ["IN"]},
]


def prepare(
    database: Database, clock: FixedClock, issue_id: int, queue: RecordingTaskQueue | None = None
) -> Audience | None:
    return prepare_issue(
        database,
        issue_id,
        renderer=RENDERER,
        base_url=SETTINGS.base_url,
        clock=clock,
        queue=queue or RecordingTaskQueue(),
    )


def readers_of(database: Database, *names: str, **changes: object) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=FixedClock(NOW))
        add_readers(session, list(names), now=NOW, **changes)  # type: ignore[arg-type]  # by name


def ledger(database: Database) -> dict[str, tuple[str, str | None]]:
    with database.read() as session:
        rows = session.execute(
            select(Subscriber.email, Delivery.state, Delivery.reason).join(
                Subscriber, Subscriber.id == Delivery.subscriber_id
            )
        )
        return {email.partition("@")[0]: (state.value, reason) for email, state, reason in rows}


def test_only_who_asked_and_confirmed_is_in_the_audience(
    database: Database, clock: FixedClock
) -> None:
    issue_id = approved_issue(database, clock, articles=ARTICLES)
    readers_of(database, "ama", "kofi")
    for state in SubscriberState:
        if state is not SubscriberState.CONFIRMED:
            readers_of(database, state.value, state=state)
    readers_of(database, "daily", frequency=Frequency.DAILY)
    readers_of(database, "roundup", newsletter="africa-this-week", frequency=Frequency.WEEKLY)
    readers_of(database, "left")
    with database.transaction() as session:
        left = session.scalars(select(Subscriber).where(Subscriber.email == "left@example.org"))
        left.one().subscriptions[0].ended_at = clock.now()
    assert prepare(database, clock, issue_id) == Audience(readers=2, batches=1)
    assert ledger(database) == {"ama": ("pending", None), "kofi": ("pending", None)}


def test_readers_get_what_they_wished_for_or_are_skipped_with_the_reason(
    database: Database, clock: FixedClock
) -> None:
    issue_id = approved_issue(database, clock, articles=ARTICLES)
    readers_of(database, "all", "all2")
    readers_of(database, "africa", wish="africa")
    readers_of(database, "mali", wish="west-africa")
    readers_of(database, "delhi", wish="south-asia")
    readers_of(database, "both", wish="africa;south-asia")
    readers_of(database, "arctic", "arctic2", wish="arctic")
    assert prepare(database, clock, issue_id) == Audience(readers=8, batches=1)
    assert ledger(database)["arctic"] == ("skipped", NOTHING_MATCHING)
    with database.read() as session:
        titles = {
            email.partition("@")[0]: sorted(t for t in ("Bamako", "Delhi") if t in text)
            for email, text in session.execute(
                select(Subscriber.email, Edition.text)
                .join(Delivery, Delivery.subscriber_id == Subscriber.id)
                .join(Edition, Edition.id == Delivery.edition_id)
            )
        }
        assert titles == {
            "all": ["Bamako", "Delhi"],
            "all2": ["Bamako", "Delhi"],
            "both": ["Bamako", "Delhi"],
            "africa": ["Bamako"],
            "mali": ["Bamako"],
            "delhi": ["Delhi"],
        }
        # Different wishes that come to the same pieces share an edition.
        assert session.scalar(select(func.count()).select_from(Edition)) == 3
        books = audit(session, issue_id)
    assert (books.audience, books.pending, books.skipped) == (8, 6, 2)
    assert books.reasons == {NOTHING_MATCHING: 2}
    assert books.balanced


def test_preparing_again_changes_nothing(database: Database, clock: FixedClock) -> None:
    issue_id = approved_issue(database, clock)
    readers_of(database, "ama", "kofi")
    queue = RecordingTaskQueue()
    assert prepare(database, clock, issue_id, queue) == Audience(readers=2, batches=1)
    readers_of(database, "late")
    clock.advance(timedelta(minutes=1))
    assert prepare(database, clock, issue_id, queue) is None
    assert set(ledger(database)) == {"ama", "kofi"}
    assert [(task, kind) for task, _, kind in queue.enqueued] == [(Task.SEND_BATCH, Queue.ALERTS)]


def test_a_large_audience_is_taken_in_parts_while_the_first_is_sent(
    database: Database, clock: FixedClock
) -> None:
    issue_id = approved_issue(database, clock)
    readers_of(database, *(f"r{number}" for number in range(5_010)))
    queue = RecordingTaskQueue()
    first = prepare(database, clock, issue_id, queue)
    # More readers follow, so that nobody would wait for the end of these batches.
    assert first == Audience(readers=5_000, batches=5, complete=False)
    assert [task for task, _, _ in queue.enqueued] == [Task.SEND_BATCH] * 5
    with database.read() as session:
        assert get_issue(session, issue_id).audience_at is None
        assert audit(session, issue_id).audience == 5_000
    assert prepare(database, clock, issue_id, queue) == Audience(readers=10, batches=1)
    assert prepare(database, clock, issue_id, queue) is None
    with database.read() as session:
        assert get_issue(session, issue_id).audience_at == clock.now()
        assert audit(session, issue_id).audience == 5_010
        numbers = list(session.scalars(select(Batch.number).order_by(Batch.id)))
        assert numbers == list(range(6))


def test_an_issue_that_is_paused_takes_no_further_part(
    database: Database, clock: FixedClock
) -> None:
    issue_id = approved_issue(database, clock)
    readers_of(database, *(f"r{number}" for number in range(5_010)))
    prepare(database, clock, issue_id)
    with database.transaction() as session:
        move(session, issue_id, Event.PAUSE, clock=clock)
    assert prepare(database, clock, issue_id) is None
    with database.transaction() as session:
        move(session, issue_id, Event.RESUME, clock=clock)
    assert prepare(database, clock, issue_id) == Audience(readers=10, batches=1)


def test_two_workers_prepare_the_same_issue_at_the_same_moment(
    database: Database, clock: FixedClock
) -> None:
    issue_id = approved_issue(database, clock, articles=ARTICLES)
    readers_of(database, *(f"r{n}" for n in range(20)))
    start = threading.Barrier(2)
    found: list[Audience | None] = []

    def work() -> None:
        start.wait()
        found.append(prepare(database, clock, issue_id))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one for one in found if one] == [Audience(readers=20, batches=1)]
    assert len(ledger(database)) == 20


def test_readers_of_one_edition_stand_together_in_batches_of_a_fit_size(
    database: Database, clock: FixedClock
) -> None:
    issue_id = approved_issue(database, clock, articles=ARTICLES)
    for number, wish in enumerate(["", "africa", "south-asia", "arctic"]):
        readers_of(database, *(f"w{number}-{n}" for n in range(301)), wish=wish)
    queue = RecordingTaskQueue()
    assert prepare(database, clock, issue_id, queue) == Audience(readers=1204, batches=4)
    assert len(queue.enqueued) == 4
    with database.read() as session:
        rows = session.execute(
            select(Batch.number, func.count(), func.count(Delivery.edition_id.distinct()))
            .join(Delivery, Delivery.batch_id == Batch.id)
            .group_by(Batch.number)
            .order_by(Batch.number)
        ).all()
        assert [tuple(row) for row in rows] == [(0, 250, 1), (1, 250, 2), (2, 250, 2), (3, 153, 1)]
        assert audit(session, issue_id).balanced


def test_the_number_of_queries_does_not_grow_with_readers_or_wishes(
    database: Database, clock: FixedClock
) -> None:
    def queries(readers: int) -> int:
        issue_id = approved_issue(database, clock, articles=ARTICLES)
        with counted_queries(database.engine) as statements:
            prepare(database, clock, issue_id)
        with database.read() as session:
            assert audit(session, issue_id).audience == readers
        return len(statements)

    readers_of(database, "one")
    readers_of(database, "two", wish="africa")
    readers_of(database, "three", wish="south-asia")
    few = queries(3)
    readers_of(database, *(f"r{n}" for n in range(700)))
    for slug in ("west-africa", "east-africa;west-africa", "africa;middle-east", "arctic"):
        readers_of(database, *(f"{slug}{n}" for n in range(100)), wish=slug)
    assert queries(1103) == few


def test_an_issue_cancelled_or_paused_before_its_audience_was_taken_takes_none(
    database: Database, clock: FixedClock
) -> None:
    issue_id = approved_issue(database, clock)
    readers_of(database, "ama")
    with database.transaction() as session:
        move(session, issue_id, Event.PAUSE, clock=clock)
    assert prepare(database, clock, issue_id) is None
    with database.transaction() as session:
        cancel_issue(session, issue_id, clock=clock)
    assert prepare(database, clock, issue_id) is None
    assert ledger(database) == {}


def test_an_issue_that_nobody_gets_is_sent_at_once(database: Database, clock: FixedClock) -> None:
    nobody = approved_issue(database, clock)
    assert prepare(database, clock, nobody) == Audience(readers=0, batches=0)
    readers_of(database, "arctic", wish="arctic")
    unwanted = approved_issue(database, clock)
    assert prepare(database, clock, unwanted) == Audience(readers=1, batches=0)
    with database.read() as session:
        for issue_id in (nobody, unwanted):
            assert get_issue(session, issue_id).state is IssueState.SENT
            assert audit(session, issue_id).settled
