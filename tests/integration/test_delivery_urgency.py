"""What overtakes what."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.models import Batch
from alerts.delivery.sender import BatchResult
from alerts.delivery.transports.base import Lane
from alerts.delivery.urgency import overtaken
from alerts.newsletters.models import Issue
from alerts.subscribers.models import Frequency, Subscriber
from tests.data.delivery.house import House


def urgent(house: House) -> list[bool]:
    with house.database.read() as session:
        return [overtaken(session, lane, now=house.clock.now()) for lane in Lane]


def become(house: House, **changes: object) -> None:
    with house.database.transaction() as session:
        session.execute(update(Issue).values(**changes))


def owe_a_confirmation(house: House) -> None:
    def owe(_: Session, subscriber: Subscriber) -> None:
        subscriber.confirmation_due_at = house.clock.now()

    house.change("ama", owe)


def test_a_batch_of_an_alert_overtakes_a_digest_and_nothing_else(house: House) -> None:
    house.send_to("ama")
    assert urgent(house) == [False, False, True]
    become(house, frequency=Frequency.WEEKLY)
    assert urgent(house) == [False, False, False]


def test_what_waits_or_is_being_sent_overtakes_nothing(house: House) -> None:
    house.send_to("ama")
    with house.database.transaction() as session:
        session.execute(update(Batch).values(not_before=house.clock.now() + timedelta(hours=1)))
    assert urgent(house) == [False, False, False]
    house.later(hours=2)
    assert urgent(house) == [False, False, True]
    house.work()
    assert urgent(house) == [False, False, False]


def test_a_confirmation_that_was_just_asked_for_overtakes_both(house: House) -> None:
    house.send_to("ama")
    house.work()
    owe_a_confirmation(house)
    assert urgent(house) == [False, True, True]
    house.later(minutes=1)
    assert urgent(house) == [False, False, False]


def test_one_process_of_a_worker_makes_way_for_a_confirmation_the_next_when_it_waits(
    house: House,
) -> None:
    house.send_to("ama")
    house.work()
    owe_a_confirmation(house)

    def making_way() -> list[bool]:
        now = house.clock.now()
        with house.database.read() as session:
            return [overtaken(session, Lane.DIGEST, now=now, place=n) for n in range(3)]

    assert making_way() == [True, False, False]
    house.later(seconds=2)
    assert making_way() == [True, True, False]
    house.later(seconds=2)
    assert making_way() == [True, True, True]


def test_a_digest_that_is_overtaken_is_given_back_and_goes_on_later(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    waiting = [True]
    house = House(database, clock, tmp_path, overtaken=lambda _: waiting[0])
    house.send_to(*(f"r{number}" for number in range(240)))
    assert house.work() is BatchResult.GIVEN_BACK
    assert house.books().pending > 0
    with database.read() as session:
        not_before = session.scalars(select(Batch.not_before)).one()
        assert not_before is None or not_before <= clock.now()
    waiting[0] = False
    assert house.work() is BatchResult.DONE
    assert max(house.transport.got.values()) == 1
    assert house.books().sent == 240
