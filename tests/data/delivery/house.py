"""A house with one issue on its way, and a transport that does what it is told."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from typing_extensions import override

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.books import Audit, audit
from alerts.delivery.completion import finish_if_done
from alerts.delivery.models import Batch, Delivery
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.return_paths import ReturnPaths
from alerts.delivery.sender import BatchResult, Sender
from alerts.delivery.sweeper import sweep
from alerts.delivery.tallies import standing_at
from alerts.delivery.transports.base import Lane, Observer, Outgoing, Transport, TransportDown
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import IssueState
from alerts.newsletters.service import ensure_built_in
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Subscriber
from alerts.task_queue import RecordingTaskQueue
from alerts.tokens import Tokens
from tests.conftest import NOW
from tests.factories import (
    RENDERER,
    SETTINGS,
    add_readers,
    approved_issue,
)

ACCEPTED = Outcome(Fate.ACCEPTED, 250, "2.0.0 queued")


class Crash(BaseException):
    """The process is gone: nothing that would clean up gets to run what it wanted."""


class ScriptedTransport(Transport):
    """Keeps what it is handed; what it answers is written down by recipient, an answer a try."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.mails: list[tuple[str, bytes]] = []
        self.senders: dict[str, str] = {}
        self.answers: dict[str, list[Outcome]] = {}
        self.away = False
        self.dies_at: str | None = None
        self.dies_of: type[BaseException] = Crash
        self.before_each: Callable[[str], None] = lambda _: None

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        for message in list(messages):
            if self.away:
                raise TransportDown("nobody answers")
            name = message.recipient.partition("@")[0]
            self.before_each(name)
            content = message.content(False)
            self.senders[name] = message.sender
            others_can_write(self._database)
            observer.started(message.delivery_id)
            if self.dies_at == name:
                raise self.dies_of
            answer = (self.answers.get(name) or [ACCEPTED]).pop(0)
            if answer.fate in {Fate.ACCEPTED, Fate.UNKNOWN}:
                self.mails.append((name, content))
            observer.ended(message.delivery_id, answer)

    @override
    async def close(self) -> None:
        """Nothing is held open."""

    @property
    def got(self) -> Counter[str]:
        """How many mails each reader got."""
        return Counter(name for name, _ in self.mails)

    def ids_of(self, name: str) -> list[str]:
        """Return the Message-IDs of what a reader got."""
        return [
            str(message_from_bytes(mail)["Message-ID"])
            for reader, mail in self.mails
            if reader == name
        ]


def others_can_write(database: Database) -> None:
    """Write, as another process would while mail is sent: no transaction may stay open for it.

    SQLite has one writer at a time; it gives up here where a sender kept it waiting.
    """
    with database.transaction() as session:
        session.execute(update(Batch).values(number=Batch.number))


class House:
    """A database with one issue that is being sent, and everything to work it off."""

    def __init__(
        self,
        database: Database,
        clock: FixedClock,
        folder: Path,
        *,
        overtaken: Callable[[Lane], bool] = lambda _: False,
        beside: Callable[[], Awaitable[object]] | None = None,
        return_paths: ReturnPaths | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.transport = ScriptedTransport(database)
        self.stopping = self.dying = False
        self.sender = Sender(
            database=database,
            clock=clock,
            links=SubscriberLinks(Tokens(("k" * 40,)), SETTINGS.base_url),
            transport=self.transport,
            spool=folder / "spool",
            sender=SETTINGS.sender,
            stopping=self._stops,
            overtaken=overtaken,
            beside=beside,
            return_paths=return_paths,
        )
        with database.transaction() as session:
            ensure_built_in(session, clock=clock)

    @classmethod
    def in_three_batches(
        cls, database: Database, clock: FixedClock, folder: Path, *, readers: int
    ) -> "House":
        """Return one whose issue is on its way to so many readers."""
        house = cls(database, clock, folder)
        house.send_to(*(f"r{number:03}" for number in range(readers)))
        assert len(house.batches()) == 3
        return house

    def _stops(self) -> bool:
        if self.dying:
            raise Crash
        return self.stopping

    def send_to(self, *names: str) -> int:
        """Start an issue for these readers; return its id."""
        with self.database.transaction() as session:
            add_readers(session, list(names), now=NOW)
        self.issue_id = approved_issue(self.database, self.clock)
        prepare_issue(
            self.database,
            self.issue_id,
            renderer=RENDERER,
            base_url=SETTINGS.base_url,
            clock=self.clock,
            queue=RecordingTaskQueue(),
        )
        return self.issue_id

    def batches(self) -> list[int]:
        with self.database.read() as session:
            return list(session.scalars(select(Batch.id).order_by(Batch.id)))

    def work(self) -> BatchResult:
        """Work off the one batch, as its task does."""
        [batch] = self.batches()
        result = self.sender.work_off(batch)
        with self.database.transaction() as session:
            finish_if_done(session, self.issue_id, clock=self.clock)
        return result

    def crash(self, at: str) -> None:
        """Let the worker die while this reader's message is on the wire."""
        self.transport.dies_at = at
        with pytest.raises(Crash):
            self.work()
        self.transport.dies_at = None

    def swept(self) -> list[int]:
        with self.database.transaction() as session:
            return [due.id for due in sweep(session, clock=self.clock)]

    def later(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))

    def books(self) -> Audit:
        with self.database.read() as session:
            found = audit(session, self.issue_id)
            standing = standing_at(session, self.issue_id, now=self.clock.now())
        assert found.balanced
        # What is kept beside the ledger agrees with it, whatever happened.
        kept = (standing.audience, standing.sent, standing.failed, standing.skipped)
        assert kept == (found.audience, found.sent, found.failed, found.skipped)
        assert (standing.uncertain, standing.pending) == (found.uncertain, found.pending)
        assert sum(standing.failures.values()) == found.failed
        return found

    def states(self) -> dict[str, tuple[str, str | None]]:
        with self.database.read() as session:
            rows = session.execute(
                select(Subscriber.email, Delivery.state, Delivery.reason).join(
                    Subscriber, Subscriber.id == Delivery.subscriber_id
                )
            )
            return {mail.partition("@")[0]: (state.value, why) for mail, state, why in rows}

    def issue_state(self) -> IssueState:
        with self.database.read() as session:
            return get_issue(session, self.issue_id).state

    def change(self, name: str, change: Callable[[Session, Subscriber], object]) -> None:
        with self.database.transaction() as session:
            found = session.scalars(
                select(Subscriber).where(Subscriber.email == f"{name}@example.org")
            )
            change(session, found.one())
