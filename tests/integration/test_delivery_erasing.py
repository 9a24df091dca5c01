"""The ledger keeps an erased person's rows and nothing that leads back to them."""

from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.erasing import erase_person, forget_people
from alerts.delivery.models import Delivery, DeliveryState
from alerts.subscribers.models import Subscriber
from tests.conftest import NOW
from tests.factories import add_readers, approved_issue

ANSWER = "250 2.1.5 <ama@example.org> taken"


def test_rows_stay_without_the_person(database: Database, clock: FixedClock) -> None:
    issue = approved_issue(database, clock)
    with database.transaction() as session:
        people = add_readers(session, ["ama", "bo", "chi"], now=NOW)
        for number in people:
            state = DeliveryState.SENT
            session.add(
                Delivery(issue_id=issue, subscriber_id=number, state=state, last_answer=ANSWER)
            )
    with database.transaction() as session:
        ama, bo = (session.get_one(Subscriber, number) for number in people[:2])
        erase_person(session, ama, keys=["a key"], way="desk", clock=clock)
        forget_people(session, {bo.id: bo.email}, clock=clock)
    with database.read() as session:
        rows = session.execute(
            select(Delivery.subscriber_id, Delivery.last_answer).order_by(Delivery.id)
        ).all()
    assert [tuple(row) for row in rows] == [(None, None), (None, None), (people[2], ANSWER)]
