"""The Celery application: `celery -A workers.app worker`, or `alerts worker`.

The database is the truth; a task carries an id, loads, calls one function of a station, and maps
what it raises to "again later" or "stop". Results are not kept: the ledger is the result.
"""

from celery import Celery

from alerts.config import Settings, load_settings
from alerts.embedded_redis import EmbeddedRedis
from alerts.task_queue import celery_for
from workers.schedule import BEAT_SCHEDULE

TASK_MODULES = (
    "workers.tasks.articles",
    "workers.tasks.delivery",
    "workers.tasks.inbound",
    "workers.tasks.newsletters",
    "workers.tasks.operations",
    "workers.tasks.periodic",
    "workers.tasks.rendering",
    "workers.tasks.subscribers",
    "workers.tasks.webhooks",
)


def make_app(settings: Settings) -> Celery:
    """Return the application for these settings; starts nothing."""
    embedded = EmbeddedRedis(settings.data_dir)
    app = celery_for(embedded.broker_url if settings.uses_embedded_redis else settings.redis_url)
    app.conf.update(
        imports=TASK_MODULES,
        # One task in hand per process, so that none waits for the broker; a digest that was taken
        # early gives way by itself when an alert came in meanwhile.
        worker_prefetch_multiplier=1,
        worker_concurrency=settings.worker_processes,
        worker_hijack_root_logger=False,
        # Our lines are JSON already; redirected, each would get a head of words in front.
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_consumer="workers.consumer:PatientConsumer",
        beat_schedule=BEAT_SCHEDULE,
        beat_scheduler="workers.beat:SteadyScheduler",
        beat_schedule_filename=str(settings.data_dir / "beat-schedule"),
        timezone="UTC",
        enable_utc=True,
    )
    return app


app = make_app(load_settings())
