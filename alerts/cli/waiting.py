"""Waiting at the command line until an issue is sent, with a worker of our own if there is none."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from alerts.cli.common import note, progress_bar
from alerts.delivery.books import Audit, audit, held_until
from alerts.delivery.sweeper import sweep
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import IssueState
from alerts.runtime import Runtime
from alerts.task_queue import CeleryTaskQueue

_LOOK_SECONDS = 0.2
_SWEEP_SECONDS = 5.0
_STOP_SECONDS = 60.0
_UNDER_WAY = {IssueState.SENDING, IssueState.SCHEDULED}


@contextmanager
def some_worker(queue: CeleryTaskQueue) -> Iterator[None]:
    """Make sure that a worker runs: one that answers, else one of our own until the end."""
    if queue.workers(timeout=1.0):
        yield
        return
    note("no worker answers: starting one for this command (`alerts up` keeps one running)")
    # What Celery says at its end must not stand before a JSON document.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "alerts.cli", "worker"], stdout=sys.stderr
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_sent(runtime: Runtime, queue: CeleryTaskQueue, issue_id: int) -> Audit:
    """Wait, with a progress bar on a terminal, until an issue is no longer under way.

    The wait also sweeps, so that work a crashed worker left is taken up without a beat.
    """
    swept = time.monotonic()
    told: datetime | None = None
    with progress_bar(f"issue {issue_id}") as show:
        while True:
            looked = time.monotonic()
            with runtime.database.read() as session:
                state = get_issue(session, issue_id).state
                books = audit(session, issue_id)
                held = held_until(session, issue_id, now=runtime.clock.now())
            show(books.audience - books.pending, books.audience)
            if state not in _UNDER_WAY:
                return books
            if held is not None and held != told:
                told = held
                note(
                    f"a mail server is away or asks to wait: again at {held:%H:%M:%S} UTC"
                    f" ({books.pending} to go)"
                )
            if time.monotonic() - swept > _SWEEP_SECONDS:
                swept = time.monotonic()
                _sweep(runtime, queue)
            # Counting a long ledger takes a while; it should take no more than a fifth of the time.
            time.sleep(max(_LOOK_SECONDS, 4 * (time.monotonic() - looked)))


def _sweep(runtime: Runtime, queue: CeleryTaskQueue) -> None:
    with runtime.database.transaction() as session:
        due = sweep(session, clock=runtime.clock, lost_after=runtime.settings.lost_after)
    for item in due:
        queue.enqueue(item.task, item.id, queue=item.queue)
