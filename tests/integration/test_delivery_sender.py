"""Batches worked off through a transport that is kind, moody or away; issues that are stopped."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.delivery.books import Audit
from alerts.delivery.completion import cancel_issue
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.sender import BatchResult
from alerts.newsletters.issues import move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import IssueState
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.task_queue import RecordingTaskQueue
from tests.conftest import NOW
from tests.data.delivery.house import House
from tests.factories import RENDERER, SETTINGS, add_readers, approved_issue, counted_queries

LOST = Outcome(Fate.UNKNOWN, 0, "connection lost")


def test_everybody_gets_one_and_the_issue_is_sent_once(house: House) -> None:
    house.send_to("ama", "kofi", "esi")
    assert house.work() is BatchResult.DONE
    assert house.transport.got == Counter(ama=1, kofi=1, esi=1)
    assert house.issue_state() is IssueState.SENT
    assert (house.books().sent, house.books().reasons) == (3, {})
    ids = [house.transport.ids_of(name)[0] for name in ("ama", "kofi", "esi")]
    assert len(set(ids)) == 3
    assert all(found.endswith("@news.example.org>") for found in ids)
    assert house.work() is BatchResult.NOT_OURS
    assert len(house.transport.mails) == 3
    assert not list(house.sender.spool.iterdir())
    assert house.swept() == []


def test_who_leaves_before_the_batch_gets_nothing_and_the_books_say_why(house: House) -> None:
    house.send_to("stays", "left", "gone", "refuses", "erased", "paused")

    def end(_: Session, subscriber: Subscriber) -> None:
        subscriber.subscriptions[0].ended_at = house.clock.now()

    def become(state: SubscriberState) -> Callable[[Session, Subscriber], None]:
        return lambda _, subscriber: setattr(subscriber, "state", state)

    house.change("left", end)
    house.change("gone", become(SubscriberState.UNSUBSCRIBED))
    house.change("refuses", become(SubscriberState.SUPPRESSED))
    house.change("paused", become(SubscriberState.UNCONFIRMED))
    house.change("erased", lambda session, subscriber: session.delete(subscriber))
    assert house.work() is BatchResult.DONE
    assert house.transport.got == Counter(stays=1)
    assert house.states()["left"] == ("skipped", "unsubscribed")
    assert house.books() == Audit(
        audience=6,
        sent=1,
        failed=0,
        skipped=5,
        uncertain=0,
        pending=0,
        reasons={"erased": 1, "suppressed": 1, "unconfirmed": 1, "unsubscribed": 2},
    )


def test_a_group_of_readers_who_all_left_holds_nobody_up(house: House) -> None:
    house.send_to(*(f"r{n:03}" for n in range(240)))
    with house.database.transaction() as session:
        for subscriber in session.scalars(select(Subscriber).order_by(Subscriber.id).limit(220)):
            subscriber.state = SubscriberState.UNSUBSCRIBED
    assert house.work() is BatchResult.DONE
    assert (house.books().sent, house.books().skipped) == (20, 220)


def test_refusals_are_tried_later_or_never_again(house: House) -> None:
    house.send_to("fine", "grey", "nobody", "full")
    house.transport.answers = {
        "grey": [refusal(451, "4.7.1 try later")],
        "nobody": [refusal(550, "5.1.1 no such user")],
        "full": [refusal(452, "4.2.2 full")] * 40,
    }
    assert house.work() is BatchResult.LATER
    assert house.states() == {
        "fine": ("sent", None),
        "nobody": ("failed", "refused 5.1.1"),
        "grey": ("pending", "deferred 4.7.1"),
        "full": ("pending", "deferred 4.2.2"),
    }
    assert house.work() is BatchResult.NOT_OURS
    assert house.swept() == []
    house.later(minutes=8)
    assert house.swept() == house.batches()
    assert house.work() is BatchResult.LATER
    assert house.states()["grey"] == ("sent", None)
    for _ in range(30):
        house.later(hours=1)
        house.work()
    assert house.states()["full"] == ("failed", "gave up after 4.2.2")
    assert house.issue_state() is IssueState.SENT
    assert house.transport.got == Counter(fine=1, grey=1)


def test_an_unknown_fate_is_tried_again_with_the_same_id_but_not_for_ever(house: House) -> None:
    house.send_to("once", "always")
    house.transport.answers = {"once": [LOST], "always": [LOST] * 9}
    for _ in range(5):
        house.work()
        house.later(hours=1)
    assert house.states() == {
        "once": ("sent", None),
        "always": ("uncertain", "fate unknown, tried often enough"),
    }
    assert house.transport.got == Counter(once=2, always=3)
    for name in ("once", "always"):
        assert len(set(house.transport.ids_of(name))) == 1
    assert house.issue_state() is IssueState.SENT


def test_while_the_server_is_away_nothing_counts_as_tried(house: House) -> None:
    house.send_to("ama", "kofi")
    house.transport.away = True
    assert house.work() is BatchResult.LATER
    assert house.work() is BatchResult.NOT_OURS
    with house.database.read() as session:
        assert set(session.scalars(select(Delivery.attempts))) == {0}
    house.later(minutes=2)
    house.transport.away = False
    assert house.work() is BatchResult.DONE
    assert house.books().sent == 2


def test_a_server_that_stays_away_ends_an_issue_as_failed(house: House) -> None:
    house.send_to("ama", "kofi")
    house.transport.away = True
    house.later(days=2)
    assert house.work() is BatchResult.DONE
    assert house.books().reasons == {"gave up after no connection": 2}
    assert house.issue_state() is IssueState.SENT


def test_a_paused_issue_waits_and_goes_on(house: House) -> None:
    house.send_to(*(f"r{n:03}" for n in range(240)))

    def pause(_: str) -> None:
        if len(house.transport.mails) == 50:
            with house.database.transaction() as session:
                move(session, house.issue_id, Event.PAUSE, clock=house.clock)

    house.transport.before_each = pause
    assert house.work() is BatchResult.LATER
    assert house.books().sent + house.books().pending == 240
    assert house.books().pending > 0
    house.transport.before_each = lambda _: None
    house.later(hours=1)
    assert house.work() is BatchResult.NOT_OURS
    assert house.swept() == []
    with house.database.transaction() as session:
        move(session, house.issue_id, Event.RESUME, clock=house.clock)
    assert house.swept() == house.batches()
    assert house.work() is BatchResult.DONE
    assert max(house.transport.got.values()) == 1
    assert house.books().sent == 240


def test_cancelling_in_the_middle_accounts_for_everybody(house: House) -> None:
    house.send_to("a", "b", "c")
    house.transport.answers = {"b": [refusal(451, "later")]}

    def cancel(name: str) -> None:
        if name == "c":
            with house.database.transaction() as session:
                cancel_issue(session, house.issue_id, clock=house.clock)

    house.transport.before_each = cancel
    house.work()
    house.swept()
    assert house.issue_state() is IssueState.CANCELLED
    assert house.books().settled
    assert house.states()["b"] == ("skipped", "issue cancelled")
    assert house.transport.got == Counter(a=1, c=1)


def test_a_process_that_is_to_end_gives_its_batch_back(house: House) -> None:
    house.send_to(*(f"r{n:03}" for n in range(240)))

    def stop(_: str) -> None:
        house.stopping = True

    house.transport.before_each = stop
    assert house.work() is BatchResult.LATER
    assert 0 < house.books().sent < 240
    house.stopping = False
    house.transport.before_each = lambda _: None
    assert house.swept() == house.batches()
    assert house.work() is BatchResult.DONE
    assert max(house.transport.got.values()) == 1


def test_a_defect_with_one_message_keeps_no_knowledge_of_the_others(house: House) -> None:
    house.send_to("a", "b", "c")

    def stumble(name: str) -> None:
        if name == "b":
            raise ValueError("a defect")

    house.transport.before_each = stumble
    assert house.work() is BatchResult.LATER
    assert house.states()["a"] == ("sent", None)
    assert house.books().pending == 2
    house.later(days=2)
    assert house.work() is BatchResult.DONE
    assert house.books().reasons == {"gave up after a defect": 2}
    assert not list(house.sender.spool.iterdir())


def test_a_message_that_a_defect_left_on_the_wire_is_in_doubt(house: House) -> None:
    house.send_to("a", "b")
    house.transport.dies_at, house.transport.dies_of = "a", ValueError
    assert house.work() is BatchResult.LATER
    assert house.states() == {
        "a": ("pending", "fate unknown, to be sent again"),
        "b": ("pending", None),
    }
    with house.database.read() as session:
        assert list(session.scalars(select(Delivery.attempts).order_by(Delivery.id))) == [1, 0]


def test_the_queries_of_a_batch_do_not_grow_with_its_readers(house: House) -> None:
    def queries(count: int) -> int:
        issue_id = house.send_to(*(f"{count}-{n}" for n in range(count)))
        with house.database.read() as session:
            [batch] = session.scalars(select(Batch.id).where(Batch.issue_id == issue_id))
        with counted_queries(house.database.engine) as statements:
            assert house.sender.work_off(batch) is BatchResult.DONE
        # The transport's own look at whether others can write is none of the sender's.
        others = ("BEGIN", "UPDATE batches SET number=")
        return sum(not statement.startswith(others) for statement in statements)

    # Once a second the worker looks around, however many readers there are.
    assert queries(45) < queries(5) + 10


def test_an_issue_is_started_prepared_and_finished_by_the_sweeper_alone(house: House) -> None:
    with house.database.transaction() as session:
        add_readers(session, ["ama"], now=NOW)
    house.issue_id = approved_issue(house.database, house.clock, sending=False)
    at = house.clock.now() + timedelta(hours=1)
    with house.database.transaction() as session:
        move(session, house.issue_id, Event.SCHEDULE, clock=house.clock, send_at=at)
    assert house.swept() == []
    house.later(hours=1)
    assert house.swept() == [house.issue_id]
    assert house.issue_state() is IssueState.SENDING
    prepare_issue(
        house.database,
        house.issue_id,
        renderer=RENDERER,
        base_url=SETTINGS.base_url,
        clock=house.clock,
        queue=RecordingTaskQueue(),
    )
    [batch] = house.batches()
    house.sender.work_off(batch)
    # The worker died before it could say that this was the last batch.
    assert house.issue_state() is IssueState.SENDING
    assert house.swept() == []
    assert house.issue_state() is IssueState.SENT


def test_the_last_answer_and_moment_are_kept(house: House) -> None:
    house.send_to("ama")
    house.work()
    with house.database.read() as session:
        row = session.scalars(select(Delivery)).one()
        assert (row.last_answer, row.attempts) == ("2.0.0 queued", 1)
        assert row.last_attempt_at == house.clock.now()
        assert row.state is DeliveryState.SENT
        assert session.scalars(select(Batch.state)).one() is BatchState.DONE
        assert session.scalar(select(func.count()).select_from(Delivery)) == 1
