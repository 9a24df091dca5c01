"""The port that sends tasks by name, held against the workers that run them."""

import subprocess
import sys
from pathlib import Path

import pytest

from alerts.config import Settings
from alerts.task_queue import Queue, Task
from workers.app import TASK_MODULES, make_app


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def test_every_task_name_is_registered_and_every_registered_task_is_named(
    settings: Settings,
) -> None:
    from workers.app import app

    app.loader.import_default_modules()
    registered = {name for name in app.tasks if not name.startswith("celery.")}
    assert registered == {task.value for task in Task}
    assert set(TASK_MODULES) == set(app.conf.imports)


def test_every_queue_has_an_exchange_and_a_key_of_its_own(settings: Settings) -> None:
    declared = make_app(settings).conf.task_queues
    assert {queue.name for queue in declared} == {queue.value for queue in Queue}
    # One exchange and key for all would deliver each message to every queue.
    assert len({(queue.exchange.name, queue.routing_key) for queue in declared}) == len(Queue)


def test_beat_only_ticks_in_utc(settings: Settings) -> None:
    conf = make_app(settings).conf
    tasks = {entry["task"] for entry in conf.beat_schedule.values()}
    assert tasks == {Task.TICK.value, Task.PRUNE.value}, (
        "put what is due on a wall clock into the schedules table: entries of local time in beat"
        " skip and double when the clocks change"
    )
    assert str(conf.timezone) == "UTC"
    assert conf.enable_utc


def test_a_process_is_not_forked_with_what_only_few_tasks_need() -> None:
    program = (
        "import sys, workers.__main__\n"
        "workers.__main__.app.loader.import_default_modules()\n"
        "print(*sys.modules, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.split())
    assert {"alerts.delivery.sender", "workers.tasks.articles"} <= imported
    # Each some megabytes, for the life of every process.
    assert not imported & {
        "alembic",
        "alerts.articles.sources.polling",
        "alerts.inbound.reading.read",
        "alerts.operations.doctor.service",
        "alerts.subscribers.importing",
        "celery.bin.celery",
        "prompt_toolkit",
        "trafilatura",
    }
