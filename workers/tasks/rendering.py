"""Tasks of the rendering station."""

from alerts.rendering.reviewing.links import check_links
from alerts.task_queue import Queue, Task
from workers.app import app
from workers.process import parts


@app.task(name=Task.CHECK_LINKS.value)
def check(check_id: int) -> None:
    """Look at the due links of one host; what is left comes again behind other work."""
    worker = parts()
    left = check_links(worker.database, check_id, fetcher=worker.fetcher, clock=worker.clock)
    if left is not None:
        worker.queue.enqueue(Task.CHECK_LINKS, left, queue=Queue.PREPARATION)
