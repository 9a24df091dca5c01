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
# Counting takes no more than such a part of the time.
_COUNT_SHARE = 50
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
    swept = count_at = time.monotonic()
    told: datetime | None = None
    with progress_bar(f"issue {issue_id}") as show:
        while True:
            with runtime.database.read() as session:
                state = get_issue(session, issue_id).state
                held = held_until(session, issue_id, now=runtime.clock.now())
            ended = state not in _UNDER_WAY
            began = time.monotonic()
            if ended or began >= count_at:
                with runtime.database.read() as session:
                    books = audit(session, issue_id)
                show(books.audience - books.pending, books.audience)
                # A long ledger is counted ever more rarely: the time belongs to the sending.
                count_at = began + _COUNT_SHARE * (time.monotonic() - began)
                if ended:
                    return books
            if held is not None and held != told:
                told = held
                note(f"a mail server is away or asks to wait: again at {held:%H:%M:%S} UTC")
            if time.monotonic() - swept > _SWEEP_SECONDS:
                swept = time.monotonic()
                _sweep(runtime, queue)
            time.sleep(_LOOK_SECONDS)


def _sweep(runtime: Runtime, queue: CeleryTaskQueue) -> None:
    with runtime.database.transaction() as session:
        due = sweep(session, clock=runtime.clock, lost_after=runtime.settings.lost_after)
    for item in due:
        queue.enqueue(item.task, item.id, queue=item.queue)
