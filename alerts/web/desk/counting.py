"""How many subscribers there are, as several rooms tell it: counted once for them all."""

from collections.abc import Mapping

from alerts.subscribers.models import SubscriberState
from alerts.subscribers.queries import count_by_state
from alerts.web.desk.frame import Desk
from alerts.web.kept_counts import Counted


def subscribers_by_state(desk: Desk) -> Counted[Mapping[SubscriberState, int]] | None:
    """Return how many subscribers there are in each state, None while they are counted."""
    runtime = desk.site.runtime

    def count() -> Mapping[SubscriberState, int]:
        with runtime.database.read() as session:
            return count_by_state(session)

    return desk.site.counts.get("by state", count, clock=runtime.clock)
