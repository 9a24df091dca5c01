"""The beat: it only ticks, in UTC, once a minute, and has old data removed once a day.

What is due on which wall clock is decided by the scheduler in the periodic tick: entries of local
time in beat skip and double when the clocks change (celery issue 6438).
"""

from celery.schedules import crontab

from alerts.task_queue import Queue, Task

BEAT_SCHEDULE = {
    "tick": {
        "task": Task.TICK.value,
        "schedule": crontab(),
        # A tick that waited for a minute is overtaken by the next one.
        "options": {"queue": Queue.PERIODIC.value, "expires": 55},
    },
    # On no wall clock in particular: at night where most readers of this house are.
    "prune": {
        "task": Task.PRUNE.value,
        "schedule": crontab(hour="20", minute="40"),
        "options": {"queue": Queue.PREPARATION.value, "expires": 3600},
    },
}
