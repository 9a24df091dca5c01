"""Trying again by hand: those that failed, by reason, and nobody else."""

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.completion import cancel_issue, finish_if_done
from alerts.delivery.leases import claim_batch, release
from alerts.delivery.ledger import claim_deliveries
from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.retrying import Retried, retry_issue
from alerts.delivery.sender import BatchResult
from alerts.errors import Invalid, Refused
from alerts.newsletters.models import IssueState, Newsletter
from tests.data.delivery.house import House

LOST = Outcome(Fate.UNKNOWN, 0, "connection lost")


@pytest.fixture
def house(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    house = House(database, clock, tmp_path)
    house.send_to("fine", "nobody", "spam", "full", "lost")
    house.transport.answers = {
        "nobody": [refusal(550, "5.1.1 no such user")],
        "spam": [refusal(554, "5.7.1 not from you")],
        "full": [refusal(452, "4.2.2 full")] * 40,
        "lost": [LOST] * 3,
    }
    for _ in range(30):
        house.work()
        house.later(hours=1)
    assert house.issue_state() is IssueState.SENT
    house.transport.answers = {}
    return house


def retry(house: House, *reasons: str, uncertain: bool = False, dry_run: bool = False) -> Retried:
    with house.database.transaction() as session:
        return retry_issue(
            session,
            house.issue_id,
            reasons=reasons or None,
            uncertain=uncertain,
            dry_run=dry_run,
            clock=house.clock,
        )


def until_it_waits(house: House, other: Future[Any]) -> None:
    """Return when another transaction waits for this one; on SQLite it cannot even begin."""
    if house.database.is_sqlite:
        return
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while not other.done():
        with house.database.read() as session:
            if session.scalar(waiting):
                return


def test_without_a_reason_those_that_were_given_up(house: House) -> None:
    assert retry(house).reasons == {"gave up after 4.2.2": 1}
    assert house.issue_state() is IssueState.SENDING
    assert house.swept() == house.batches()
    assert house.work() is BatchResult.DONE
    assert house.states()["full"] == ("sent", None)
    assert house.issue_state() is IssueState.SENT
    assert house.transport.got == Counter(fine=1, full=1, lost=3)
    assert house.books().reasons == {
        "refused 5.1.1": 1,
        "refused 5.7.1": 1,
        "fate unknown, tried often enough": 1,
    }
    assert retry(house).deliveries == 0
    assert house.issue_state() is IssueState.SENT


def test_a_reason_is_named_whole_or_by_its_beginning(house: House) -> None:
    assert retry(house, "refused 5.1.").reasons == {"refused 5.1.1": 1}
    assert house.work() is BatchResult.DONE
    assert house.states()["nobody"] == ("sent", None)


def test_a_number_is_named_whole(house: House) -> None:
    with house.database.transaction() as session:
        session.execute(
            update(Delivery)
            .where(Delivery.reason == "refused 5.1.1")
            .values(reason="refused 5.1.10")
        )
    with pytest.raises(Invalid, match=r"nobody of issue 1 failed for 'refused 5\.1\.1'"):
        retry(house, "refused 5.1.1")
    assert retry(house, "refused 5.1").reasons == {"refused 5.1.10": 1}


@pytest.mark.parametrize("reason", ["nonsense", "refused 5_1", "100%", "5.1.1", "soft ", "a\nb"])
@pytest.mark.parametrize("uncertain", [False, True])
def test_a_reason_that_nobody_has_is_refused_with_those_there_are(
    house: House, reason: str, *, uncertain: bool
) -> None:
    before = house.states()
    with pytest.raises(Invalid) as caught:
        retry(house, "refused 5.7.1", reason, uncertain=uncertain)
    assert str(caught.value) == (
        f"nobody of issue 1 failed for {reason!r}; the reasons are:"
        " gave up after 4.2.2 (1), refused 5.1.1 (1), refused 5.7.1 (1)"
    )
    assert house.states() == before
    assert house.issue_state() is IssueState.SENT


def test_where_nobody_failed_there_is_no_reason(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    house = House(database, clock, tmp_path)
    house.send_to("fine")
    assert house.work() is BatchResult.DONE
    with pytest.raises(Invalid, match="failed for 'policy'; nobody failed at all"):
        retry(house, "policy")
    assert retry(house).deliveries == 0


def test_of_many_reasons_the_commonest_are_named(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    house = House(database, clock, tmp_path)
    names = [f"r{number}" for number in range(11)]
    house.send_to(*names)
    house.transport.answers = {
        name: [refusal(550, f"5.1.{min(number, 9)}")] for number, name in enumerate(names)
    }
    assert house.work() is BatchResult.DONE
    with pytest.raises(Invalid) as caught:
        retry(house, "nonsense")
    said = str(caught.value)
    assert "the reasons are: refused 5.1.9 (2), refused 5.1.0 (1), " in said
    assert said.endswith("refused 5.1.6 (1) and 2 more")


def test_reasons_with_words_and_classes_of_bounces(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    house = House(database, clock, tmp_path)
    house.send_to("away", "gone", "spam", "tenant")
    house.transport.answers = {
        "away": [refusal(550, "No such user here")],
        "gone": [refusal(550, "5.1.1 gone")],
        "spam": [refusal(550, "rejected as spam")],
        "tenant": [refusal(550, "5.4.1 Recipient address rejected: Access denied")],
    }
    assert house.work() is BatchResult.DONE
    away, tenant = "refused 550: no such mailbox", "refused 5.4.1: no such mailbox"
    spam, gone = "refused 550: not from us", "refused 5.1.1"
    assert house.books().reasons == dict.fromkeys((away, tenant, spam, gone), 1)

    def found(*reasons: str) -> set[str]:
        return set(retry(house, *reasons, dry_run=True).reasons)

    assert found("refused 550") == {away, spam}
    assert found(away) == {away}
    assert found("refused 5.4.1") == {tenant}
    assert found("hard") == {away, tenant, gone}
    assert found("policy", "refused 5.1.1") == {spam, gone}
    with pytest.raises(Invalid, match="nobody of issue 1 failed for 'soft'"):
        found("soft")
    assert retry(house, "policy").deliveries == 1
    assert house.work() is BatchResult.DONE
    assert house.states()["spam"] == ("sent", None)
    assert house.transport.got == Counter(spam=1)


@pytest.mark.parametrize("reason", ["", "  "])
def test_an_empty_reason_means_nobody(house: House, reason: str) -> None:
    with pytest.raises(Invalid, match="--reason is empty"):
        retry(house, "gave up", reason)
    assert house.states()["full"] == ("failed", "gave up after 4.2.2")


def test_a_dry_run_only_counts(house: House) -> None:
    before = house.states()
    assert retry(house, "refused", dry_run=True).deliveries == 2
    assert house.states() == before
    assert house.issue_state() is IssueState.SENT
    assert house.swept() == []


def test_two_at_once_take_everybody_up_once(house: House) -> None:
    with ThreadPoolExecutor(1) as threads, house.database.transaction() as session:
        first = retry_issue(session, house.issue_id, clock=house.clock)
        second = threads.submit(retry, house)
        until_it_waits(house, second)
        session.commit()
        assert (first.deliveries, second.result().deliveries) == (1, 0)
    assert house.work() is BatchResult.DONE
    assert house.transport.got["full"] == 1


def test_nobody_is_left_in_a_batch_that_ends_at_the_same_moment(house: House) -> None:
    retry(house, "refused 5.7.1")
    [batch] = house.batches()
    with house.database.transaction() as session:
        lease = claim_batch(session, batch, now=house.clock.now())
        claim_deliveries(session, batch, newsletter="gp-alert", limit=9, now=house.clock.now())
        session.execute(
            update(Delivery)
            .where(Delivery.state == DeliveryState.SENDING)
            .values(state=DeliveryState.SENT)
        )
    assert lease is not None
    with ThreadPoolExecutor(1) as threads, house.database.transaction() as session:
        assert release(session, lease, now=house.clock.now(), later=None)
        retried = threads.submit(retry, house)
        until_it_waits(house, retried)
        session.commit()
        assert retried.result().deliveries == 1
    assert house.swept() == [batch]
    assert house.work() is BatchResult.DONE
    assert house.states()["full"] == ("sent", None)


def test_an_issue_is_not_called_sent_while_it_is_tried_again(house: House) -> None:
    retry(house, "refused 5.7.1")
    [batch] = house.batches()
    house.sender.work_off(batch)  # Its last batch is done, and nobody has said so yet.

    def finish() -> bool:
        with house.database.transaction() as other:
            return finish_if_done(other, house.issue_id, clock=house.clock)

    with ThreadPoolExecutor(1) as threads, house.database.transaction() as session:
        assert retry_issue(session, house.issue_id, clock=house.clock).deliveries == 1
        finished = threads.submit(finish)
        until_it_waits(house, finished)
        session.commit()
        assert not finished.result()
    assert house.issue_state() is IssueState.SENDING
    assert house.work() is BatchResult.DONE
    assert house.states()["full"] == ("sent", None)


def test_one_reason_leaves_the_others_alone(house: House) -> None:
    assert retry(house, "refused 5.7").reasons == {"refused 5.7.1": 1}
    assert house.work() is BatchResult.DONE
    assert house.states()["spam"] == ("sent", None)
    assert house.states()["nobody"] == ("failed", "refused 5.1.1")


def test_those_in_doubt_are_taken_up_when_asked_with_the_same_id(house: House) -> None:
    assert retry(house, "refused 5.1.1", uncertain=True).deliveries == 2
    assert house.work() is BatchResult.DONE
    assert house.states()["lost"] == house.states()["nobody"] == ("sent", None)
    assert len(set(house.transport.ids_of("lost"))) == 1


def test_it_is_tried_again_for_as_long_as_at_first(house: House) -> None:
    house.transport.answers = {"full": [refusal(452, "4.2.2 full")] * 2}
    retry(house)
    assert house.work() is BatchResult.LATER
    assert house.states()["full"] == ("pending", "deferred 4.2.2")
    # A full mailbox is left alone for an hour at first, then for two, and a quarter more each.
    house.later(minutes=76)
    assert house.work() is BatchResult.LATER
    house.later(minutes=151)
    assert house.work() is BatchResult.DONE
    assert house.states()["full"] == ("sent", None)


def test_it_is_tried_for_as_long_as_the_newsletter_says(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    house = House(database, clock, tmp_path)
    house.send_to("full")
    with database.transaction() as session:
        newsletter = session.get_one(Newsletter, "gp-alert")
        newsletter.definition = newsletter.definition | {"worth_sending": "2 hours"}
    house.transport.answers = {"full": [refusal(452, "4.2.2 full")] * 3}
    assert house.work() is BatchResult.LATER
    house.later(minutes=80)
    # The next try would come after that.
    assert house.work() is BatchResult.DONE
    assert house.states()["full"] == ("failed", "gave up after 4.2.2")
    assert len(house.transport.answers["full"]) == 1


def test_who_left_meanwhile_gets_nothing(house: House) -> None:
    house.change("full", lambda session, subscriber: session.delete(subscriber))
    retry(house)
    assert house.work() is BatchResult.DONE
    assert "full" not in house.transport.got
    assert house.books().reasons["erased"] == 1


def test_what_was_called_off_is_not_tried_again(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    house = House(database, clock, tmp_path)
    house.send_to("ama")
    with database.transaction() as session:
        cancel_issue(session, house.issue_id, clock=clock)
    with pytest.raises(Refused, match="cancelled"):
        retry(house)
