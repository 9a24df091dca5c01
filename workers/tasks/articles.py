"""Tasks of the articles station."""

import structlog

from alerts.task_queue import Task
from workers.app import app
from workers.process import parts

log = structlog.get_logger(__name__)


@app.task(name=Task.POLL_SOURCE.value)
def poll_source(source_id: int) -> None:
    """Look at a source and take in what is new."""
    from alerts.articles.sources.polling import poll_source as poll

    worker = parts()
    done = poll(
        worker.database,
        source_id,
        fetcher=worker.fetcher,
        topics=worker.topics,
        clock=worker.clock,
    )
    if done is not None:
        log.info(
            "source_polled",
            source=source_id,
            added=len(done.added),
            updated=len(done.updated),
            refused=len(done.refused),
            left=done.left,
            error=done.error,
        )
