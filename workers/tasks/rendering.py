"""Tasks of the rendering station."""

from alerts.delivery.asking_ahead import ask_ahead
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


@app.task(name=Task.ASK_AHEAD.value)
def ask_for_links_ahead(issue_id: int) -> None:
    """Have the links of a draft looked at before its editor asks."""
    worker = parts()
    checks = ask_ahead(
        worker.database,
        issue_id,
        settings=worker.settings,
        renderer=worker.renderer,
        clock=worker.clock,
    )
    for check_id in checks:
        worker.queue.enqueue(Task.CHECK_LINKS, check_id, queue=Queue.PREPARATION)
