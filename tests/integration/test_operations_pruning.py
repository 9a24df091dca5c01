"""What is old goes, in small slices that are in nobody's way, and the books still balance."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, event, func, insert, select, update
from sqlalchemy.orm import Session

from alerts.config import Settings
from alerts.delivery.books import audit, progress
from alerts.delivery.models import Batch, CanaryCopy, Delivery, DeliveryState, DeliveryTotal
from alerts.delivery.outcome import refusal
from alerts.delivery.reporting import report
from alerts.delivery.returned import ReturnedCount
from alerts.kept_answers import KeptAnswer
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import Issue, IssueState
from alerts.operations.models import Alarm, AlarmNote, Occasion
from alerts.operations.pruning import prune
from alerts.outbox.models import DeliveryEnd, WebhookDelivery, WebhookEndpoint, WebhookEvent
from alerts.rendering.reviewing.models import LinkCheck
from alerts.request_limits import RateCount
from alerts.staff.models import LogInTry, SessionStage, StaffSession, TryKind, TryOutcome
from alerts.subscribers.models import (
    Subscriber,
)
from tests.data.delivery.house import House
from tests.factories import add_sent_issue
from tests.staff_world import StaffRoom

SIZE = 50


def no_rest(_taken: float) -> None:
    """Go on at once."""


def pruned(house: House, **settings: Any) -> dict[str, int]:  # noqa: ANN401 - settings
    asked = Settings(**settings)
    return prune(house.database, asked, clock=house.clock, size=SIZE, rest=no_rest).counts


def an_old_ledger(house: House, readers: int) -> int:
    """Write an issue with a ledger down that was sent at this moment; returns its id."""
    with house.database.transaction() as session:
        issue_id, batch_id = add_sent_issue(session, house.clock.now())
        ends = [
            (DeliveryState.SENT, None, 1),
            (DeliveryState.SENT, None, 2),
            (DeliveryState.FAILED, "550 5.1.1", 1),
            (DeliveryState.SKIPPED, "unsubscribed", 0),
            (DeliveryState.UNCERTAIN, "the worker's machine is gone", 1),
        ]
        rows = [
            {
                "issue_id": issue_id,
                "subscriber_id": None,
                "edition_id": number % 3 or None,
                "batch_id": batch_id,
                "state": ends[number % 5][0],
                "reason": ends[number % 5][1],
                "attempts": ends[number % 5][2],
            }
            for number in range(readers)
        ]
        session.execute(insert(Delivery), rows)
        return issue_id


def shown(house: House, issue_id: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, int]]:
    """Return an issue's audit, report and progress."""
    with house.database.read() as session:
        issue = get_issue(session, issue_id)
        found = report(session, issue, now=house.clock.now())
        return (
            audit(session, issue_id).to_json(),
            found,
            progress(session, [issue_id])[issue_id],
        )


def rows(house: House, model: Any) -> int:  # noqa: ANN401 - a table's class
    with house.database.read() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_an_old_ledger_becomes_totals_that_say_the_same(house: House) -> None:
    issue_id = an_old_ledger(house, 333)
    before = shown(house, issue_id)
    assert before[0]["balanced"]
    house.later(days=401)
    assert pruned(house)["deliveries"] == 333
    assert (rows(house, Delivery), rows(house, Batch)) == (0, 0)
    assert 5 < rows(house, DeliveryTotal) <= 15
    assert shown(house, issue_id) == before
    assert pruned(house)["deliveries"] == 0
    assert shown(house, issue_id) == before


def test_a_real_issue_says_the_same_afterwards(house: House) -> None:
    house.send_to("ama", "kofi", "gone", "leaves")
    house.transport.answers = {"gone": [refusal(550, "5.1.1 no such user")]}
    house.change("leaves", lambda _, one: setattr(one, "state", "unsubscribed"))
    house.work()
    assert house.issue_state() is IssueState.SENT
    before = shown(house, house.issue_id)
    house.later(days=401)
    assert pruned(house, keep_departed=None, keep_unconfirmed=None)["deliveries"] == 4
    assert shown(house, house.issue_id) == before


def test_half_rolled_up_the_books_balance_too(house: House) -> None:
    issue_id = an_old_ledger(house, 333)
    before = shown(house, issue_id)
    house.later(days=401)
    seen: list[int] = []

    def look(_taken: float) -> None:
        assert shown(house, issue_id) == before
        seen.append(rows(house, Delivery))

    prune(house.database, Settings(), clock=house.clock, size=SIZE, rest=look)
    assert seen == [333 - SIZE * number for number in range(1, 7)]


def test_two_who_prune_at_once_count_nothing_twice(house: House) -> None:
    issue_id = an_old_ledger(house, 1_000)
    before = shown(house, issue_id)
    house.later(days=401)
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(pruned(house)["deliveries"]))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 1_000
    assert shown(house, issue_id) == before


def test_what_is_young_or_under_way_or_kept_for_ever_stays(house: House) -> None:
    issue_id = an_old_ledger(house, 60)
    house.later(days=399)
    assert pruned(house)["deliveries"] == 0
    house.later(days=2)
    assert pruned(house, keep_ledger=None)["deliveries"] == 0
    with house.database.transaction() as session:
        # Somebody had what failed tried again yesterday.
        session.execute(update(Issue).values(retried_at=house.clock.now() - timedelta(days=1)))
    assert pruned(house)["deliveries"] == 0
    with house.database.transaction() as session:
        session.execute(update(Issue).values(retried_at=None, state=IssueState.PAUSED))
    assert pruned(house)["deliveries"] == 0
    assert shown(house, issue_id)[0]["audience"] == 60


