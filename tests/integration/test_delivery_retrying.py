"""Trying again by hand: those that failed, by reason, and nobody else."""

from collections import Counter
from pathlib import Path

import pytest

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.completion import cancel_issue
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.retrying import Retried, retry_issue
from alerts.delivery.sender import BatchResult
from alerts.errors import Refused
from alerts.newsletters.models import IssueState
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


def retry(house: House, *reasons: str, uncertain: bool = False) -> Retried:
    with house.database.transaction() as session:
        return retry_issue(
            session, house.issue_id, reasons=reasons, uncertain=uncertain, clock=house.clock
        )


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
    assert retry(house, "refused 5.7").reasons == {"refused 5.7.1": 1}
    assert retry(house, "refused 5_1", "100%").deliveries == 0
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
    house.later(hours=1)
    house.work()
    house.later(hours=1)
    assert house.work() is BatchResult.DONE
    assert house.states()["full"] == ("sent", None)


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
