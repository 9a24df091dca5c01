"""What every entry to the program shares: settings, clock, database, queue, tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from alerts.clock import Clock, SystemClock
from alerts.config import Settings, load_settings
from alerts.database import Database
from alerts.embedded_redis import EmbeddedRedis
from alerts.migrations import ensure_schema
from alerts.task_queue import CeleryTaskQueue, TaskQueue, celery_for
from alerts.tokens import Tokens


@dataclass(frozen=True)
class Runtime:
    """The parts that the command line, the web part and the workers hand to the stations."""

    settings: Settings
    clock: Clock
    database: Database
    tokens: Tokens


@contextmanager
def open_runtime(settings: Settings | None = None) -> Iterator[Runtime]:
    """Yield the program's parts, with the schema in place; closes the database at the end.

    Raises Invalid for a wrong setting and Refused for a schema of another version.
    """
    settings = settings or load_settings()
    database = Database(settings.database)
    try:
        ensure_schema(database)
        yield Runtime(settings, SystemClock(), database, Tokens(settings.secret_key))
    finally:
        database.dispose()


@contextmanager
def open_queue(settings: Settings) -> Iterator[CeleryTaskQueue]:
    """Yield the way to the workers, with the embedded Redis server running if it is the one."""
    if not settings.uses_embedded_redis:
        yield CeleryTaskQueue(celery_for(settings.redis_url), redis_url=settings.redis_url)
        return
    server = EmbeddedRedis(settings.data_dir)
    server.open()
    try:
        yield CeleryTaskQueue(celery_for(server.broker_url), redis_url=server.url)
    finally:
        server.close()


__all__ = ["Runtime", "TaskQueue", "open_queue", "open_runtime"]