@contextmanager
def noted_sizes(engine: Engine) -> Iterator[list[int]]:
    """Collect how many rows each statement changed."""
    sizes: list[int] = []

    def note(*given: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        cursor, statement = given[1], given[2]
        if statement.lstrip().upper().startswith(("DELETE", "UPDATE")):
            sizes.append(cursor.rowcount)

    event.listen(engine, "after_cursor_execute", note)
    try:
        yield sizes
    finally:
        event.remove(engine, "after_cursor_execute", note)


def fill(house: House) -> None:
    """Write more of everything that goes than one slice takes."""
    now = house.clock.now()
    account = StaffRoom(house.database, house.clock).add()
    many = range(SIZE * 2 + 20)
    with house.database.transaction() as session:
        session.execute(
            insert(StaffSession),
            [
                {
                    "digest": f"{n}",
                    "account_id": account,
                    "stage": SessionStage.FULL,
                    "created_at": now,
                    "last_seen_at": now,
                    "expires_at": now,
                    "confirmed_at": now,
                }
                for n in many
            ],
        )
        session.execute(
            insert(LogInTry),
            [{"at": now, "kind": TryKind.CODE, "outcome": TryOutcome.WRONG} for _ in many],
        )
        session.execute(
            insert(RateCount),
            [{"key": f"k{n % 7}", "period": n, "count": 1, "expires_at": now} for n in many],
        )
        session.execute(
            insert(KeptAnswer),
            [
                {
                    "caller": "a program",
                    "key": f"k{n}",
                    "digest": "d",
                    "status": 200,
                    "headers": {},
                    "body": "",
                    "at": now,
                }
                for n in many
            ],
        )
        session.execute(
            insert(Alarm),
            [
                {
                    "kind": "disk-short",
                    "subject": "data",
                    "what": "x",
                    "mend": "x",
                    "opened_at": now,
                    "last_seen_at": now,
                    "closed_at": now,
                    "silence_reason": "",
                }
                for _ in many
            ],
        )
        fill_what_grows(session, now)
        alarm = session.scalars(select(Alarm.id).limit(1)).one()
        session.add(
            AlarmNote(
                alarm_id=alarm,
                occasion=Occasion.OPENED,
                target="webhook",
                made_at=now,
                not_before=now,
            )
        )
        session.execute(
            insert(Subscriber),
            [
                {
                    "public_id": f"p{n}",
                    "email": f"r{n}@example.org",
                    "email_key": f"r{n}@example.org",
                    "state": "unconfirmed",
                    "created_at": now,
                }
                for n in many
            ],
        )


def fill_what_grows(session: Session, now: datetime) -> None:
    """Write looks at links, events with what became of them, and counts of what came back."""
    many = range(SIZE * 2 + 20)
    asked = {"asked_at": now, "words": "", "moved_to": "", "host": "x"}
    session.execute(
        insert(LinkCheck), [asked | {"digest": f"{n}", "url": f"https://x/{n}"} for n in many]
    )
    endpoints = [
        WebhookEndpoint(url=f"https://hooks.example/{n}", name="", events=[], secrets=[])
        for n in range(2)
    ]
    for each in endpoints:
        each.created_at = now
    session.add_all(endpoints)
    session.flush()
    told = [{"public_id": f"e{n}", "kind": "x", "data": {}, "at": now} for n in many]
    session.execute(insert(WebhookEvent), told)
    numbers = session.scalars(select(WebhookEvent.id)).all()
    session.execute(
        insert(WebhookDelivery),
        [
            {
                "event_id": number,
                "endpoint_id": each.id,
                "state": DeliveryEnd.DELIVERED,
                "not_before": now,
                "until": now,
            }
            for number in numbers
            for each in endpoints
        ],
    )
    returned = {"day": now.date(), "kind": "hard", "code": "", "count": 1}
    session.execute(insert(ReturnedCount), [returned | {"domain": f"d{n}.example"} for n in many])


def test_everything_that_is_old_goes_and_no_slice_is_larger_than_asked(house: House) -> None:
    issue_id = an_old_ledger(house, SIZE * 3)
    fill(house)
    with house.database.transaction() as session:
        session.add(CanaryCopy(issue_id=issue_id, message_id="1@x", sent_at=house.clock.now()))
    house.later(days=500)
    with noted_sizes(house.database.engine) as sizes:
        counts = pruned(house)
    expected = SIZE * 2 + 20
    names = (
        "unconfirmed",
        "sessions",
        "log_ins",
        "answers",
        "counts_of_requests",
        "alarms",
        "link_checks",
        "webhook_events",
        "returned_counts",
    )
    assert {name: counts[name] for name in names} == dict.fromkeys(names, expected)
    assert counts["deliveries"] == SIZE * 3
    assert max(sizes) == SIZE
    gone = (StaffSession, LogInTry, RateCount, KeptAnswer, Alarm, AlarmNote, CanaryCopy)
    for model in (*gone, LinkCheck, WebhookEvent, WebhookDelivery, ReturnedCount):
        assert rows(house, model) == 0, model.__name__
    assert rows(house, WebhookEndpoint) == 2
    assert set(pruned(house).values()) == {0}


def test_whoever_writes_meanwhile_gets_through(house: House) -> None:
    an_old_ledger(house, 6_000)
    house.later(days=401)
    waits: list[float] = []
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            began = time.monotonic()
            with house.database.transaction() as session:
                session.execute(update(Issue).values(subject=f"{began}"))
            waits.append(time.monotonic() - began)
            time.sleep(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = prune(house.database, Settings(), clock=house.clock, size=200)
    finally:
        over.set()
        writer.join()
    assert done.deliveries == 6_000
    # Many got through while it went on, and none waited for the whole.
    assert len(waits) > 5
    assert max(waits) < 20
