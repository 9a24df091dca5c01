"""What subscribers agreed to, changed and took back: one record each, never changed."""

from dataclasses import dataclass

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.subscribers.models import ConsentAction, ConsentRecord, Subscriber


@dataclass(frozen=True, slots=True)
class Origin:
    """By which way a change came, and from where (a network, a file, a person)."""

    way: str
    origin: str | None = None
    issue_id: int | None = None


def record_consent(
    session: Session,
    subscriber: Subscriber,
    action: ConsentAction,
    source: Origin,
    clock: Clock,
    *,
    newsletter: str | None = None,
    wording: str = "",
) -> None:
    """Write down one change: what was agreed to, in which words, when, from where."""
    if not inspect(subscriber).has_identity:
        # Its number comes with its row.
        session.flush()
    session.add(
        ConsentRecord(
            subscriber_id=subscriber.id,
            newsletter=newsletter,
            action=action,
            wording=wording,
            way=source.way,
            origin=source.origin,
            issue_id=source.issue_id,
            at=clock.now(),
        )
    )
