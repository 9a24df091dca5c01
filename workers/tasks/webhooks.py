"""Tasks of the webhooks."""

from alerts.task_queue import Queue, Task
from workers.app import app
from workers.process import parts


@app.task(name=Task.TELL_WEBHOOK.value)
def tell(endpoint_id: int) -> None:
    """Tell an endpoint what is due for it."""
    worker = parts()
    if worker.deliverer.work_off(endpoint_id):
        worker.queue.enqueue(Task.TELL_WEBHOOK, endpoint_id, queue=Queue.WEBHOOKS)
