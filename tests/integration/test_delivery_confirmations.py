"""The confirmation of a sign-up: sent once, tried again while it may help, never for ever."""

import asyncio
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from lxml import html as lxml_html
from sqlalchemy import select
from typing_extensions import override

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.confirming import Confirmations, owed_confirmations
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.transports.base import Observer, Outgoing, Transport, TransportDown
from alerts.newsletters.service import ensure_built_in
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.tokens import Tokens
from tests.factories import RENDERER, SETTINGS, add_readers, counted_queries


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


def confirmations(database: Database, transport: Transport, clock: FixedClock) -> Confirmations:
    links = SubscriberLinks(Tokens(("k" * 40,)), SETTINGS.base_url)
    return Confirmations(database, SETTINGS, RENDERER, links, transport, clock)


def send(database: Database, reader_id: int, transport: Transport, clock: FixedClock) -> bool:
    return asyncio.run(confirmations(database, transport, clock).send(reader_id))


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


def just_asked_for(database: Database, transport: Transport, clock: FixedClock) -> int:
    return asyncio.run(confirmations(database, transport, clock).send_just_asked_for())


def test_what_was_asked_for_a_moment_ago_is_found_without_a_task(
    database: Database, clock: FixedClock, reader_id: int
) -> None:
    transport = OneAnswer(ACCEPTED)
    clock.advance(timedelta(seconds=9))
    assert just_asked_for(database, transport, clock) == 1
    assert just_asked_for(database, transport, clock) == 0
    assert len(transport.mails) == 1


def test_what_waits_for_longer_is_left_to_the_sweeper(
    database: Database, clock: FixedClock, reader_id: int
) -> None:
    clock.advance(timedelta(seconds=10))
    assert just_asked_for(database, OneAnswer(ACCEPTED), clock) == 0
    assert owed_since(database) is not None


def test_two_workers_that_look_at_once_mail_it_once(
    database: Database, clock: FixedClock, reader_id: int
) -> None:
    others: list[bool] = []

    class AsksMeanwhile(OneAnswer):
        @override
        async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
            other = confirmations(database, OneAnswer(ACCEPTED), clock)
            others.extend([await other.send(reader_id), bool(await other.send_just_asked_for())])
            await super().deliver(messages, observer)

    transport = AsksMeanwhile(ACCEPTED)
    assert send(database, reader_id, transport, clock)
    assert others == [False, False]
    assert len(transport.mails) == 1


def test_a_worker_that_dies_over_a_confirmation_leaves_it_owed(
    database: Database, clock: FixedClock, reader_id: int
) -> None:
    class Dies(OneAnswer):
        @override
        async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        send(database, reader_id, Dies(ACCEPTED), clock)
    clock.advance(timedelta(minutes=4))
    with database.read() as session:
        assert [due.id for due in owed_confirmations(session, clock=clock)] == [reader_id]
    assert send(database, reader_id, OneAnswer(ACCEPTED), clock)


def test_each_reader_gets_an_address_and_a_link_of_their_own(
    database: Database, clock: FixedClock, reader_id: int
) -> None:
    clock.advance(timedelta(seconds=1))
    with database.transaction() as session:
        [other] = add_readers(
            session, ["o'hara"], now=clock.now(), state=SubscriberState.UNCONFIRMED
        )
        session.get_one(Subscriber, other).confirmation_due_at = clock.now()
    transport = OneAnswer(ACCEPTED)
    assert just_asked_for(database, transport, clock) == 2
    links = set()
    # Whoever came last goes first: before them there may have been a file of thousands.
    for mail, address in zip(transport.mails, ["o'hara", "ama"], strict=True):
        message = message_from_bytes(mail, policy=default)
        assert isinstance(message, EmailMessage)
        text, html = (message.get_body((kind,)) for kind in ("plain", "html"))
        assert text is not None
        assert html is not None
        assert f"{address}@example.org" in text.get_content().splitlines()
        shown = lxml_html.document_fromstring(html.get_content())
        assert f"{address}@example.org" in shown.text_content()
        [link] = re.findall(r"https?://\S*/confirm/\S+", text.get_content())
        assert shown.xpath(f'//td[@class="button"]/a[@href="{link}"]')
        links.add(link)
    assert len(links) == 2


class EachItsOwn(Transport):
    """Answers each address as it is told; of whom it knows nothing, it breaks off."""

    def __init__(self, answers: dict[str, Outcome]) -> None:
        self.answers = answers

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        for message in messages:
            answer = self.answers.get(message.recipient.partition("@")[0])
            if answer is None:
                raise TransportDown("the line broke")
            observer.ended(message.delivery_id, answer)

    @override
    async def close(self) -> None:
        """Nothing is held open."""


def owe(database: Database, clock: FixedClock, names: list[str]) -> None:
    """Have so many sign up, one after the other."""
    with database.transaction() as session:
        numbers = add_readers(session, names, now=clock.now(), state=SubscriberState.UNCONFIRMED)
        for number in numbers:
            session.get_one(Subscriber, number).confirmation_due_at = clock.now()
            clock.advance(timedelta(milliseconds=1))


def test_of_those_who_go_together_each_ends_by_its_own_answer(
    database: Database, clock: FixedClock, reader_id: int
) -> None:
    clock.advance(timedelta(seconds=1))
    owe(database, clock, ["never-asked", "later", "unknown", "refused", "accepted"])
    with database.read() as session:
        query = select(Subscriber.email, Subscriber.confirmation_due_at)
        before = {email.partition("@")[0]: since for email, since in session.execute(query)}
    answers = {
        "accepted": ACCEPTED,
        "refused": refusal(550, "5.1.1 no such user"),
        "unknown": Outcome(Fate.UNKNOWN, 0, "no answer"),
        "later": refusal(451, "4.7.1 later"),
    }
    assert just_asked_for(database, EachItsOwn(answers), clock) == 2
    with database.read() as session:
        after = {email.partition("@")[0]: since for email, since in session.execute(query)}
    assert {name for name, since in after.items() if since is None} == {
        "accepted",
        "refused",
        "unknown",
    }
    # Owed since they asked, not since the try: the sweeper counts the minutes by it.
    for name in ("later", "never-asked", "ama"):
        assert after[name] == before[name]


@pytest.mark.parametrize("people", [2, 12])
def test_what_those_who_go_together_ask_of_the_database_is_the_same_for_any_number(
    database: Database, clock: FixedClock, reader_id: int, people: int
) -> None:
    owe(database, clock, [f"reader-{number}" for number in range(people - 1)])
    with counted_queries(database.engine) as asked:
        assert just_asked_for(database, OneAnswer(ACCEPTED), clock) == people
    # Who asked, who they are, for what; the debts taken, and taken off.
    assert len([one for one in asked if not one.startswith("BEGIN")]) == 5
