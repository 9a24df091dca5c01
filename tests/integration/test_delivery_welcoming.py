"""The welcome to a new reader: once, with the latest issue's pieces that are for them."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from sqlalchemy import select, update
from typing_extensions import override

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.publishing import approve_issue
from alerts.delivery.transports.base import Observer, Outgoing
from alerts.delivery.welcoming import owed_welcomes, send_welcome
from alerts.newsletters.issues import draft_issue
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import definition_of, ensure_built_in, get_newsletter
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Subscriber, SubscriberState, Subscription
from alerts.tokens import Tokens
from tests.factories import RENDERER, SETTINGS, add_readers, an_article
from tests.integration.test_delivery_confirmations import ACCEPTED, OneAnswer

ELSEWHERE = "https://news.example.org/delhi"
LINKS = SubscriberLinks(Tokens(("k" * 40,)), SETTINGS.base_url)


@pytest.fixture
def owed(database: Database, clock: FixedClock) -> int:
    """An issue that is out, and a new reader of West Africa who is owed a welcome."""
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        an_article(session, clock, title="The bridge at Bamako <b>")
        an_article(
            session, clock, title="Delhi", url=ELSEWHERE, regions=["south-asia"], countries=["IN"]
        )
        issue = draft_issue(session, "gp-alert", clock=clock)
        approve_issue(session, issue.id, by="e", settings=SETTINGS, renderer=RENDERER, clock=clock)
        session.execute(update(Issue).values(state=IssueState.SENT))
        add_readers(session, ["ama"], now=clock.now(), wish="west-africa")
        subscription = session.scalars(select(Subscription)).one()
        subscription.welcome_due_at = clock.now()
        return subscription.id


def send(database: Database, number: int, transport: OneAnswer, clock: FixedClock) -> bool:
    return asyncio.run(
        send_welcome(
            database,
            number,
            settings=SETTINGS,
            renderer=RENDERER,
            links=LINKS,
            transport=transport,
            clock=clock,
            signer=None,
        )
    )


def stored(database: Database) -> Subscription:
    with database.read() as session:
        return session.scalars(select(Subscription)).one()


def test_a_welcome_goes_out_once_with_what_is_for_the_reader(
    database: Database, owed: int, clock: FixedClock
) -> None:
    transport = OneAnswer(ACCEPTED)
    assert send(database, owed, transport, clock)
    assert not send(database, owed, transport, clock)
    [raw] = transport.mails
    mail = message_from_bytes(raw, policy=default)
    assert isinstance(mail, EmailMessage)
    assert mail["Subject"] == "Welcome to GP Alert"
    assert "gp-alert." in mail["List-Id"]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        text = part.get_content()
        assert "The bridge at Bamako" in text
        assert ELSEWHERE not in text
        assert "/archive/gp-alert/1" in text
        assert "/preferences/" in text
        assert "@@" not in text
    assert "<b>" not in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]  # it is there
    assert stored(database).welcomed_at == clock.now()
    assert stored(database).welcome_due_at is None


class PressedTwice(OneAnswer):
    """While the mail is under way, the second of two tasks comes to its turn."""

    def __init__(self, second: Callable[[], bool]) -> None:
        super().__init__(ACCEPTED)
        self._second = second
        self.said: list[bool] = []

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        self.said.append(await asyncio.to_thread(self._second))
        await super().deliver(messages, observer)


def test_two_tasks_for_one_welcome_send_it_once(
    database: Database, owed: int, clock: FixedClock
) -> None:
    other = OneAnswer(ACCEPTED)
    transport = PressedTwice(lambda: send(database, owed, other, clock))
    assert send(database, owed, transport, clock)
    assert transport.said == [False]
    assert (len(transport.mails), len(other.mails)) == (1, 0)
    assert stored(database).welcome_due_at is None


def test_a_worker_that_dies_over_a_welcome_leaves_it_owed(
    database: Database, owed: int, clock: FixedClock
) -> None:
    class Dies(OneAnswer):
        @override
        async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send(database, owed, Dies(ACCEPTED), clock)
    with database.read() as session:
        assert owed_welcomes(session, clock=clock) == []
    clock.advance(timedelta(minutes=8))
    with database.read() as session:
        assert [due.id for due in owed_welcomes(session, clock=clock)] == [owed]
    assert send(database, owed, OneAnswer(ACCEPTED), clock)


@pytest.mark.parametrize(
    "change",
    [
        {"state": SubscriberState.SUPPRESSED},
        {"state": SubscriberState.UNSUBSCRIBED},
    ],
)
def test_nobody_is_welcomed_who_is_not_mailed(
    database: Database, owed: int, clock: FixedClock, change: dict[str, SubscriberState]
) -> None:
    with database.transaction() as session:
        session.execute(update(Subscriber).values(**change))
    transport = OneAnswer(ACCEPTED)
    assert not send(database, owed, transport, clock)
    assert transport.mails == []
    assert stored(database).welcome_due_at is None


def test_a_newsletter_may_switch_its_welcome_off(
    database: Database, owed: int, clock: FixedClock
) -> None:
    with database.transaction() as session:
        newsletter = get_newsletter(session, "gp-alert")
        definition = definition_of(newsletter).model_copy(update={"welcome": False})
        newsletter.definition = definition.model_dump(mode="json")
    transport = OneAnswer(ACCEPTED)
    assert not send(database, owed, transport, clock)
    assert transport.mails == []
    assert stored(database).welcomed_at is None


@pytest.mark.parametrize("answer", [None, refusal(451, "4.3.0 later")])
def test_a_welcome_stays_owed_while_it_cannot_be_sent(
    database: Database, owed: int, clock: FixedClock, answer: Outcome | None
) -> None:
    assert not send(database, owed, OneAnswer(answer), clock)
    clock.advance(timedelta(minutes=3))
    with database.read() as session:
        assert [due.id for due in owed_welcomes(session, clock=clock)] == [owed]
    clock.advance(timedelta(days=1))
    with database.read() as session:
        assert owed_welcomes(session, clock=clock) == []


def test_a_refused_welcome_is_not_tried_again(
    database: Database, owed: int, clock: FixedClock
) -> None:
    answer = refusal(550, "5.1.1 no such user")
    assert answer.fate is Fate.PERMANENT
    assert not send(database, owed, OneAnswer(answer), clock)
    assert stored(database).welcome_due_at is None


def test_with_no_issue_out_a_welcome_says_what_will_come(
    database: Database, owed: int, clock: FixedClock
) -> None:
    with database.transaction() as session:
        session.execute(update(Issue).values(state=IssueState.DRAFT))
    transport = OneAnswer(ACCEPTED)
    assert send(database, owed, transport, clock)
    mail = message_from_bytes(transport.mails[0], policy=default)
    assert isinstance(mail, EmailMessage)
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it is there
    assert "as soon as an article is published" in " ".join(text.split())
    assert "latest issue" not in text
