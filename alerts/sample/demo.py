"""The demo: the main job on the sample newsroom, through real worker processes.

It works in a data folder of its own and always mails into the catcher: nothing can leave the
machine, whatever the settings say.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from alerts.articles.intake import add_sources
from alerts.children import end_with_parent
from alerts.cli.common import note, say
from alerts.cli.waiting import wait_until_sent
from alerts.config import Settings
from alerts.delivery.books import Audit
from alerts.delivery.publishing import approve_issue
from alerts.errors import Refused
from alerts.newsletters.issues import draft_issue, get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.numbering import spelled
from alerts.newsletters.service import ensure_built_in, offers
from alerts.paths import sample_photos_dir
from alerts.rendering.service import renderer_of
from alerts.runtime import Runtime, open_queue, open_runtime
from alerts.sample.newsroom import PHOTOS, write_pages, write_subscribers
from alerts.subscribers.importing import import_subscribers
from alerts.task_queue import CeleryTaskQueue, Queue, Task

NEWSLETTERS = ("gp-alert", "africa-this-week")
_CONSENT = "Invented for the demo; nobody with these addresses exists."
# The newsroom publishes for three weeks; an issue looks back on the last one.
# An alert brings what is new, the roundup what its readers have not had yet of the week.
_WINDOWS = {"gp-alert": timedelta(days=1), "africa-this-week": timedelta(days=7)}
_READY_SECONDS = 20.0
_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One issue of the demo, sent."""

    newsletter: str
    issue_id: int
    number: str | None
    subject: str
    books: Audit
    seconds: float


def run_demo(settings: Settings, *, serve: bool, port: int) -> bool:
    """Run the demo; True when every subscriber in both audiences is accounted for."""
    started = time.monotonic()
    settings = _demo_settings(settings, _free_port(port))
    with open_runtime(settings) as runtime, open_queue(settings) as queue, _parts(settings, queue):
        _fill_newsroom(runtime)
        sent = [_send_issue(runtime, queue, slug) for slug in NEWSLETTERS]
        _summary(settings, sent, seconds=time.monotonic() - started)
        if serve:
            _serve_until_interrupted()
    return all(issue.books.settled and issue.books.sent for issue in sent)


def _demo_settings(settings: Settings, port: int) -> Settings:
    folder = settings.data_dir / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return settings.model_copy(
        update={
            "data_dir": folder,
            "database_url": "",
            "redis_url": "",
            "mail_url": ("catcher://",),
            "base_url": f"http://127.0.0.1:{port}",
            "sender": "GP Alerts <alerts@newsroom.example.org>",
        }
    )


def _free_port(wanted: int) -> int:
    """Return the wanted port, or, when somebody listens there, one that is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    if port != wanted:
        note(f"port {wanted} is taken, the pages are served on {port}")
    return port


@contextmanager
def _parts(settings: Settings, queue: CeleryTaskQueue) -> Iterator[None]:
    """Run the web part and a worker in processes of their own, and stop them at the end."""
    environment = os.environ | {
        "ALERTS_DATA_DIR": str(settings.data_dir),
        "ALERTS_DATABASE_URL": "",
        "ALERTS_REDIS_URL": "",
        "ALERTS_MAIL_URL": "catcher://",
        "ALERTS_BASE_URL": settings.base_url,
        "ALERTS_SENDER": settings.sender,
        "ALERTS_SECRET_KEY": " ".join(settings.secret_key),
    }
    port = settings.base_url.rpartition(":")[2]
    program = [sys.executable, "-P", "-m", "alerts.cli"]
    processes = [
        subprocess.Popen(  # noqa: S603 - our own program
            [*program, *arguments],
            env=environment,
            start_new_session=True,
            preexec_fn=end_with_parent(),  # noqa: PLW1509 - see there
            # Celery's farewell is not part of the summary.
            stdout=subprocess.DEVNULL,
        )
        for arguments in (["web", "--port", port], ["worker"])
    ]
    try:
        _wait_for_worker(queue)
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for_worker(queue: CeleryTaskQueue) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not queue.workers(timeout=0.5):
        if time.monotonic() > deadline:
            raise Refused("the demo's worker did not start; run `alerts worker` to see why")


def _fill_newsroom(runtime: Runtime) -> None:
    settings = runtime.settings
    with runtime.database.transaction() as session:
        ensure_built_in(session, clock=runtime.clock)
    pages = write_pages(
        settings.data_dir / "newsroom", today=runtime.clock.now().date(), base_url=settings.base_url
    )
    shutil.copytree(PHOTOS, sample_photos_dir(settings.data_dir))
    added = add_sources(runtime.database, [str(page) for page in pages], clock=runtime.clock)
    if added.refused:
        source, reason = added.refused[0].source, added.refused[0].reason
        raise Refused(f"a page of the sample newsroom was refused: {source}: {reason}")
    people = settings.data_dir / "subscribers.csv"
    count = write_subscribers(people)
    with runtime.database.read() as session:
        offered = offers(session)
    import_subscribers(
        runtime.database,
        people,
        offers=offered,
        consent=_CONSENT,
        clock=runtime.clock,
        suppression_keys=settings.secret_key,
    )
    say(f"{len(pages)} articles read, {count} subscribers imported")


def _send_issue(runtime: Runtime, queue: CeleryTaskQueue, slug: str) -> Sent:
    with runtime.database.transaction() as session:
        since = runtime.clock.now() - _WINDOWS[slug]
        issue = draft_issue(session, slug, since=since, clock=runtime.clock)
        approve_issue(
            session,
            issue.id,
            by="demo",
            settings=runtime.settings,
            renderer=renderer_of(runtime.settings),
            clock=runtime.clock,
        )
        move(session, issue.id, Event.SEND, clock=runtime.clock)
    queue.enqueue(Task.PREPARE_ISSUE, issue.id, queue=Queue.PREPARATION)
    started = time.monotonic()
    books = wait_until_sent(runtime, queue, issue.id)
    seconds = time.monotonic() - started
    with runtime.database.read() as session:
        issue = get_issue(session, issue.id)
    return Sent(
        slug, issue.id, spelled(issue.number, issue.number_count), issue.subject, books, seconds
    )


def _summary(settings: Settings, sent: list[Sent], *, seconds: float) -> None:
    for issue in sent:
        books = issue.books
        say("")
        say(f"{issue.subject}")
        say(
            f"  {books.audience} in the audience = {books.sent} sent + {books.failed} failed"
            f" + {books.skipped} skipped + {books.uncertain} uncertain + {books.pending} pending"
        )
        for reason, count in books.reasons.items():
            say(f"    {count}: {reason}")
        say(f"  {settings.base_url}/archive/{issue.newsletter}/{issue.number}")
    say("")
    say(f"All mails, as HTML, text and source:  {settings.base_url}/caught/")
    say(f"What can be subscribed to:            {settings.base_url}/")
    say(f"Done in {seconds:.1f} s; the data is in {_short(settings.data_dir)}")


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _serve_until_interrupted() -> None:
    say("Serving until Ctrl-C.")
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        say("")
