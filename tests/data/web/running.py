"""The web part, really served, on a port of its own, with a clock and a queue of the test's."""

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from sqlalchemy import select

from alerts.clock import FixedClock, SystemClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.catcher import CatcherStore
from alerts.delivery.confirming import Confirmations
from alerts.delivery.transports.catcher import CatcherTransport
from alerts.inbound.providers.service import Webhooks
from alerts.newsletters.archive.entering import enter_missing
from alerts.newsletters.content import IssueContent
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import ensure_built_in, offers
from alerts.paths import templates_dir
from alerts.rendering.service import Renderer
from alerts.runtime import Runtime
from alerts.staff.guard import Guard
from alerts.staff.passwords import Passwords
from alerts.staff.seal import Seal
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import ConsentRecord, Frequency, Subscriber, Subscription
from alerts.subscribers.queries import find_subscriber
from alerts.subscribers.service import add_subscriber
from alerts.task_queue import RecordingTaskQueue, Task, TaskQueue
from alerts.tokens import Tokens
from alerts.web.app import create_app
from tests.staff_world import CHEAP

# Seconds: a machine that runs all tests at once may keep a page waiting.
_PATIENCE = 30.0
KEY = "a-key-for-the-web-tests-of-more-than-32-characters"
# No page is served over TLS here; a client that is told nothing reads all authorities there are.
TLS = ssl.create_default_context()
EMAIL = "asha@example.org"


@dataclass
class RunningSite:
    """A served site, what it works with, and a browser without cookies that follows nothing."""

    url: str
    runtime: Runtime
    queue: RecordingTaskQueue
    clock: FixedClock
    client: httpx.Client

    @property
    def links(self) -> SubscriberLinks:
        """The maker of personal links, leading to this site."""
        return SubscriberLinks(self.runtime.tokens, self.url)

    def form_token(self, path: str = "/subscribe") -> str:
        """Return the token of a form as it is handed out, read by a person for ten seconds."""
        found = re.search(r'name="form_token" value="([^"]+)"', self.client.get(path).text)
        assert found
        self.clock.advance(timedelta(seconds=10))
        return found[1]

    def subscribe(
        self, *newsletters: str, email: str = EMAIL, confirmed: bool = True
    ) -> Subscriber:
        """Add a subscriber to newsletters at their default frequency."""
        with self.runtime.database.transaction() as session:
            known = offers(session)
            return add_subscriber(
                session,
                email=email,
                offers=[known[slug] for slug in newsletters],
                confirmed=confirmed,
                consent="for a test",
                way="test",
                clock=self.clock,
            ).subscriber

    def subscriber(self, email: str = EMAIL) -> Subscriber:
        """Return a subscriber as stored now."""
        with self.runtime.database.read() as session:
            return find_subscriber(session, email)

    def subscriptions(self, email: str = EMAIL) -> dict[str, Subscription]:
        """Return a subscriber's running subscriptions by newsletter."""
        return {
            one.newsletter: one
            for one in self.subscriber(email).subscriptions
            if one.ended_at is None
        }

    def consents(self) -> list[ConsentRecord]:
        """Return all changes of consent on record, in order."""
        with self.runtime.database.read() as session:
            return list(session.scalars(select(ConsentRecord).order_by(ConsentRecord.id)))

    def add_issue(
        self,
        content: IssueContent,
        number: int,
        *,
        frequency: Frequency,
        state: IssueState = IssueState.SENT,
    ) -> int:
        """Store an approved issue and return its id."""
        now = self.clock.now()
        with self.runtime.database.transaction() as session:
            issue = Issue(
                newsletter=content.newsletter,
                frequency=frequency,
                state=state,
                number=number,
                subject=content.subject,
                until=now,
                content=content.to_json(),
                created_at=now,
                started_at=now if state in {IssueState.SENDING, IssueState.SENT} else None,
            )
            session.add(issue)
            session.flush()
            enter_missing(session)
            return issue.id


def send_owed_confirmations(site: RunningSite) -> None:
    """Do what a worker would do with the tasks on the queue: mail the links into the catcher."""
    runtime = site.runtime
    store = CatcherStore(runtime.settings.data_dir)

    confirmations = Confirmations(
        runtime.database,
        runtime.settings,
        Renderer(templates_dir("email")),
        site.links,
        CatcherTransport(store),
        # Some ways in go by the machine's clock.
        FixedClock(max(site.clock.now(), SystemClock().now())),
    )

    def work() -> None:
        for task, ids, _ in site.queue.enqueued:
            if task is Task.SEND_CONFIRMATION:
                asyncio.run(confirmations.send(*ids))

    # A loop of its own in a thread of its own: the browser's driver keeps one in this thread.
    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    store.close()


@contextmanager
def running_site(
    database: Database,
    clock: FixedClock,
    data_dir: Path,
    *,
    queue: TaskQueue | None = None,
    mail_url: tuple[str, ...] = ("catcher://",),
    push_tokens: tuple[str, ...] = (),
    metrics_token: str = "",
    base_url: str = "",
    webhooks: Mapping[str, Any] | None = None,
    fetch: Callable[[str], bytes] | None = None,
    fetch_hosts: tuple[str, ...] = (),
    api_rate: int = 600,
    pages_kept_for: timedelta = timedelta(0),
) -> Iterator[RunningSite]:
    """Serve the site in a thread on a free port of 127.0.0.1 until the block ends.

    `base_url` is what it takes for its own address; without one, where it is. `webhooks` are the
    settings of mail that comes back, `fetch` stands for the way to Amazon's certificates. Pages
    are not kept unless asked for: a test looks at once at what it changed.
    """
    with socket.socket() as listener, httpx.Client(timeout=_PATIENCE, verify=TLS) as client:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client.base_url = url
        settings = Settings(
            data_dir=data_dir,
            base_url=base_url or url,
            secret_key=(KEY,),
            mail_url=mail_url,
            push_tokens=push_tokens,
            metrics_token=metrics_token,
            **(webhooks or {}),
            fetch_hosts=fetch_hosts,
            api_rate=api_rate,
        )
        runtime = Runtime(settings, clock, database, Tokens(settings.secret_key))
        with database.transaction() as session:
            ensure_built_in(session, clock=clock)
        recording = RecordingTaskQueue()
        guard = Guard(database, clock, Passwords(CHEAP), Seal(settings.secret_key))
        application = create_app(
            runtime,
            queue=queue or recording,
            guard=guard,
            pages_kept_for=pages_kept_for,
            webhooks=Webhooks(settings, clock=clock, fetch=fetch),
        )
        # However busy the machine is: a page of a test waits for what it counts.
        application.state.site.counts.patience = _PATIENCE
        with _served(
            uvicorn.Config(application, log_level="critical", timeout_graceful_shutdown=2), listener
        ):
            yield RunningSite(url, runtime, recording, clock, client)


@contextmanager
def _served(configuration: uvicorn.Config, listener: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(configuration)
    started = threading.Event()

    def run() -> None:
        started.set()
        server.run(sockets=[listener])

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    try:
        # The socket listens before the first request: those that come early wait in its queue.
        listener.listen()
        yield
    finally:
        server.should_exit = True
        thread.join()
