"""The confirmation of a sign-up: sent once, tried again while it may help, never for ever."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from email import message_from_bytes

import pytest
from sqlalchemy import select
from typing_extensions import override

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.transactional import owed_confirmations, send_confirmation
from alerts.delivery.transports.base import Observer, Outgoing, Transport, TransportDown
from alerts.newsletters.service import ensure_built_in
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.tokens import Tokens
from tests.factories import RENDERER, SETTINGS, add_readers


class OneAnswer(Transport):
    """Gives every message the same answer, or none at all."""

    def __init__(self, answer: Outcome | None) -> None:
        self.answer = answer
        self.mails: list[bytes] = []

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        for message in messages:
            if self.answer is None:
                raise TransportDown("nobody answers")
            self.mails.append(message.content(False))
            observer.ended(message.delivery_id, self.answer)

    @override
    async def close(self) -> None:
        """Nothing is held open."""


ACCEPTED = Outcome(Fate.ACCEPTED, 250, "2.0.0 queued")


@pytest.fixture
def reader_id(database: Database, clock: FixedClock) -> int:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        [number] = add_readers(session, ["ama"], now=clock.now(), state=SubscriberState.UNCONFIRMED)
        session.get_one(Subscriber, number).confirmation_due_at = clock.now()
    return number


def send(database: Database, reader_id: int, transport: Transport, clock: FixedClock) -> bool:
    return asyncio.run(
        send_confirmation(
            database,
            reader_id,
            settings=SETTINGS,
            renderer=RENDERER,
            links=SubscriberLinks(Tokens(("k" * 40,)), SETTINGS.base_url),
            transport=transport,
            clock=clock,
            signer=None,
        )
    )


def owed_since(database: Database) -> datetime | None:
    with database.read() as session:
        return session.scalars(select(Subscriber.confirmation_due_at)).one()


def test_a_confirmation_is_mailed_once(
    database: Database, clock: FixedClock, reader_id: int
) -> None:
    transport = OneAnswer(ACCEPTED)
    assert send(database, reader_id, transport, clock)
    assert not send(database, reader_id, transport, clock)
    assert not send(database, 999, transport, clock)
    [mail] = transport.mails
    message = message_from_bytes(mail)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Id"] is None
    assert message["List-Unsubscribe"] is None
    assert owed_since(database) is None


@pytest.mark.parametrize(
    "answer", [None, refusal(451, "4.7.1 later"), Outcome(Fate.POSTPONED, 429, "later", wait=60)]
)
def test_what_may_help_later_is_tried_again_but_not_for_ever(
    database: Database, clock: FixedClock, reader_id: int, answer: Outcome | None
) -> None:
    since = clock.now()
    tries = 0
    for _ in range(3 * 60):
        clock.advance(timedelta(minutes=1))
        with database.read() as session:
            due = owed_confirmations(session, clock=clock)
        tries += len(due)
        if due and tries < 4:
            assert not send(database, reader_id, OneAnswer(answer), clock)
            assert owed_since(database) == since
    # After 2, 5 and 10 minutes, then each half-hour.
    assert tries == 9
    clock.advance(timedelta(days=1))
    with database.read() as session:
        assert owed_confirmations(session, clock=clock) == []


def test_an_address_that_is_refused_for_good_is_not_tried_again(
    database: Database, clock: FixedClock, reader_id: int
) -> None:
    assert not send(database, reader_id, OneAnswer(refusal(550, "5.1.1 no such user")), clock)
    assert owed_since(database) is None


def test_a_newer_sign_up_stays_owed(database: Database, clock: FixedClock, reader_id: int) -> None:
    later = clock.now() + timedelta(seconds=5)

    class SignsUpMeanwhile(OneAnswer):
        @override
        async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
            with database.transaction() as session:
                session.get_one(Subscriber, reader_id).confirmation_due_at = later
            await super().deliver(messages, observer)

    assert send(database, reader_id, SignsUpMeanwhile(ACCEPTED), clock)
    assert owed_since(database) == later
