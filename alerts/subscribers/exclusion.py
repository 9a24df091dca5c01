"""Keeping people out for good: suppressed by hand or by what came back, erased at their wish."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import Invalid, Refused
from alerts.subscribers.addresses import parse_address
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.subscribers.queries import by_key, find_subscriber
from alerts.subscribers.suppression import suppress_address, suppressed

_LONGEST_REASON = 200


def suppress(
    session: Session, email: str, *, reason: str, keys: Sequence[str], clock: Clock
) -> Subscriber | None:
    """Never mail an address again; returns its subscriber, if there is one.

    Raises Invalid for a wrong address, and for a reason of more than 200 characters.
    """
    address = parse_address(email)
    if len(reason) > _LONGEST_REASON:
        raise Invalid(f"a reason has at most {_LONGEST_REASON} characters, this has {len(reason)}")
    suppress_address(session, address.key, reason=reason, keys=keys, clock=clock)
    subscriber = by_key(session, address.key)
    if subscriber is not None:
        subscriber.state = SubscriberState.SUPPRESSED
        subscriber.confirmation_due_at = None
    session.flush()
    return subscriber


def refuse_suppressed(session: Session, email: str, *, keys: Sequence[str]) -> None:
    """Raise Refused when an address is on the suppression list."""
    address = parse_address(email)
    found = suppressed(session, [address.key], keys=keys)
    if found:
        raise Refused(f"{address.display} is suppressed ({found[address.key]}) and is not mailed")


def erase(session: Session, email: str, *, keys: Sequence[str], clock: Clock) -> None:
    """Remove a person's data; a keyed hash stays, so that the address is not mailed again.

    Ledger rows stay without the person: an issue's totals stay true.
    """
    subscriber = find_subscriber(session, email)
    suppress_address(session, subscriber.email_key, reason="erased", keys=keys, clock=clock)
    session.delete(subscriber)
    session.flush()
