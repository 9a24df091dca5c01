"""Tasks of the newsletters station."""

from alerts.delivery.publishing import publish_run
from alerts.task_queue import Queue, Task
from workers.app import app
from workers.process import parts


@app.task(name=Task.RUN_SCHEDULE.value)
def run_schedule(run_id: int) -> None:
    """Draft the issue of a due run; where its newsletter needs no approval, send it."""
    worker = parts()
    issue_id = publish_run(
        worker.database,
        run_id,
        settings=worker.settings,
        renderer=worker.renderer,
        clock=worker.clock,
    )
    if issue_id is not None:
        worker.queue.enqueue(Task.PREPARE_ISSUE, issue_id, queue=Queue.PREPARATION)
