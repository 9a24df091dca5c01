"""Tasks of the delivery station."""

from functools import partial

from alerts.delivery.completion import finish_if_done
from alerts.delivery.models import Batch
from alerts.delivery.preparation import prepare_issue, render_part
from alerts.delivery.sender import BatchResult, Results
from alerts.delivery.sending_off import send_off
from alerts.task_queue import Queue, Task
from workers.app import app
from workers.process import WorkerParts, parts

# What other queues hold waits for so long beyond the batch that a process has in hand.
_GO_ON_SECONDS = 4.0


@app.task(name=Task.PREPARE_ISSUE.value)
def prepare(issue_id: int) -> None:
    """Render an issue's editions, take its audience, and begin to send to a large one."""
    worker = parts()
    prepare_some = partial(
        prepare_issue,
        worker.database,
        issue_id,
        renderer=worker.renderer,
        base_url=worker.settings.base_url,
        clock=worker.clock,
        queue=worker.queue,
    )
    results = send_off(
        worker.sender, issue_id, prepare_some, seconds=_GO_ON_SECONDS, queue=worker.queue
    )
    _see_to(worker, results)


@app.task(name=Task.RENDER_EDITIONS.value)
def render_editions(issue_id: int, part: int, of: int) -> None:
    """Render a part of the editions of an issue that another process prepares."""
    worker = parts()
    render_part(
        worker.database,
        issue_id,
        part=part,
        parts=of,
        renderer=worker.renderer,
        base_url=worker.settings.base_url,
        clock=worker.clock,
    )


@app.task(name=Task.SEND_BATCH.value)
def send_batch(batch_id: int) -> None:
    """Send what is due in a batch and in those that follow it; the last batch ends the issue."""
    worker = parts()
    results = worker.sender.work_on(batch_id, seconds=_GO_ON_SECONDS)
    _see_to(worker, results)


def _see_to(worker: WorkerParts, results: Results) -> None:
    """Hand out again what was given back of an issue; end it where the last batch is done."""
    for number, result in results.items():
        if result is BatchResult.GIVEN_BACK:
            worker.queue.enqueue(Task.SEND_BATCH, number, queue=Queue.DIGESTS)
    done = [number for number, result in results.items() if result is BatchResult.DONE]
    if done:
        with worker.database.transaction() as session:
            batch = session.get_one(Batch, done[0])
            finish_if_done(session, batch.issue_id, clock=worker.clock)
