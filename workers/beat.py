"""The beat's own scheduler: one that a clock set back does not silence.

Celery asks when an entry last ran. Once the machine's clock was set back that moment lies ahead,
and nothing would be due until the clock has come there again: an hour without a tick.
"""

from datetime import timedelta
from typing import Any

import structlog
from celery.beat import PersistentScheduler
from typing_extensions import override

log = structlog.get_logger(__name__)

# Clocks that are disciplined by steps go back by less.
_PERHAPS_A_STEP = timedelta(seconds=5)


class SteadyScheduler(PersistentScheduler):
    """Starts counting anew where the clock was set back."""

    @override
    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; return for how many seconds there is nothing to do."""
        now = self.app.now()
        set_back = False
        for entry in self.schedule.values():
            if entry.last_run_at is not None and entry.last_run_at > now + _PERHAPS_A_STEP:
                entry.last_run_at = now
                set_back = True
        if set_back:
            log.warning("clock_was_set_back", now=now.isoformat())
            # Else it would go on by the moments that it had worked out before.
            self._heap = None
        wait: float = super().tick(*args, **kwargs)
        return wait
