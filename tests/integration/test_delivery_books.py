"""The books balance whatever happens, in whatever order, and nobody is mailed who left."""

import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.books import audit, held_until, progress, state_of
from alerts.delivery.completion import cancel_issue
from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.reporting import report
from alerts.delivery.tallies import LedgerTally, recount
from alerts.errors import NotFound, Refused
from alerts.newsletters.issues import get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import IssueState
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.task_queue import RecordingTaskQueue
from alerts.web.desk.sending.look import look_at
from tests.conftest import NOW
from tests.data.delivery.house import Crash, House
from tests.factories import RENDERER, SETTINGS, add_readers, approved_issue, counted_queries

AWAY = "nobody answers"
NAMES = ("a", "b", "c", "d", "e", "f")


def prepare(database: Database, issue_id: int, clock: FixedClock) -> None:
    prepare_issue(
        database,
        issue_id,
        renderer=RENDERER,
        base_url=SETTINGS.base_url,
        clock=clock,
        queue=RecordingTaskQueue(),
    )


class Story:
    """An issue on its way, to which anything may happen."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.clock = FixedClock(NOW)
        self.house = House(database, self.clock, folder)
        self.house.send_to(*NAMES)
        self.left: dict[str, int] = {}

    def work(self, dies_at: str | None) -> None:
        self.house.transport.dies_at = dies_at
        try:
            self.house.work()
        except Crash:
            pass
        finally:
            self.house.transport.dies_at = None

    def leave(self, name: str) -> None:
        def end(_: object, subscriber: Subscriber) -> None:
            subscriber.state = SubscriberState.UNSUBSCRIBED

        self.house.change(name, end)
        self.left.setdefault(name, self.house.transport.got[name])

    def answer(self, name: str, outcome: Outcome) -> None:
        self.house.transport.answers.setdefault(name, []).append(outcome)

    def happen(self, event: Event) -> None:
        try:
            with self.house.database.transaction() as session:
                if event is Event.CANCEL:
                    cancel_issue(session, self.house.issue_id, clock=self.clock)
                else:
                    move(session, self.house.issue_id, event, clock=self.clock)
        except Refused:
            pass

    def end(self) -> None:
        """Let time pass until nothing moves any more."""
        self.happen(Event.RESUME)
        for _ in range(12):
            self.house.later(hours=6)
            self.house.swept()
            self.work(None)
        self.house.swept()


outcomes = st.sampled_from(
    [refusal(451, "4.7.1 later"), refusal(550, "5.1.1 nobody"), Outcome(Fate.UNKNOWN, 0, "lost")]
)
names = st.sampled_from(NAMES)
happenings: st.SearchStrategy[Callable[[Story], None]] = st.one_of(
    st.one_of(st.none(), names).map(lambda name: lambda story: story.work(name)),
    names.map(lambda name: lambda story: story.leave(name)),
    st.tuples(names, outcomes).map(lambda one: lambda story: story.answer(*one)),
    st.sampled_from([10, 61, 200, 4000]).map(lambda n: lambda story: story.house.later(seconds=n)),
    st.just(lambda story: story.house.swept()),
    st.sampled_from([Event.PAUSE, Event.RESUME]).map(lambda e: lambda story: story.happen(e)),
    st.just(lambda story: story.happen(Event.CANCEL)),
)


@settings(
    deadline=None, max_examples=12, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(story=st.lists(happenings, max_size=12))
def test_whatever_happens_the_books_balance_and_everybody_ends_somewhere(
    migrated_sqlite: Path, story: list[Callable[[Story], None]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(migrated_sqlite, f"{folder}/alerts.db")
        database = Database(f"sqlite:///{folder}/alerts.db")
        told = Story(database, Path(folder))
        for happening in story:
            happening(told)
            assert told.house.books().audience == len(NAMES)
        told.end()
        books = told.house.books()
        state = told.house.issue_state()
        states = told.house.states()
        database.dispose()
    assert books.settled
    assert state in {IssueState.SENT, IssueState.CANCELLED}
    got = told.house.transport.got
    for name in NAMES:
        end, reason = states[name]
        # Who left got nothing more, and whoever did not get it, the books say why.
        assert got[name] == told.left.get(name, got[name])
        assert end == "sent" or reason
        assert end != "sent" or got[name]
        assert len(set(told.house.transport.ids_of(name))) <= 1
        assert got[name] <= 3


def test_states_and_reasons_are_counted_in_one_look(database: Database, clock: FixedClock) -> None:
    issue_id = approved_issue(database, clock)
    with database.read() as session:
        empty = audit(session, issue_id)
        assert (empty.audience, empty.balanced, empty.settled) == (0, True, True)
    with database.transaction() as session:
        add_readers(session, list(NAMES), now=NOW)
    prepare(database, issue_id, clock)
    ends = [
        (DeliveryState.SENT, None),
        (DeliveryState.FAILED, "refused 5.1.1"),
        (DeliveryState.SKIPPED, "unsubscribed"),
        (DeliveryState.UNCERTAIN, "fate unknown, held"),
        (DeliveryState.SENDING, None),
    ]
    with database.transaction() as session:
        rows = session.scalars(select(Delivery).order_by(Delivery.id)).all()
        for row, (state, reason) in zip(rows, ends, strict=False):
            row.state, row.reason = state, reason
        rows[-1].reason, rows[-1].not_before = "deferred 4.2.2", NOW + timedelta(hours=1)
        session.flush()
        recount(session, issue_id, now=clock.now())
    with database.transaction() as session:
        # Two people are erased; their rows stay.
        session.execute(
            delete(Subscriber).where(Subscriber.email.in_(["a@example.org", "b@example.org"]))
        )
    with counted_queries(database.engine) as statements, database.read() as session:
        assert state_of(session, issue_id) is IssueState.SENDING
        books = audit(session, issue_id)
        assert progress(session, [issue_id]) == {issue_id: {"audience": 6, "done": 4}}
    assert len([text for text in statements if text.startswith("SELECT")]) == 3
    with database.transaction() as session:
        # An issue from before counts were kept is counted.
        session.execute(delete(LedgerTally))
        assert progress(session, [issue_id, 999]) == {
            issue_id: {"audience": 6, "done": 4},
            999: {"audience": 0, "done": 0},
        }
    assert books.to_json() == {
        "audience": 6,
        "sent": 1,
        "failed": 1,
        "skipped": 1,
        "uncertain": 1,
        "pending": 2,
        "balanced": True,
        "reasons": {
            "deferred 4.2.2": 1,
            "fate unknown, held": 1,
            "refused 5.1.1": 1,
            "unsubscribed": 1,
        },
    }
    with database.read() as session:
        told = report(session, get_issue(session, issue_id), now=NOW)
    assert told["seconds"] is None
    assert told["bounces"] == {"hard": 1, "soft": 0, "policy": 0}
    hour = NOW + timedelta(hours=1)
    wait = {"reason": "deferred 4.2.2", "readers": 1, "earliest": hour, "latest": hour}
    assert told["waiting"] == [wait]
    assert [edition["readers"] for edition in told["editions"]] == [6]


def test_the_state_of_no_issue(database: Database) -> None:
    with database.read() as session, pytest.raises(NotFound, match="no issue 7"):
        state_of(session, 7)


def test_a_report_tells_bounces_who_waits_and_why_in_one_pass(
    database: Database, tmp_path: Path
) -> None:
    story = Story(database, tmp_path)
    story.answer("a", refusal(550, "5.1.1 nobody"))
    story.answer("b", refusal(554, "blocked by our policy"))
    story.answer("c", refusal(452, "4.2.2 full"))
    story.answer("d", refusal(451, "Greylisted, try again in 30 minutes"))
    story.answer("e", refusal(552, "5.2.2 full"))
    story.work(None)
    story.house.later(minutes=45)
    story.work(None)

    def told() -> dict[str, Any]:
        with database.read() as session:
            return report(session, get_issue(session, story.house.issue_id), now=story.clock.now())

    with counted_queries(database.engine) as statements:
        found = told()
    # Of all statements, one looks at the ledger.
    assert len([text for text in statements if "FROM deliveries" in text]) == 1
    assert found["bounces"] == {"hard": 1, "soft": 1, "policy": 1}
    assert found["reasons"] == {
        "deferred 4.2.2": 1,
        "refused 5.1.1": 1,
        "refused 5.2.2": 1,
        "refused 554: not from us": 1,
    }
    assert found["words"] == {
        "deferred 4.2.2": "mailbox full",
        "refused 5.1.1": "no such mailbox",
        "refused 5.2.2": "mailbox full",
    }
    assert found["attempts"] == {1: 5, 2: 1}
    [wait] = found["waiting"]
    assert (wait["reason"], wait["readers"]) == ("deferred 4.2.2", 1)
    assert timedelta(hours=1) <= wait["earliest"] - NOW <= timedelta(minutes=75)
    assert wait["latest"] == wait["earliest"] == found["held_until"]
    story.end()
    ended = told()
    assert (ended["sent"], ended["waiting"], ended["held_until"]) == (3, [], None)
    assert ended["bounces"] == found["bounces"]


def test_a_report_says_when_an_issue_goes_on_whose_server_is_away(
    database: Database, tmp_path: Path
) -> None:
    story = Story(database, tmp_path)
    story.house.transport.away = True
    story.work(None)
    with database.read() as session:
        issue = get_issue(session, story.house.issue_id)
        found = report(session, issue, now=story.clock.now())
    assert found["held_until"] == story.clock.now() + timedelta(minutes=1)
    assert found["held_by"] == AWAY
    assert found["waiting"] == []
    assert found["attempts"] == {0: len(NAMES)}
    with database.read() as session:
        look = look_at(session, story.house.issue_id, now=story.clock.now())
        tomorrow = look_at(session, story.house.issue_id, now=story.clock.now() - timedelta(days=1))
    assert look.pace_words == f"All that is left waits until 06:01 UTC: {AWAY}."
    assert tomorrow.pace_words == f"All that is left waits until 23 Nov 06:01 UTC: {AWAY}."
    # Once it has gone on, nothing of it is left in the books.
    story.house.transport.away = False
    story.clock.advance(timedelta(minutes=2))
    story.work(None)
    with database.read() as session:
        ended = report(session, get_issue(session, story.house.issue_id), now=story.clock.now())
    assert (ended["sent"], ended["held_by"], ended["reasons"]) == (len(NAMES), None, {})


def test_an_issue_that_only_waits_says_until_when(database: Database, tmp_path: Path) -> None:
    story = Story(database, tmp_path)

    def held() -> datetime | None:
        with database.read() as session:
            return held_until(session, story.house.issue_id, now=story.clock.now())

    assert held() is None
    story.answer("a", refusal(451, "4.7.1 later"))
    story.work(None)
    moment = held()
    assert moment is not None
    assert moment > story.clock.now()
    story.house.later(hours=6)
    assert held() is None
    story.house.swept()
    story.work(None)
    assert held() is None
