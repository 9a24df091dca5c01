"""Taking mail in, the one door behind all ways in: it is stored, and only then answered."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from alerts.clock import Clock
from alerts.database import Database
from alerts.inbound.storing import Arrival, Stored, store_mails
from alerts.task_queue import Queue, Task, TaskQueue

log = structlog.get_logger(__name__)

# Handing over costs as much for one as for many; few enough that workers share what a burst brings.
_MOST_IN_A_TASK = 20


@dataclass(frozen=True, slots=True)
class Intake:
    """What taking mail in needs; `keep` is for how long, None for ever."""

    database: Database
    queue: TaskQueue
    clock: Clock
    keep: timedelta | None

    def take_in(self, arrivals: Iterable[Arrival]) -> list[Stored]:
        """Store mails in one transaction and hand the new ones to the workers.

        When this returns they are committed, and whoever brought them may be told so. One that
        is here already is the same mail: nothing happens again. Raises what the database raises.
        """
        with self.database.transaction() as session:
            stored = store_mails(session, list(arrivals), keep=self.keep, clock=self.clock)
        hand_over(stored, self.queue)
        return stored


def hand_over(stored: Iterable[Stored], queue: TaskQueue) -> None:
    """Hand mails that are committed to the workers: those that are new, many in a task."""
    known = [one.mail_id for one in stored if not one.is_new]
    new = [one.mail_id for one in stored if one.is_new]
    for at in range(0, len(new), _MOST_IN_A_TASK):
        queue.enqueue(Task.READ_MAIL, *new[at : at + _MOST_IN_A_TASK], queue=Queue.INBOUND)
    for mail_id in known:
        log.info("mail_known", mail=mail_id)
