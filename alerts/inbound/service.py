"""Taking mail in, the one door behind all ways in: it is stored, and only then answered."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from alerts.clock import Clock
from alerts.database import Database
from alerts.inbound.storing import Arrival, Stored, store_mail
from alerts.task_queue import Queue, Task, TaskQueue

log = structlog.get_logger(__name__)


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
            stored = [
                store_mail(session, arrival, keep=self.keep, clock=self.clock)
                for arrival in arrivals
            ]
        for one in stored:
            if one.is_new:
                self.queue.enqueue(Task.READ_MAIL, one.mail_id, queue=Queue.INBOUND)
            else:
                log.info("mail_known", mail=one.mail_id)
        return stored
