"""Tasks of looking after the system."""

from alerts.operations.alarms.telling import tell_owed
from alerts.task_queue import Task
from workers.app import app
from workers.process import parts


@app.task(name=Task.TELL_ALARMS.value)
def tell_alarms() -> None:
    """Send the notes about alarms that are owed."""
    tell_owed(parts().telling)


@app.task(name=Task.EXAMINE.value)
def examine_system(report_id: int) -> None:
    """Have the doctor look, and keep what is found."""
    from alerts.operations.examining import examine

    worker = parts()
    examine(worker.database, report_id, settings=worker.settings, clock=worker.clock)
