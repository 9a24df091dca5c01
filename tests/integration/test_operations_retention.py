"""Each setting of retention by itself: its rows go when it says, not before, and no others go."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from alerts.config import Settings
from alerts.inbound.models import InboundMail, MailState
from alerts.inbound.storing import Arrival, store_mail
from alerts.operations.removals import last_removal
from alerts.operations.rounds import begin_night, prune_now, take_turn
from alerts.subscribers.models import (
    ConsentAction,
    ConsentRecord,
    Frequency,
    Subscriber,
    SubscriberState,
    Subscription,
)
from tests.data.delivery.house import House
from tests.integration.test_operations_pruning import an_old_ledger, fill, rows

FOR_EVER: dict[str, Any] = dict.fromkeys(
    ("keep_unconfirmed", "keep_departed", "keep_networks", "keep_ledger", "keep_alarms")
)
KINDS = {
    "keep_unconfirmed": "unconfirmed",
    "keep_departed": "departed",
    "keep_networks": "networks",
    "keep_ledger": "deliveries",
    "keep_alarms": "alarms",
}
# What goes by a time of its own, whatever the settings say, and after how many days at most.
ALWAYS = {
    "sessions": 1,
    "answers": 1,
    "counts_of_requests": 1,
    "webhook_events": 30,
    "log_ins": 90,
    "link_checks": 90,
    "returned_counts": 401,
}
HOUR = timedelta(hours=1)


def one_who_left(house: House) -> None:
    now = house.clock.now()
    with house.database.transaction() as session:
        gone = Subscriber(
            public_id="gone",
            email="gone@example.org",
            email_key="gone@example.org",
            state=SubscriberState.UNSUBSCRIBED,
            created_at=now,
        )
        gone.subscriptions.append(
            Subscription(
                newsletter="gp-alert", frequency=Frequency.DAILY, started_at=now, ended_at=now
            )
        )
        session.add(gone)
        session.flush()
        session.add(
            ConsentRecord(
                subscriber_id=gone.id,
                newsletter="gp-alert",
                action=ConsentAction.WITHDRAWN,
                way="link",
                origin="192.0.2.7",
                at=now,
            )
        )


def removed(house: House, way: str, **settings: Any) -> dict[str, int]:  # noqa: ANN401 - settings
    """Remove what is old by one way or the other; return what is written down about it."""
    asked = Settings(**(FOR_EVER | settings))
    if way == "command":
        prune_now(house.database, asked, clock=house.clock)
    else:
        with house.database.transaction() as session:
            turn = begin_night(session, clock=house.clock)
        while turn:
            turn = take_turn(house.database, asked, turn, clock=house.clock)
    with house.database.read() as session:
        found = last_removal(session, now=house.clock.now())
    assert found is not None
    assert (found.way, found.state) == (way, "done")
    return dict(found.counts)


@pytest.mark.parametrize("way", ["command", "night"])
@pytest.mark.parametrize("setting", KINDS)
def test_a_kind_goes_when_its_setting_says(house: House, setting: str, way: str) -> None:
    kept = {setting: timedelta(days=10)}
    an_old_ledger(house, 60)
    fill(house)
    one_who_left(house)
    house.later(days=10, hours=-1)
    before = removed(house, way, **kept)
    assert not before.keys() & set(KINDS.values())
    house.later(hours=2)
    after = removed(house, way, **kept)
    assert after.keys() & set(KINDS.values()) == {KINDS[setting]}
    assert KINDS[setting] not in removed(house, way, **kept)


@pytest.mark.parametrize("kind", ALWAYS)
def test_what_no_setting_names_goes_after_its_own_time(house: House, kind: str) -> None:
    fill(house)
    if ALWAYS[kind] > 1:
        house.later(days=ALWAYS[kind] - 2)
        assert kind not in removed(house, "command")
    house.later(days=3)
    assert kind in removed(house, "command")


def test_inbound_mails_go_when_the_time_is_over_that_they_came_with(house: House) -> None:
    with house.database.transaction() as session:
        for number in range(3):
            arrival = Arrival(raw=b"Subject: %d\r\n\r\nGone.\r\n" % number, way="smtp")
            store_mail(session, arrival, keep=timedelta(days=10), clock=house.clock)
        # Two were read; the third waits, and is kept for as long as it does.
        first = select(InboundMail.id).order_by(InboundMail.id).limit(2)
        numbers = session.scalars(first).all()
        session.execute(
            update(InboundMail).where(InboundMail.id.in_(numbers)).values(state=MailState.DONE)
        )
    house.later(days=10, hours=-1)
    assert "mails" not in removed(house, "night", keep_inbound=timedelta(days=1))
    house.later(hours=2)
    assert removed(house, "night")["mails"] == 2
    assert rows(house, InboundMail) == 1
