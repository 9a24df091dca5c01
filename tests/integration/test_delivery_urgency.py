"""What overtakes what."""

import itertools
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.models import Batch
from alerts.delivery.sender import BatchResult
from alerts.delivery.transports.base import Lane
from alerts.delivery.urgency import overtaken
from alerts.newsletters.models import Issue
from alerts.subscribers.models import Frequency
from tests.data.delivery.house import House


class DatabaseAway(OperationalError):
    """What the database layer raises when the server is gone."""

    def __init__(self) -> None:
        super().__init__("select 1", None, Exception("gone"))


@pytest.fixture
def house(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    return House(database, clock, tmp_path)


def urgent(house: House) -> list[bool]:
    with house.database.read() as session:
        return [overtaken(session, lane, now=house.clock.now()) for lane in Lane]


def become(house: House, **changes: object) -> None:
    with house.database.transaction() as session:
        session.execute(update(Issue).values(**changes))


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


@pytest.mark.parametrize("trouble", [None, DatabaseAway, ValueError])
def test_single_mails_go_beside_a_batch_and_what_goes_wrong_there_stops_nothing(
    database: Database, clock: FixedClock, tmp_path: Path, trouble: type[Exception] | None
) -> None:
    looks = itertools.count()

    async def look() -> None:
        next(looks)
        if trouble is not None:
            raise trouble

    house = House(database, clock, tmp_path, beside=look)
    house.send_to(*(f"r{number}" for number in range(240)))
    assert house.work() is BatchResult.DONE
    assert next(looks) > 0
    assert house.books().sent == 240
