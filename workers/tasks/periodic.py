"""Tasks of the beat and of the workers' own clock."""

import structlog

from alerts.articles.sources.claims import claim_due_sources
from alerts.delivery.asking_ahead import drafts_to_ask_for
from alerts.delivery.canaries import ensure_canaries
from alerts.delivery.confirming import owed_confirmations
from alerts.delivery.counting import settle_outcomes
from alerts.delivery.leases import spans_in_use
from alerts.delivery.leftovers import clear_spool
from alerts.delivery.reporting import keep_reports
from alerts.delivery.sweeper import Due, soon_starting, sweep
from alerts.delivery.tallies import settle_tallies
from alerts.delivery.welcoming import owed_welcomes
from alerts.inbound.fetching.claims import claim_due_mailboxes
from alerts.inbound.storing import owed_mail_work
from alerts.newsletters.scheduling import claim_due, stale_runs
from alerts.operations.alarms.telling import owes_notes
from alerts.operations.moments import clocked
from alerts.operations.rounds import Turn, begin_night, owed_turns, take_turn
from alerts.operations.situation import note_tick
from alerts.rendering.reviewing.links import owed_link_checks
from alerts.set_back import draw_near
from alerts.subscribers.uploads.service import owed_uploads
from alerts.task_queue import Queue, Task
from alerts.webhooks.queries import owed_endpoints
from workers.app import app
from workers.process import WorkerParts, is_stopping, parts

log = structlog.get_logger(__name__)


@app.task(name=Task.TICK.value)
def tick() -> None:
    """Start the runs and the polls that are due, and sweep."""
    worker = parts()
    with worker.database.transaction() as session:
        note_tick(session, now=worker.clock.now())
        settle_outcomes(session, now=worker.clock.now())
        settle_tallies(session, now=worker.clock.now())
        ensure_canaries(session, worker.settings.canary, clock=worker.clock)
    with worker.database.transaction() as session:
        runs = claim_due(session, clock=worker.clock)
        sources = claim_due_sources(session, clock=worker.clock)
    for run in runs:
        worker.queue.enqueue(Task.RUN_SCHEDULE, run.id, queue=Queue.PREPARATION)
    for source_id in sources:
        worker.queue.enqueue(Task.POLL_SOURCE, source_id, queue=Queue.INBOUND)
    _sweep(worker)
    _look_ahead(worker)
    _watch(worker)
    keep_reports(worker.database, clock=worker.clock)


@app.task(name=Task.SWEEP.value)
def sweep_lost_work() -> None:
    """Enqueue again what is due in the database and not under way; notice when no tick comes."""
    worker = parts()
    _sweep(worker)
    _look_ahead(worker)
    _watch(worker)


@app.task(name=Task.START_DUE.value)
def start_what_is_due() -> None:
    """Start an issue at its very moment, which a sweep saw coming; nothing if it was taken back."""
    _sweep(parts())


@app.task(name=Task.PRUNE.value)
def prune_old_data(round_id: int = 0, turn: int = 0) -> None:
    """Remove some of what was kept for as long as the settings say; without a turn, begin."""
    worker = parts()
    if round_id:
        next_turn = take_turn(
            worker.database,
            worker.settings,
            Turn(round_id, turn),
            clock=worker.clock,
            stopping=is_stopping,
        )
    else:
        with worker.database.transaction() as session:
            next_turn = begin_night(session, clock=worker.clock)
    if next_turn:
        _hand_on(worker, next_turn)


def _hand_on(worker: WorkerParts, turn: Turn) -> None:
    # Behind every batch that is to be sent: the night is long.
    worker.queue.enqueue(Task.PRUNE, turn.round_id, turn.number, queue=Queue.DIGESTS)


def _sweep(worker: WorkerParts) -> None:
    with worker.database.transaction() as session:
        draw_near(session, clocked(leases=spans_in_use(session)), clock=worker.clock)
    with worker.database.transaction() as session:
        due = sweep(session, clock=worker.clock, lost_after=worker.settings.lost_after)
        links = owed_link_checks(session, clock=worker.clock)
        due += [Due(Task.CHECK_LINKS, number, Queue.PREPARATION) for number in links]
        due += [
            Due(Task.ASK_AHEAD, number, Queue.PREPARATION) for number in drafts_to_ask_for(session)
        ]
        due += owed_confirmations(session, clock=worker.clock)
        due += owed_welcomes(session, clock=worker.clock)
        due += owed_mail_work(session, clock=worker.clock)
        mailboxes = claim_due_mailboxes(
            session,
            worker.settings.mailboxes,
            usual=worker.settings.inbound_every,
            clock=worker.clock,
        )
        runs = [run.id for run in stale_runs(session, clock=worker.clock)]
        endpoints = owed_endpoints(session, clock=worker.clock)
        uploads = owed_uploads(session, clock=worker.clock)
        turns = owed_turns(session, clock=worker.clock)
        due += [Due(Task.TAKE_UPLOAD, number, Queue.PREPARATION) for number in uploads]
    for item in due:
        worker.queue.enqueue(item.task, item.id, queue=item.queue)
    for mailbox_id in mailboxes:
        worker.queue.enqueue(Task.FETCH_MAIL, mailbox_id, queue=Queue.INBOUND)
    for run_id in runs:
        worker.queue.enqueue(Task.RUN_SCHEDULE, run_id, queue=Queue.PREPARATION)
    for turn in turns:
        _hand_on(worker, turn)
    for endpoint_id in endpoints:
        worker.queue.enqueue(Task.TELL_WEBHOOK, endpoint_id, queue=Queue.WEBHOOKS)
    if due or runs:
        log.info("swept", batches_and_issues=len(due), runs=len(runs))
    clear_spool(worker.database, worker.spool, clock=worker.clock)


def _look_ahead(worker: WorkerParts) -> None:
    """Have issues that start before the next sweep start on the second."""
    with worker.database.read() as session:
        waits = soon_starting(session, clock=worker.clock)
    for wait in waits:
        worker.queue.enqueue(Task.START_DUE, queue=Queue.PERIODIC, after=wait)


def _watch(worker: WorkerParts) -> None:
    worker.watch.check()
    with worker.database.read() as session:
        owed = owes_notes(session, now=worker.clock.now())
    if owed:
        worker.queue.enqueue(Task.TELL_ALARMS, queue=Queue.TRANSACTIONAL)
