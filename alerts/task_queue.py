"""The one port through which the program hands work to Celery, by the task's name.

Only ids travel, and only after their rows are committed. A message that is lost costs a minute at
most: the sweeper in the periodic tick enqueues again whatever is due in the database.
"""

import enum
from datetime import timedelta
from typing import Protocol

import structlog
from celery import Celery
from kombu import Exchange
from kombu import Queue as KombuQueue
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

# Redis hands a task that waits in a worker out again after its visibility timeout, an hour: what
# waits for longer than this stands in the database.
LONGEST_WAIT = timedelta(minutes=5)
_AT_ONCE = timedelta()


class Queue(enum.StrEnum):
    """Queues by purpose, the most urgent first: a roundup of a million holds up no confirmation.

    A worker that is free takes from the first one that holds anything.
    """

    TRANSACTIONAL = "transactional"
    PERIODIC = "periodic"
    ALERTS = "alerts"
    INBOUND = "inbound"
    WEBHOOKS = "webhooks"
    PREPARATION = "preparation"
    DIGESTS = "digests"


class Task(enum.StrEnum):
    """The names of all tasks; a test holds them against what the workers register."""

    PREPARE_ISSUE = "delivery.prepare_issue"
    RENDER_EDITIONS = "delivery.render_editions"
    SEND_BATCH = "delivery.send_batch"
    SEND_CONFIRMATION = "subscribers.send_confirmation"
    SEND_WELCOME = "subscribers.send_welcome"
    TAKE_UPLOAD = "subscribers.take_upload"
    RUN_SCHEDULE = "newsletters.run_schedule"
    POLL_SOURCE = "articles.poll_source"
    CHECK_LINKS = "rendering.check_links"
    ASK_AHEAD = "rendering.ask_ahead"
    READ_MAIL = "inbound.read_mail"
    ANSWER_MAIL = "inbound.answer_mail"
    FETCH_MAIL = "inbound.fetch_mail"
    TELL_WEBHOOK = "webhooks.tell"
    TICK = "periodic.tick"
    SWEEP = "periodic.sweep"
    START_DUE = "periodic.start_due"
    PRUNE = "periodic.prune"
    TELL_ALARMS = "operations.tell_alarms"
    EXAMINE = "operations.examine"


class TaskQueue(Protocol):
    """Takes a task's name and its ids.

    `redis_url` is the broker's server in redis-py's form, for what else is shared there; empty
    where there is none.
    """

    redis_url: str

    def enqueue(self, task: Task, *ids: int, queue: Queue, after: timedelta = _AT_ONCE) -> bool:
        """Hand the task over; False when the broker is away and the sweeper has to do it.

        It begins `after` a wait of at most `LONGEST_WAIT`.
        """
        ...

    def answers(self) -> bool:
        """Tell whether the broker is there to take tasks."""
        ...


class CeleryTaskQueue:
    """Sends tasks by name to the broker, without knowing their code."""

    def __init__(self, app: Celery, *, redis_url: str) -> None:
        self._app = app
        self.redis_url = redis_url

    def enqueue(self, task: Task, *ids: int, queue: Queue, after: timedelta = _AT_ONCE) -> bool:
        """Send the task; a broker that is away is logged, not raised: the row is committed."""
        countdown = _seconds(after)
        try:
            self._app.send_task(
                task.value, args=ids, queue=queue.value, retry=False, countdown=countdown
            )
        except OperationalError as error:
            log.warning("broker_away", task=task.value, ids=ids, error=str(error))
            return False
        return True

    def answers(self) -> bool:
        """Tell whether the broker is there, with a connection made for the question."""
        try:
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)
        except OperationalError:
            return False
        return True

    def workers(self, *, timeout: float = 1.0) -> list[str]:
        """Return the names of the workers that answer within `timeout` seconds."""
        try:
            answers = self._app.control.ping(timeout=timeout) or []
        except OperationalError:
            return []
        return sorted(name for answer in answers for name in answer)


class RecordingTaskQueue:
    """A queue that only remembers what it was given; for tests and for dry runs."""

    redis_url = ""

    def __init__(self) -> None:
        self.enqueued: list[tuple[Task, tuple[int, ...], Queue]] = []
        self.waits: list[float | None] = []

    def enqueue(self, task: Task, *ids: int, queue: Queue, after: timedelta = _AT_ONCE) -> bool:
        """Remember the task, and in seconds how long it was to wait."""
        self.enqueued.append((task, ids, queue))
        self.waits.append(_seconds(after))
        return True

    def answers(self) -> bool:
        """Be there, always."""
        return True


def _seconds(wait: timedelta) -> float | None:
    """Return a wait in seconds, None for none; raises ValueError for one that is too long."""
    if wait > LONGEST_WAIT:
        raise ValueError(f"a task may wait for {LONGEST_WAIT} at most; longer waits are rows")
    return wait.total_seconds() if wait > _AT_ONCE else None


def celery_for(broker_url: str) -> Celery:
    """Return a Celery application that talks to this broker; the workers add their tasks to it.

    A Unix socket may be named as redis-py does or as Celery does.
    """
    if broker_url.startswith("unix://"):
        path = broker_url.removeprefix("unix://").replace("?db=", "?virtual_host=")
        broker_url = f"redis+socket://{path}"
    app = Celery("alerts", broker=broker_url)
    app.conf.update(
        task_ignore_result=True,
        # Each with an exchange of its own: left to the default, all would be bound to one routing
        # key, and every queue would get a copy of each message.
        task_queues=[
            KombuQueue(queue.value, Exchange(queue.value), routing_key=queue.value)
            for queue in Queue
        ],
        task_default_queue=Queue.PERIODIC.value,
        task_create_missing_queues=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "queue_order_strategy": "priority",
        },
    )
    return app
