"""Batches worked off through a transport that is kind, moody, away, or dies in the middle."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.delivery import leases, ledger
from alerts.delivery.books import Audit
from alerts.delivery.completion import cancel_issue
from alerts.delivery.journal import Journal, journal_path
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.sender import BatchResult, Sender
from alerts.newsletters.issues import move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import IssueState, Newsletter
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.task_queue import RecordingTaskQueue
from tests.conftest import NOW
from tests.data.delivery.house import Crash, House
from tests.factories import (
    RENDERER,
    SETTINGS,
    add_readers,
    approved_issue,
    counted_queries,
)

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


def crash(house: House, at: str) -> None:
    house.transport.dies_at = at
    with pytest.raises(Crash):
        house.work()
    house.transport.dies_at = None


def test_after_a_crash_only_what_was_on_the_wire_is_in_doubt(house: House) -> None:
    house.send_to("a", "b", "c", "d")
    crash(house, "c")
    assert house.books().pending == 4
    assert house.work() is BatchResult.NOT_OURS
    house.later(seconds=61)
    assert house.swept() == house.batches()
    assert house.work() is BatchResult.LATER
    assert house.states()["c"] == ("pending", "deferred no answer")
    house.later(minutes=3)
    assert house.work() is BatchResult.DONE
    assert house.transport.got == Counter(a=1, b=1, c=1, d=1)
    assert house.books().sent == 4


def test_a_newsletter_that_holds_doubts_does_not_send_again(house: House) -> None:
    house.send_to("a", "b", "c")
    with house.database.transaction() as session:
        newsletter = session.get_one(Newsletter, "gp-alert")
        newsletter.definition = newsletter.definition | {"uncertain": "hold"}
    crash(house, "b")
    house.later(seconds=61)
    assert house.work() is BatchResult.DONE
    assert house.states()["b"] == ("uncertain", "fate unknown, held")
    assert house.transport.got == Counter(a=1, c=1)
    assert house.issue_state() is IssueState.SENT


def test_without_the_journal_all_that_was_claimed_is_in_doubt(house: House) -> None:
    house.send_to("a", "b", "c")
    crash(house, "b")
    [journal] = house.sender.spool.iterdir()
    journal.unlink()
    house.later(seconds=61)
    assert house.work() is BatchResult.LATER
    assert {state for state, _ in house.states().values()} == {"pending"}
    house.later(minutes=3)
    assert house.work() is BatchResult.DONE
    assert house.transport.got == Counter(a=2, b=1, c=1)
    assert len(set(house.transport.ids_of("a"))) == 1


@pytest.mark.parametrize("hold", [False, True])
def test_after_a_power_cut_all_is_in_doubt_that_was_not_seen_to_be_accepted(
    house: House, hold: bool
) -> None:
    house.send_to("accepted", "later", "wire", "claimed")
    with house.database.transaction() as session:
        newsletter = session.get_one(Newsletter, "gp-alert")
        newsletter.definition = newsletter.definition | {"uncertain": "hold" if hold else "resend"}
    house.transport.answers = {"later": [refusal(450, "4.2.0 not now")]}
    crash(house, "wire")
    house.later(seconds=61)
    # The machine starts anew, and finds of the journal what had been written back.
    house.sender = replace(house.sender, boot="the next one")
    house.work()
    doubt = ("uncertain", "fate unknown, held") if hold else ("pending", "deferred no answer")
    assert house.states() == {
        "accepted": ("sent", None),
        "later": doubt,
        "wire": doubt,
        "claimed": doubt,
    }
    house.later(minutes=10)
    house.work()
    rest = {} if hold else {"later": 1, "wire": 1, "claimed": 1}
    assert house.transport.got == Counter(accepted=1, **rest)


def test_pages_that_a_power_cut_lost_say_nothing(house: House) -> None:
    house.send_to("a", "b", "c")
    crash(house, "c")
    [path] = house.sender.spool.iterdir()
    # The head is lost with the first page, and so is what was noted of the first message.
    written = path.read_bytes()
    kept = written.index(b"S", written.index(b"E"))
    path.write_bytes(b"\0" * kept + written[kept:])
    house.later(seconds=61)
    assert house.work() is BatchResult.LATER
    assert {name: state for name, (state, _) in house.states().items()} == {
        "a": "pending",
        "b": "sent",
        "c": "pending",
    }
    house.later(minutes=10)
    assert house.work() is BatchResult.DONE
    # One copy too many, under the same Message-ID, and nobody without.
    assert house.transport.got == Counter(a=2, b=1, c=1)
    assert len(set(house.transport.ids_of("a"))) == 1


def test_a_crash_right_after_taking_over_loses_no_knowledge(house: House) -> None:
    house.send_to("a", "b", "c")
    crash(house, "c")
    house.later(seconds=61)
    house.dying = True
    with pytest.raises(Crash):
        house.work()
    house.dying = False
    house.later(seconds=61)
    house.work()
    house.later(minutes=10)
    house.work()
    assert house.transport.got == Counter(a=1, b=1, c=1)
    assert house.books().sent == 3


def test_a_worker_that_slept_through_its_lease_sends_nothing_more(house: House) -> None:
    house.send_to("a", "b", "c", "d")

    def fall_asleep(name: str) -> None:
        if name == "b":
            house.transport.before_each = lambda _: None
            house.later(seconds=120)
            # Another worker, on another machine, finds the batch abandoned.
            other = Sender(
                **vars(house.sender) | {"spool": house.sender.spool.with_name("elsewhere")}
            )
            [batch] = house.batches()
            with ThreadPoolExecutor() as pool:
                assert pool.submit(other.work_off, batch).result() is BatchResult.LATER

    house.transport.before_each = fall_asleep
    house.work()
    assert house.transport.got == Counter(a=1)
    # The other one could not know that "a" had been accepted; the first one came back to say so.
    assert house.states()["a"] == ("sent", None)
    house.later(minutes=5)
    assert house.work() is BatchResult.DONE
    assert house.transport.got == Counter(a=1, b=1, c=1, d=1)
    assert house.books().sent == 4


def test_two_workers_never_hold_one_batch(house: House) -> None:
    house.send_to("a", "b")
    [batch] = house.batches()
    now = house.clock.now()
    with house.database.transaction() as session:
        first = leases.claim_batch(session, batch, now=now)
        assert first is not None
    with house.database.transaction() as session:
        assert leases.claim_batch(session, batch, now=now) is None
    after = now + leases.LEASE + timedelta(seconds=1)
    with house.database.transaction() as session:
        second = leases.claim_batch(session, batch, now=after)
        assert second is not None
    with house.database.transaction() as session:
        assert second.taken_over
        assert not leases.renew(session, first, now=after)
        assert not leases.hold(session, first)
        assert not leases.release(session, first, now=after, later=None)
        assert leases.hold(session, second)
        claimed = ledger.claim_deliveries(
            session, batch, newsletter="gp-alert", limit=10, now=after
        )
        assert len(claimed.deliveries) == 2
        assert not claimed.more
        again = ledger.claim_deliveries(session, batch, newsletter="gp-alert", limit=10, now=after)
        assert again.deliveries == []


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


def test_a_worker_lost_with_a_cancelled_issue_leaves_doubts_on_the_books(house: House) -> None:
    house.send_to("a", "b")
    crash(house, "b")
    with house.database.transaction() as session:
        cancel_issue(session, house.issue_id, clock=house.clock)
    house.later(seconds=61)
    assert house.swept() == []
    assert house.books().settled
    assert house.books().reasons == {"on the way when cancelled": 2}


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
    assert house.states() == {"a": ("pending", "deferred no answer"), "b": ("pending", None)}
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


def test_lost_tasks_and_dead_workers_are_swept_up(house: House) -> None:
    house.send_to("a")
    [batch] = house.batches()
    assert house.swept() == []
    house.later(minutes=3)
    assert house.swept() == [batch]
    assert house.swept() == []
    house.later(minutes=3)
    crash(house, "a")
    assert house.swept() == []
    house.later(minutes=3)
    assert house.swept() == [batch]


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


def test_what_a_journal_cannot_say_in_full_is_no_obstacle(house: House) -> None:
    house.send_to("a", "b")
    crash(house, "b")
    [path] = house.sender.spool.iterdir()
    with path.open("ab") as file:
        file.write(b"E x accepted\nS \nE 7 nonsense 1 x\n\x00\x00\nS 99")
    house.later(seconds=61)
    assert house.work() is BatchResult.LATER
    assert house.states()["a"] == ("sent", None)


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


def test_a_journal_is_read_by_the_lease_that_wrote_it(tmp_path: Path) -> None:
    journal = Journal(journal_path(tmp_path, 3, 1), boot="this")
    journal.started(8)
    assert journal.take([8])[8].fate is Fate.UNKNOWN
    assert journal.take([8]) == {}
    journal.finish()
    assert not list(tmp_path.iterdir())
