"""What readers received, for segments of readers: the ledger's side of `received …`."""

from datetime import datetime, timedelta

from sqlalchemy import Select, or_, select

from alerts.delivery.models import Delivery, DeliveryState
from alerts.newsletters.models import Issue
from alerts.subscribers.segments.terms import Received

# Hosts' clocks differ: an issue may end, by one of them, before its last message was written down.
_CLOCKS_DIFFER = timedelta(days=1)


def received(term: Received, now: datetime) -> Select[int | None]:
    """Return the query for the subscribers' ids who received an issue, or anything in a span.

    The span ends at `now` (UTC). Only what a server took counts (`sent`); what is uncertain does
    not. To turn `nothing` around is the asker's part.
    """
    query = select(Delivery.subscriber_id).where(
        Delivery.state == DeliveryState.SENT, Delivery.subscriber_id.is_not(None)
    )
    if term.issue is not None:
        return query.where(Delivery.issue_id == term.issue)
    return query if term.span is None else _since(query, now - term.span.length)


def _since(query: Select[int | None], since: datetime) -> Select[int | None]:
    # No index of the ledger holds when a message went: the issues that were under way narrow it.
    finished = Issue.finished_at
    under_way = select(Issue.id).where(or_(finished.is_(None), finished >= since - _CLOCKS_DIFFER))
    return query.where(Delivery.issue_id.in_(under_way), Delivery.last_attempt_at >= since)
