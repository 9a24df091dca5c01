"""A sign of life from the beat and from each worker, so that others notice when it stops.

It comes from the process itself, not from a task: workers that are all busy are alive.
"""

import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from alerts.config import Settings
from alerts.database import Database
from alerts.operations.alarms.beats import note_life
from alerts.shared_clock import SharedClock

log = structlog.get_logger(__name__)

_EVERY_SECONDS = 20.0


class Heart:
    """Writes down every 20 seconds that a part runs, until it is stopped."""

    def __init__(
        self, settings: Settings, name: str, *, every_seconds: float = _EVERY_SECONDS
    ) -> None:
        self._every_seconds = every_seconds
        self._url = settings.database
        self._name = name
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heart-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a beat that is under way need not be waited for."""
        self._stop.set()

    def _run(self) -> None:
        while True:
            self._beat()
            if self._stop.wait(self._every_seconds):
                return

    def _beat(self) -> None:
        # Opened and closed each time: a pool that forks meanwhile shares no connection of ours.
        database = Database(self._url)
        try:
            # That of those who hold it against their own.
            clock = SharedClock(database)
            clock.look()
            with database.transaction() as session:
                note_life(session, self._name, now=clock.now())
        except SQLAlchemyError as error:
            log.warning("life_not_noted", part=self._name, error=type(error).__name__)
        finally:
            database.dispose()
