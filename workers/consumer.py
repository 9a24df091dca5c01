"""What of Celery's consumer has to be patient: a broker that goes away ends no worker."""

import structlog
from celery.worker.consumer import Consumer
from typing_extensions import override

log = structlog.get_logger(__name__)


class PatientConsumer(Consumer):
    """Celery's consumer, which goes on where closing what is broken breaks as well.

    Celery 5.7 lets go of a lost connection twice. Where a task was in hand, kombu's channel to
    Redis wants to give it back each time, and the second time there is no transport left to ask:
    an AttributeError, which ends the worker. All that is left to be done then is to connect again;
    what was in hand is due in the database.
    """

    @override
    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Let go of the lost connection; whatever comes of that, a new one follows."""
        try:
            super().on_connection_error_after_connected(exc)
        except AttributeError as error:
            log.warning("lost_connection_not_closed", error=str(error))
