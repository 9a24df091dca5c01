"""What a worker that crashed, slept too long or lost its journal leaves, and who takes it over."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.delivery import leases, ledger
from alerts.delivery.completion import cancel_issue
from alerts.delivery.erasing import erase_person
from alerts.delivery.journal import Journal, journal_path
from alerts.delivery.leftovers import clear_spool
from alerts.delivery.models import Delivery
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.sender import BatchResult, Sender
from alerts.newsletters.models import IssueState, Newsletter
from alerts.subscribers.models import Subscriber
from alerts.subscribers.service import unsubscribe
from tests.data.delivery.house import Crash, House


def test_after_a_crash_only_what_was_on_the_wire_is_in_doubt(house: House) -> None:
    house.send_to("a", "b", "c", "d")
    house.crash("c")
    assert house.books().pending == 4
    assert house.work() is BatchResult.NOT_OURS
    house.later(seconds=61)
    assert house.swept() == house.batches()
    assert house.work() is BatchResult.LATER
    assert house.states()["c"] == ("pending", "fate unknown, to be sent again")
    house.later(minutes=3)
    assert house.work() is BatchResult.DONE
    assert house.transport.got == Counter(a=1, b=1, c=1, d=1)
    assert house.books().sent == 4


def test_a_newsletter_that_holds_doubts_does_not_send_again(house: House) -> None:
    house.send_to("a", "b", "c")
    with house.database.transaction() as session:
        newsletter = session.get_one(Newsletter, "gp-alert")
        newsletter.definition = newsletter.definition | {"uncertain": "hold"}
    house.crash("b")
    house.later(seconds=61)
    assert house.work() is BatchResult.DONE
    assert house.states()["b"] == ("uncertain", "fate unknown, held")
    assert house.transport.got == Counter(a=1, c=1)
    assert house.issue_state() is IssueState.SENT


def test_without_the_journal_all_that_was_claimed_is_in_doubt(house: House) -> None:
    house.send_to("a", "b", "c")
    house.crash("b")
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
    house.crash("wire")
    house.later(seconds=61)
    # The machine starts anew, and finds of the journal what had been written back.
    house.sender = replace(house.sender, boot="the next one")
    house.work()
    doubt = (
        ("uncertain", "fate unknown, held")
        if hold
        else ("pending", "fate unknown, to be sent again")
    )
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
    house.crash("c")
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
    house.crash("c")
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


def test_a_worker_lost_with_a_cancelled_issue_leaves_doubts_on_the_books(house: House) -> None:
    house.send_to("a", "b")
    house.crash("b")
    with house.database.transaction() as session:
        cancel_issue(session, house.issue_id, clock=house.clock)
    house.later(seconds=61)
    assert house.swept() == []
    assert house.books().settled
    assert house.books().reasons == {"on the way when cancelled": 2}


def test_lost_tasks_and_dead_workers_are_swept_up(house: House) -> None:
    house.send_to("a")
    [batch] = house.batches()
    assert house.swept() == []
    house.later(minutes=3)
    assert house.swept() == [batch]
    assert house.swept() == []
    house.later(minutes=3)
    house.crash("a")
    assert house.swept() == []
    house.later(minutes=3)
    assert house.swept() == [batch]


def test_what_a_journal_cannot_say_in_full_is_no_obstacle(house: House) -> None:
    house.send_to("a", "b")
    house.crash("b")
    [path] = house.sender.spool.iterdir()
    with path.open("ab") as file:
        file.write(b"E x accepted\nS \nE 7 nonsense 1 x\n\x00\x00\nS 99")
    house.later(seconds=61)
    assert house.work() is BatchResult.LATER
    assert house.states()["a"] == ("sent", None)


def test_a_journal_is_read_by_the_lease_that_wrote_it(tmp_path: Path) -> None:
    journal = Journal(journal_path(tmp_path, 3, 1), boot="this", about="x.1")
    journal.started(8)
    assert journal.take([8])[8].fate is Fate.UNKNOWN
    assert journal.take([8]) == {}
    journal.finish()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("then", ["accepted", "deferred", "refused"])
def test_what_one_writes_who_lost_the_lease_while_another_sends_is_counted_once(
    house: House, then: str
) -> None:
    """It slept for so long that the message is on the wire again when it says that it went out."""
    house.send_to("a", "b")
    answers = {"deferred": refusal(450, "4.2.0 not now"), "refused": refusal(550, "5.1.1 no one")}
    house.transport.answers = {"a": [answers[then]]} if then in answers else {}

    def come_back(name: str) -> None:
        if name == "a":
            with house.database.transaction() as session:
                [number] = session.scalars(
                    select(Delivery.id)
                    .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
                    .where(Subscriber.email == "a@example.org")
                )
                now = house.clock.now() + timedelta(milliseconds=1)
                ledger.record_accepted(session, house.issue_id, [number], now=now)

    house.transport.before_each = come_back
    assert house.work() is BatchResult.DONE
    assert house.states()["a"] == ("sent", None)
    assert house.books().sent == 2


@pytest.mark.parametrize("between", ["", "relay away", "given back"])
def test_whose_message_may_have_arrived_is_not_skipped_when_the_issue_is_cancelled(
    house: House, between: str
) -> None:
    """They were to get it again: to say that they never got it would be a guess."""
    _one_in_doubt_and_one_put_off(house)
    assert house.states()["b"] == ("pending", "fate unknown, to be sent again")
    if between:
        house.later(minutes=3)
        house.transport.away = between == "relay away"
        house.stopping = between == "given back"
        house.work()
    with house.database.transaction() as session:
        cancel_issue(session, house.issue_id, clock=house.clock)
    assert house.states()["b"] == ("uncertain", "fate unknown, issue cancelled")
    assert house.states()["c"] == ("skipped", "issue cancelled")
    books = house.books()
    assert (books.sent, books.uncertain, books.skipped) == (1, 1, 1)


def test_a_second_crash_of_a_cancelled_issue_keeps_the_doubt_of_the_first(house: House) -> None:
    _one_in_doubt_and_one_put_off(house)
    house.later(minutes=10)

    def die(_: str) -> None:
        raise Crash

    # Claimed with the other one, and not begun when the worker dies.
    house.transport.before_each = die
    with pytest.raises(Crash):
        house.work()
    with house.database.transaction() as session:
        cancel_issue(session, house.issue_id, clock=house.clock)
    house.later(seconds=61)
    house.swept()
    boot = house.sender.boot
    assert clear_spool(house.database, house.sender.spool, clock=house.clock, boot=boot)
    assert house.states()["b"] == ("uncertain", "fate unknown, issue cancelled")
    assert house.states()["c"] == ("skipped", "issue cancelled")
    assert house.books().settled


@pytest.mark.parametrize("accepted", [True, False])
def test_of_whom_was_erased_meanwhile_no_answer_is_kept(house: House, accepted: bool) -> None:
    house.send_to("a", "b")
    said = "2.1.5 <a@example.org> ok" if accepted else "5.1.1 <a@example.org> is no one"
    answer = Outcome(Fate.ACCEPTED, 250, said) if accepted else refusal(550, said)
    house.transport.answers = {"a": [answer]}

    def erase(name: str) -> None:
        if name == "a":
            house.change(
                "a",
                lambda session, one: erase_person(
                    session, one, keys=("k" * 40,), way="desk", clock=house.clock
                ),
            )

    house.transport.before_each = erase
    assert house.work() is BatchResult.DONE
    with house.database.read() as session:
        rows = session.execute(select(Delivery.state, Delivery.last_answer).order_by(Delivery.id))
        answers = {state.value: said for state, said in rows}
    assert "a@example.org" not in str(answers)
    assert house.books().settled


def _one_in_doubt_and_one_put_off(house: House) -> None:
    """Send to three: b's may have arrived, and c's server wants to be asked later."""
    house.send_to("a", "b", "c")
    house.crash("b")
    house.later(seconds=61)
    house.transport.answers = {"c": [refusal(450, "4.2.0 not now")]}
    house.work()


def test_who_leaves_before_the_second_copy_of_what_may_have_arrived_stays_in_doubt(
    house: House,
) -> None:
    _one_in_doubt_and_one_put_off(house)
    house.later(minutes=10)
    for name in ("b", "c"):
        house.change(
            name, lambda session, one: unsubscribe(session, one, way="link", clock=house.clock)
        )
    assert house.work() is BatchResult.DONE
    assert house.states()["b"] == ("uncertain", "fate unknown, unsubscribed")
    assert house.states()["c"] == ("skipped", "unsubscribed")
    books = house.books()
    assert (books.sent, books.uncertain, books.skipped) == (1, 1, 1)


def test_what_may_have_arrived_never_counts_as_failed_where_the_server_stays_away(
    house: House,
) -> None:
    _one_in_doubt_and_one_put_off(house)
    house.transport.away = True
    house.later(days=8)
    house.work()
    house.later(minutes=10)
    house.work()
    states = house.states()
    assert states["b"] == ("uncertain", "fate unknown, too late to try again")
    assert states["c"][0] == "failed"
    assert house.books().settled
