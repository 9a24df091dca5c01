"""Tasks of the delivery station."""

from alerts.delivery.completion import finish_if_done
from alerts.delivery.models import Batch
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.sender import BatchResult
from alerts.task_queue import Queue, Task
from workers.app import app
from workers.process import parts


@app.task(name=Task.PREPARE_ISSUE.value)
def prepare(issue_id: int) -> None:
    """Render an issue's editions, take its audience, enqueue its batches."""
    worker = parts()
    prepare_issue(
        worker.database,
        issue_id,
        renderer=worker.renderer,
        base_url=worker.settings.base_url,
        clock=worker.clock,
        queue=worker.queue,
    )


@app.task(name=Task.SEND_BATCH.value)
def send_batch(batch_id: int) -> None:
    """Send what is due in a batch; the last batch ends the issue."""
    worker = parts()
    result = worker.sender.work_off(batch_id)
    if result is BatchResult.GIVEN_BACK:
        worker.queue.enqueue(Task.SEND_BATCH, batch_id, queue=Queue.DIGESTS)
    elif result is BatchResult.DONE:
        with worker.database.transaction() as session:
            batch = session.get_one(Batch, batch_id)
            finish_if_done(session, batch.issue_id, clock=worker.clock)
