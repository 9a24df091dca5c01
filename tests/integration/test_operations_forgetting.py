"""People whose time is over are forgotten together, at hardly more cost than one."""

from typing import Any

from sqlalchemy import event

from alerts.subscribers.models import (
    ConsentAction,
    ConsentRecord,
    Frequency,
    Subscriber,
    Subscription,
)
from tests.data.delivery.house import House
from tests.integration.test_operations_pruning import pruned, rows


def statements_to_forget(house: House, people: int) -> int:
    """Let people come who never confirm, forget them, and return how many statements that took."""
    now = house.clock.now()
    with house.database.transaction() as session:
        for number in range(people):
            address = f"p{people}-{number}@example.org"
            person = Subscriber(
                public_id=address,
                email=address,
                email_key=address,
                state="unconfirmed",
                created_at=now,
            )
            person.subscriptions.append(
                Subscription(newsletter="gp-alert", frequency=Frequency.DAILY, started_at=now)
            )
            session.add(person)
            session.flush()
            session.add(
                ConsentRecord(
                    subscriber_id=person.id, action=ConsentAction.REQUESTED, way="form", at=now
                )
            )
    house.later(days=31)
    asked: list[str] = []

    def note(*given: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        asked.append(given[2])

    event.listen(house.database.engine, "before_cursor_execute", note)
    try:
        assert pruned(house)["unconfirmed"] == people
    finally:
        event.remove(house.database.engine, "before_cursor_execute", note)
    for model in (Subscriber, Subscription, ConsentRecord):
        assert rows(house, model) == 0, model.__name__
    return len(asked)


def test_many_people_are_forgotten_with_as_many_statements_as_one(house: House) -> None:
    statements_to_forget(house, 1)
    assert statements_to_forget(house, 40) <= statements_to_forget(house, 2)
