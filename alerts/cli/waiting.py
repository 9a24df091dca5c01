"""Waiting at the command line until an issue is sent, with a worker of our own if there is none."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from alerts.children import end_with_parent
from alerts.cli.common import note, progress_bar
from alerts.cli.rhythm import Rhythm
from alerts.clock import Clock
from alerts.delivery.books import Audit, audit, held_by, held_until, progress, state_of
from alerts.delivery.sweeper import sweep
from alerts.newsletters.models import IssueState
from alerts.runtime import Runtime
from alerts.shared_clock import SharedClock
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
        [sys.executable, "-P", "-m", "alerts.cli", "worker"],
        stdout=sys.stderr,
        preexec_fn=end_with_parent(),  # noqa: PLW1509 - see there
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
    watch = _Watch(runtime, issue_id)
    clock = SharedClock(runtime.database)
    # A long ledger is counted ever more rarely: the time belongs to the sending.
    counting = Rhythm(_LOOK_SECONDS)
    sweeping = Rhythm(_SWEEP_SECONDS, patience=1, at_once=False)
    with progress_bar(f"issue {issue_id}") as show:
        # Whether it is under way is one row, and asked often: the end is noticed at once.
        while watch.under_way():
            if counting.due:
                with counting.timed():
                    show(*watch.count())
            if sweeping.due:
                with sweeping.timed():
                    _sweep(runtime, queue, clock)
            time.sleep(_LOOK_SECONDS)
        books = watch.books()
        show(books.audience - books.pending, books.audience)
        return books


class _Watch:
    """What is asked of the database while an issue is under way."""

    def __init__(self, runtime: Runtime, issue_id: int) -> None:
        self._runtime = runtime
        self._issue_id = issue_id
        self._told: datetime | None = None

    def under_way(self) -> bool:
        with self._runtime.database.read() as session:
            return state_of(session, self._issue_id) in _UNDER_WAY

    def count(self) -> tuple[int, int]:
        """Return how many have ended, and of how many; say so where all of them wait."""
        with self._runtime.database.read() as session:
            found = progress(session, [self._issue_id])[self._issue_id]
            held = held_until(session, self._issue_id, now=self._runtime.clock.now())
            why = held_by(session, self._issue_id) if held else None
        done, audience = found["done"], found["audience"]
        if held is not None and held != self._told:
            self._told = held
            why = why or "a mail server is away or asks to wait"
            note(f"{why}: again at {held:%d %b %H:%M:%S} UTC ({audience - done} to go)")
        return done, audience

    def books(self) -> Audit:
        with self._runtime.database.read() as session:
            return audit(session, self._issue_id)


def _sweep(runtime: Runtime, queue: CeleryTaskQueue, clock: Clock) -> None:
    with runtime.database.transaction() as session:
        due = sweep(session, clock=clock, lost_after=runtime.settings.lost_after)
    for item in due:
        queue.enqueue(item.task, item.id, queue=item.queue)
