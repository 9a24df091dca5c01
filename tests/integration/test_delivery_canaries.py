"""A copy of each issue has to come back: how it is known, and what is said when it does not."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.canaries import canary_address, ensure_canaries, is_canary, note_arrival
from alerts.delivery.models import CanaryCopy
from alerts.inbound.incoming import Desk
from alerts.inbound.models import InboundMail
from alerts.inbound.storing import Arrival, store_mail
from alerts.inbound.working import work_off
from alerts.newsletters.models import Schedule
from alerts.request_limits import RequestLimits
from alerts.subscribers.models import Frequency, Subscriber, SubscriberState
from tests.data.delivery.house import House
from tests.data.operations.alarm_bell import Bell

CANARY = "canary@alerts.example.org"
MINE = canary_address(CANARY, "gp-alert", Frequency.IMMEDIATE)


@pytest.fixture
def house(database: Database, clock: FixedClock, tmp_path: Path) -> House:
    house = House(database, clock, tmp_path)
    with database.transaction() as session:
        session.execute(update(Schedule).values(paused=True))
        assert ensure_canaries(session, CANARY, clock=clock) > 2
    return house


@pytest.fixture
def bell(house: House, tmp_path: Path) -> Iterator[Bell]:
    bell = Bell(house.database, house.clock, tmp_path, canary=CANARY, mail_url="smtp://127.0.0.1:9")
    yield bell
    bell.close()


def sent(house: House) -> bytes:
    """Send an issue; return the canary's copy as it went out."""
    house.send_to("ama")
    house.work()
    [(_, raw)] = [mail for mail in house.transport.mails if mail[0].startswith("canary+")]
    return raw


def brought_back(house: House, bell: Bell, raw: bytes, *, to: tuple[str, ...] = ()) -> str:
    """Let a mail come in and be read; return what became of it."""
    limits = RequestLimits(house.database, "", house.clock, secret="s" * 40)
    desk = Desk(database=house.database, settings=bell.settings, clock=house.clock, limits=limits)
    with house.database.transaction() as session:
        arrival = Arrival(raw, "imap", "bounce@example.org", to)
        mail_id = store_mail(session, arrival, keep=None, clock=house.clock).mail_id
    assert work_off(desk, mail_id) == []
    with house.database.read() as session:
        return session.get_one(InboundMail, mail_id).note


def copies(house: House) -> list[CanaryCopy]:
    with house.database.read() as session:
        return list(session.scalars(select(CanaryCopy)))


def test_every_newsletter_has_one_at_each_frequency_and_none_twice(house: House) -> None:
    with house.database.transaction() as session:
        assert ensure_canaries(session, CANARY, clock=house.clock) == 0
        assert ensure_canaries(session, "", clock=house.clock) == 0
        people = session.scalars(select(Subscriber)).all()
    assert {one.state for one in people} == {SubscriberState.CONFIRMED}
    assert all(is_canary(CANARY, one.email) for one in people)
    assert all(len(one.subscriptions) == 1 for one in people)
    for other in ("canary@alerts.example.org", "canary+x@evil.example", "x+canary@a.org"):
        assert not is_canary(CANARY, other)


def test_a_copy_that_comes_is_no_alarm_and_no_reply(house: House, bell: Bell) -> None:
    raw = sent(house)
    assert bell.look() == []
    [copy] = copies(house)
    assert copy.arrived_at is None
    assert brought_back(house, bell, raw) == "a canary's copy: it has arrived"
    house.later(hours=1)
    assert bell.look() == []
    assert copies(house)[0].arrived_at is not None


def test_a_copy_that_comes_before_anybody_expects_it(house: House, bell: Bell) -> None:
    assert brought_back(house, bell, sent(house)) == "a canary's copy: it has arrived"
    house.later(hours=1)
    assert bell.look() == []
    assert len(copies(house)) == 1


def test_a_copy_that_does_not_come_is_an_alarm_until_it_does(house: House, bell: Bell) -> None:
    raw = sent(house)
    for minutes in (0, 29):
        house.later(minutes=minutes)
        assert bell.look() == []
    house.later(minutes=2)
    assert bell.look() == ["canary-missing"]
    assert f"issue {house.issue_id} of gp-alert" in bell.alarms()[0].what
    brought_back(house, bell, raw)
    house.later(minutes=10)
    assert bell.look() == []


def test_the_catcher_is_looked_into_where_mail_is_caught(
    house: House, bell: Bell, tmp_path: Path
) -> None:
    bell.close()
    caught = Bell(house.database, house.clock, tmp_path, canary=CANARY)
    raw = sent(house)
    house.later(minutes=31)
    assert caught.look() == ["canary-missing"]
    caught.store.add([("bounce@example.org", MINE, raw)])
    house.later(minutes=10)
    assert caught.look() == []
    caught.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b"Message-ID: <", b"Message-ID: <x"),
        lambda raw: raw.replace(b"Message-ID:", b"X-Other:"),
        lambda raw: raw.replace(b"To: ", b"To: ama@example.org\r\nX-To: "),
    ],
)
def test_another_mail_is_none(house: House, bell: Bell, change: object) -> None:
    assert callable(change)
    changed = change(sent(house))
    bell.look()
    assert "canary" not in brought_back(house, bell, changed)
    house.later(minutes=31)
    assert bell.look() == ["canary-missing"]


@pytest.mark.parametrize(
    "name", ["", "<>", "<a.b.c@d>", "<a.1.99999999999999999999@b>", "<" + "1." * 400 + "@x>"]
)
def test_no_name_of_a_message_does_harm(house: House, name: str) -> None:
    with house.database.transaction() as session:
        assert not note_arrival(session, CANARY, name, [MINE], now=house.clock.now())
        assert not note_arrival(session, "", name, [MINE], now=house.clock.now())


def test_old_issues_are_not_looked_for(house: House, bell: Bell) -> None:
    sent(house)
    house.later(days=3)
    assert bell.look() == []
    assert copies(house) == []
    assert Settings().canary_within == timedelta(minutes=30)
