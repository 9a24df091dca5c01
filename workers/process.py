"""What a worker process holds open for all its tasks: database, templates, transport."""

import gc
import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from celery.signals import (
    beat_init,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

from alerts.config import Settings, load_settings
from alerts.database import Database
from alerts.delivery.confirming import Confirmations
from alerts.delivery.dkim import DkimSigner
from alerts.delivery.limits.newsletters import NewsletterRates
from alerts.delivery.loop import BackgroundLoop
from alerts.delivery.return_paths import ReturnPaths
from alerts.delivery.sender import Sender
from alerts.delivery.transports.base import Lane, Transport
from alerts.delivery.transports.factory import make_transport
from alerts.delivery.urgency import overtaken
from alerts.embedded_redis import EmbeddedRedis
from alerts.garbage import collect_seldom
from alerts.logs import configure_logs
from alerts.migrations import ensure_schema
from alerts.operations.alarms.beats import BEAT, WORKER
from alerts.operations.alarms.telling import Means
from alerts.operations.alarms.watching import Watch
from alerts.rendering.service import Renderer, renderer_of
from alerts.request_limits import RequestLimits
from alerts.shared_clock import SharedClock
from alerts.subscribers.links import SubscriberLinks
from alerts.task_queue import CeleryTaskQueue, Queue, Task
from alerts.tokens import Tokens
from workers.app import app
from workers.heart import Heart
from workers.looking import Looking

if TYPE_CHECKING:
    from alerts.articles.fetching.fetcher import Fetcher
    from alerts.articles.topics import Topics
    from alerts.inbound.incoming import Desk
    from alerts.webhooks.delivering import Deliverer

# How often a worker looks for lost work by itself, also where no beat runs.
_SWEEP_SECONDS = 20.0
# While one thread works on rows the others want the interpreter for microseconds at a time: at
# Python's own 5 ms the connections would run dry meanwhile.
_SWITCH_SECONDS = 0.0005

# Made before the pool forks, so that the children see it set. A batch asks between two groups.
_stopping = multiprocessing.Event()


def is_stopping() -> bool:
    """Tell whether this worker was asked to end."""
    return _stopping.is_set()


@dataclass(frozen=True)
class WorkerParts:
    """The parts that tasks hand to the stations; opened once per process."""

    settings: Settings
    clock: SharedClock
    database: Database

    @property
    def spool(self) -> Path:
        """Where this host's journals lie."""
        return self.settings.data_dir / "spool"

    @cached_property
    def redis_url(self) -> str:
        """Where limits are shared between workers."""
        if self.settings.uses_embedded_redis:
            return EmbeddedRedis(self.settings.data_dir).url
        return self.settings.redis_url

    @cached_property
    def queue(self) -> CeleryTaskQueue:
        """The way to hand on work."""
        return CeleryTaskQueue(app, redis_url=self.redis_url)

    @cached_property
    def renderer(self) -> Renderer:
        """The email templates, read once."""
        return renderer_of(self.settings)

    @cached_property
    def transport(self) -> Transport:
        """The way to send."""
        return make_transport(
            self.settings,
            redis_url=self.redis_url,
            newsletter_rate=NewsletterRates(self.database, self.clock),
        )

    @cached_property
    def fetcher(self) -> "Fetcher":
        """The way to other people's pages, at a pace that all workers keep together."""
        from alerts.articles.fetching.fetcher import Fetcher
        from alerts.articles.fetching.pacing import SharedPace

        return Fetcher(
            contact=self.settings.base_url,
            allowed_hosts=self.settings.fetch_hosts,
            pace=SharedPace(self.redis_url),
        )

    @cached_property
    def deliverer(self) -> "Deliverer":
        """The one that tells other programs what happened."""
        from alerts.webhooks.delivering import open_deliverer

        return open_deliverer(self.database, self.settings, self.clock)

    @cached_property
    def topics(self) -> "Topics":
        """The rules for what articles are about; read again when the worker starts again."""
        from alerts.articles.topics import topics_in

        return topics_in(self.settings.data_dir)

    @cached_property
    def links(self) -> SubscriberLinks:
        """The readers' links."""
        return SubscriberLinks(Tokens(self.settings.secret_key), self.settings.base_url)

    @cached_property
    def signer(self) -> DkimSigner | None:
        """The one that signs, if there are keys."""
        return DkimSigner.from_settings(self.settings, clock=self.clock)

    @cached_property
    def sender(self) -> Sender:
        """The one that works off batches."""
        return Sender(
            database=self.database,
            clock=self.clock,
            links=self.links,
            transport=self.transport,
            spool=self.spool,
            sender=self.settings.sender,
            signer=self.signer,
            stopping=is_stopping,
            overtaken=self._overtaken,
            beside=self.confirmations.send_just_asked_for,
            lease=timedelta(seconds=self.settings.lease_seconds),
            run=self.loop.run,
            return_paths=self.return_paths,
        )

    @cached_property
    def confirmations(self) -> Confirmations:
        """The mails that confirm sign-ups."""
        return Confirmations(
            self.database,
            self.settings,
            self.renderer,
            self.links,
            self.transport,
            self.clock,
            self.signer,
        )

    @cached_property
    def return_paths(self) -> ReturnPaths | None:
        """The envelope senders by which bounces say whose they are, where they come back to us."""
        return ReturnPaths.of(self.settings.secret_key, self.settings.bounce_domain)

    @cached_property
    def desk(self) -> "Desk":
        """What working on mail that came back takes."""
        from alerts.inbound.incoming import Desk

        return Desk(
            database=self.database,
            settings=self.settings,
            clock=self.clock,
            limits=RequestLimits(
                self.database, self.redis_url, self.clock, secret=self.settings.secret_key[-1]
            ),
        )

    @cached_property
    def telling(self) -> Means:
        """What telling of alarms takes."""
        return Means(
            database=self.database,
            settings=self.settings,
            clock=self.clock,
            transport=lambda: self.transport,
            renderer=lambda: self.renderer,
            run=self.loop.run,
            signer=self.signer,
            redis_url=self.redis_url,
        )

    @cached_property
    def watch(self) -> Watch:
        """This process's part in watching over the system."""
        return Watch(self.telling)

    @cached_property
    def loop(self) -> BackgroundLoop:
        """Where messages are handed over."""
        return BackgroundLoop()

    def close(self) -> None:
        """Let go of everything that is open."""
        if "transport" in self.__dict__:
            self.loop.run(self.transport.close())
        if "fetcher" in self.__dict__:
            self.fetcher.close()
        if "deliverer" in self.__dict__:
            self.deliverer.close()
        if "desk" in self.__dict__:
            self.desk.limits.close()
        self.loop.close()
        self.database.dispose()

    def _overtaken(self, lane: Lane) -> bool:
        with self.database.read() as session:
            return overtaken(session, lane, now=self.clock.now())


_parts: list[WorkerParts] = []


def parts() -> WorkerParts:
    """Return this process's parts, opened on first use."""
    if not _parts:
        settings = load_settings()
        database = Database(settings.database)
        _parts.append(WorkerParts(settings, SharedClock(database), database))
    return _parts[0]


@contextmanager
def _closed_afterwards(database: Database) -> Iterator[Database]:
    try:
        yield database
    finally:
        database.dispose()


# The embedded server that this process keeps running, if it is the one in use.
_servers: list[EmbeddedRedis] = []


# What keeps an eye on the clock.
_lookings: list[Looking] = []


# What shows others that this process runs.
_hearts: list[Heart] = []


@beat_init.connect
@worker_init.connect
def _prepare(**_: object) -> None:
    """Check the database and bring up the embedded Redis before the first connection."""
    configure_logs()
    settings = load_settings()
    with _closed_afterwards(Database(settings.database)) as database:
        ensure_schema(database)
    if settings.uses_embedded_redis:
        server = EmbeddedRedis(settings.data_dir)
        server.open()
        _servers.append(server)


def _show_life(name: str) -> None:
    heart = Heart(load_settings(), name)
    _hearts.append(heart)
    heart.start()


@beat_init.connect
def _beat_lives(**_: object) -> None:
    _show_life(BEAT)


@worker_process_init.connect
def _forget_parents_connections(**_: object) -> None:
    # A connection that a parent opened must not be shared with its children.
    _parts.clear()
    configure_logs()
    # What was imported stays: it need not be looked through again for every thousand messages.
    gc.freeze()
    collect_seldom()
    sys.setswitchinterval(_SWITCH_SECONDS)
    _push_nobody_aside()
    looking = Looking(parts().clock)
    _lookings.append(looking)
    looking.start()


def _push_nobody_aside() -> None:
    """Have Linux take this process for the batch job it is (SCHED_BATCH, see sched(7)).

    Its share of the processor stays the same. But each answer of a mail server wakes it, thousands
    of times a second, and it would take the place of whoever is running: that server, the database,
    the web part. Threads that are started later do likewise.
    """
    if sys.platform == "linux":
        # Some containers let nobody choose; then all is as usual.
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


@worker_process_shutdown.connect
def _close(**_: object) -> None:
    for looking in _lookings:
        looking.stop()
    for opened in _parts:
        opened.close()


@worker_ready.connect
def _keep_sweeping(sender: object, **_: object) -> None:
    """Sweep at once and then regularly: a crash may have left work that nobody ticks for."""

    def sweep() -> None:
        parts().queue.enqueue(Task.SWEEP, queue=Queue.PERIODIC)

    _show_life(WORKER)
    sweep()
    sender.timer.call_repeatedly(_SWEEP_SECONDS, sweep)  # type: ignore[attr-defined]  # a consumer


@worker_shutting_down.connect
def _give_batches_back(**_: object) -> None:
    _stopping.set()


@worker_shutdown.connect
def _stop_embedded(**_: object) -> None:
    for heart in _hearts:
        heart.stop()
    for server in _servers:
        server.close()
