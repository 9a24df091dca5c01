"""Beginning an issue: its first readers get it while the others are taken into its audience.

To take an audience is the database's work. The process that asks for it would stand still
meanwhile, with all its connections: so it asks in another thread, and sends.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context

from alerts.delivery.audience import Audience
from alerts.delivery.sender import Results, Sender
from alerts.task_queue import Queue, Task, TaskQueue


def send_off(
    sender: Sender,
    issue_id: int,
    prepare: Callable[[], Audience | None],
    *,
    seconds: float,
    queue: TaskQueue,
) -> Results:
    """Prepare an issue, and send to the first readers of a large audience while it is completed.

    `prepare` takes some of the readers, see `prepare_issue`. After `seconds` the process ends what
    it began, and leaves the rest of the audience to whoever takes the task. Returns how the work on
    each batch ended. What `prepare` raises is raised once nothing is under way.
    """
    audience = prepare()
    if audience is None or audience.complete:
        return {}
    over = threading.Event()

    def complete() -> None:
        taken: Audience | None = audience
        while taken is not None and not taken.complete:
            if over.is_set() or sender.stopping():
                queue.enqueue(Task.PREPARE_ISSUE, issue_id, queue=Queue.PREPARATION)
                return
            taken = prepare()

    with ThreadPoolExecutor(1, thread_name_prefix="audience") as beside:
        completing: Future[None] = beside.submit(copy_context().run, complete)
        try:
            results = sender.work_for(
                issue_id, seconds=seconds, coming=lambda: not completing.done()
            )
        finally:
            over.set()
    completing.result()
    return results
