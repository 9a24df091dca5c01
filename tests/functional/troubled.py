"""An installation in trouble: its parts are killed and started again, and its books are held
against what the mail server took.
"""

import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Collection
from datetime import timedelta

from sqlalchemy import func, select, update

from alerts.clock import Clock, SystemClock
from alerts.database import Database
from alerts.delivery.books import Audit, audit, held_until
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.delivery.sweeper import sweep
from alerts.embedded_redis import EmbeddedRedis
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import IssueState
from alerts.subscribers.models import Subscriber
from alerts.task_queue import CeleryTaskQueue, celery_for
from benchmarks.readers import add_readers
from tests.functional.installation import ARTICLES, Installation
from tests.functional.moody_smtp import MoodySmtp

NEWSLETTER = "gp-alert"
LEASE_SECONDS = 2
_DELIVERY = re.compile(r"\.(\d+)@")
_UNDER_WAY = {IssueState.SENDING, IssueState.PAUSED}


class Troubled:
    """One issue of one installation, on its way through all kinds of trouble."""

    def __init__(self, installation: Installation, server: MoodySmtp) -> None:
        self.installation = installation
        self.server = server
        folder = installation.folder / "var"
        environment = installation.environment
        self.database = Database(
            environment.get("ALERTS_DATABASE_URL") or f"sqlite:///{folder / 'alerts.db'}"
        )
        redis_url = environment.get("ALERTS_REDIS_URL")
        embedded = EmbeddedRedis(folder)
        self.queue = CeleryTaskQueue(
            celery_for(redis_url or embedded.broker_url), redis_url=redis_url or embedded.url
        )
        self.issue = 0
        # What the database server's clock shows, which all parts go by.
        self.clock: Clock = SystemClock()
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, tuple[str, ...]] = {}

    def prepare(self, readers: int, *, uncertain: str = "resend") -> None:
        """Take in articles and readers and approve an issue."""
        run = self.installation.run
        run("init")
        run("article", "add", str(ARTICLES))
        if uncertain != "resend":
            definition = self.installation.folder / "newsletter.toml"
            exported = run("newsletter", "export", NEWSLETTER)
            definition.write_text(
                exported.replace('uncertain = "resend"', f'uncertain = "{uncertain}"')
            )
            run("newsletter", "apply", str(definition))
        add_readers(self.database, readers, newsletter=NEWSLETTER)
        self.issue = int(run("issue", "draft", NEWSLETTER))
        run("issue", "approve", str(self.issue))

    def send(self) -> None:
        """Have the issue sent by whatever workers there are."""
        self.installation.run("issue", "send", str(self.issue))

    # Its parts.

    def start(self, name: str, *command: str) -> None:
        """Start a part under a name."""
        self._commands[name] = command
        self.parts[name] = self.installation.start(*command)

    def kill(self, *names: str) -> None:
        """Kill parts with all their children, first all of them, and start them again."""
        for name in names:
            os.killpg(self.parts[name].pid, signal.SIGKILL)
        for name in names:
            self.parts[name].wait()
            self.start_again(name)

    def start_again(self, name: str) -> None:
        """Start a part that is no more, as it was started before."""
        self.start(name, *self._commands[name])

    def kill_child(self, name: str, choice: random.Random) -> bool:
        """Kill one process of a worker's pool; False when it has none at this moment."""
        children = pool_of(self.parts[name])
        if not children:
            return False
        os.kill(choice.choice(children), signal.SIGKILL)
        return True

    def close(self) -> None:
        """End all parts, and let go of the database."""
        self.installation.stop()
        self.database.dispose()

    def log(self) -> str:
        """Return what the parts have logged."""
        return (self.installation.folder / "parts.log").read_text(errors="replace")

    # Its books.

    def books(self) -> Audit:
        """Return the issue's books as they stand."""
        with self.database.read() as session:
            return audit(session, self.issue)

    def state(self) -> IssueState:
        """Return the issue's state."""
        with self.database.read() as session:
            return get_issue(session, self.issue).state

    def waits(self) -> bool:
        """Tell whether all that is left waits for a moment to come."""
        with self.database.read() as session:
            return held_until(session, self.issue, now=self.clock.now()) is not None

    def sweep(self) -> None:
        """Enqueue what is due, as `alerts issue watch` and the workers do now and then."""
        with self.database.transaction() as session:
            due = sweep(session, clock=self.clock, lost_after=timedelta(seconds=4))
        for item in due:
            self.queue.enqueue(item.task, item.id, queue=item.queue)

    def hurry(self) -> int:
        """Bring forward what waits for a second try, by minutes; return how many that were."""
        now = self.clock.now()
        with self.database.transaction() as session:
            hurried = session.execute(
                update(Delivery)
                .where(Delivery.issue_id == self.issue, Delivery.not_before > now)
                .where(Delivery.state == DeliveryState.PENDING)
                .values(not_before=now)
                .returning(Delivery.id)
            ).all()
            session.execute(
                update(Batch)
                .where(Batch.issue_id == self.issue, Batch.state == BatchState.READY)
                .where(Batch.not_before > now)
                .values(not_before=now, enqueued_at=None)
            )
        return len(hurried)

    def until(self, condition: Callable[[], bool], *, what: str, seconds: float = 240.0) -> None:
        """Wait for a condition, sweeping meanwhile; fail with the books when it does not come."""
        deadline = time.monotonic() + seconds
        swept = 0.0
        while not condition():
            now = time.monotonic()
            assert now < deadline, f"{what} did not happen: {self.books()}, {self.state()}"
            if now - swept > 1.0:
                swept = now
                self.sweep()
            time.sleep(0.05)

    def until_taken(self, messages: int) -> None:
        """Wait until the server took so many different messages, or the issue is done."""
        self.until(
            lambda: len(self.server.accepted) >= messages or self.state() not in _UNDER_WAY,
            what=f"message {messages} (of {len(self.server.accepted)})",
        )

    def until_sent(self, *, seconds: float = 240.0) -> None:
        """Wait until the issue is sent; what waits for a second try is brought forward."""

        def sent() -> bool:
            if self.state() is IssueState.SENT:
                return True
            self.hurry()
            return False

        self.until(sent, what="the end of the issue", seconds=seconds)

    def check(self, readers: int, *, most_copies: int, condemned: Collection[str] = ()) -> Audit:
        """Hold the books against the readers and against what the server took.

        Of the `condemned` a copy may have been taken whose answer was lost, before they were
        refused at the next try.
        """
        books = self.books()
        assert books.settled, f"the books do not balance: {books}"
        assert books.audience == readers, f"not everybody is in the ledger: {books}"
        with self.database.read() as session:
            rows = session.execute(
                select(Delivery.id, Delivery.state, Subscriber.email)
                .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
                .where(Delivery.issue_id == self.issue)
            ).all()
            people = session.scalar(select(func.count()).select_from(Subscriber))
        assert len({row.email for row in rows}) == len(rows) == people == readers
        states = {row.id: row.state for row in rows}
        taken = {int(_number(name)) for name in self.server.accepted}
        sent = {number for number, state in states.items() if state is DeliveryState.SENT}
        doubtful = {n for n, state in states.items() if state is DeliveryState.UNCERTAIN}
        assert sent <= taken, f"{len(sent - taken)} stand as sent that the server never took"
        refused = {row.id for row in rows if row.email in condemned}
        odd = taken - sent - doubtful - refused
        assert not odd, (
            f"the server took {len(odd)} that do not stand as sent:"
            f" {[states.get(number) for number in sorted(odd)[:5]]}"
        )
        several = [who for who, names in self.server.ids_of.items() if len(names) > 1]
        assert not several, f"{len(several)} readers got two different Message-IDs"
        assert self.server.copies <= most_copies, (
            f"{self.server.copies} messages came twice, and at most {most_copies} were on the wire"
        )
        return books


def pool_of(worker: "subprocess.Popen[bytes]") -> list[int]:
    """Return the processes of a worker's pool."""
    try:
        with open(f"/proc/{worker.pid}/task/{worker.pid}/children") as file:  # noqa: PTH123 - no path of ours
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def _number(message_id: str) -> str:
    found = _DELIVERY.search(message_id)
    assert found, f"a Message-ID of somebody else: {message_id}"
    return found[1]
