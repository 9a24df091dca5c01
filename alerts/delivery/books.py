"""The books: what became of everybody in an issue's audience. They always add up."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from alerts.delivery.bounces import count_bounces
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState
from alerts.newsletters.models import Issue
from alerts.rendering.models import Edition

_ENDS = (
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.SKIPPED,
    DeliveryState.UNCERTAIN,
)


class Wait(NamedTuple):
    """So many readers wait for one reason; the first is tried again at `earliest` (UTC)."""

    reason: str
    readers: int
    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class Audit:
    """How many readers ended where; `pending` counts those that have not ended yet.

    `waits` tells of those among them that are to be tried again at some time.
    """

    audience: int
    sent: int
    failed: int
    skipped: int
    uncertain: int
    pending: int
    reasons: dict[str, int]
    waits: tuple[Wait, ...] = ()

    @property
    def balanced(self) -> bool:
        """Whether everybody in the audience stands in exactly one place."""
        counted = self.sent + self.failed + self.skipped + self.uncertain + self.pending
        return counted == self.audience

    @property
    def settled(self) -> bool:
        """Whether the books balance and nobody is left waiting."""
        return self.balanced and self.pending == 0

    def to_json(self) -> dict[str, Any]:
        """Return the audit in the form that scripts read."""
        return {
            "audience": self.audience,
            "sent": self.sent,
            "failed": self.failed,
            "skipped": self.skipped,
            "uncertain": self.uncertain,
            "pending": self.pending,
            "balanced": self.balanced,
            "reasons": self.reasons,
        }


def audit(session: Session, issue_id: int) -> Audit:
    """Count an issue's ledger by state and reason.

    `audience` is counted by itself, over distinct readers, and not summed from the states: the
    two agree only if every reader has one row.
    """
    whole = select(Delivery).where(Delivery.issue_id == issue_id).subquery("whole")
    # Erased people have no number any more: each of their rows counts as one reader.
    readers = select(
        func.count()
        - func.count(whole.c.subscriber_id)
        + func.count(whole.c.subscriber_id.distinct())
    ).select_from(whole)
    # One statement sees one moment: an audience taken between two would not add up.
    grouped = session.execute(
        select(
            Delivery.state,
            Delivery.reason,
            func.count(),
            readers.scalar_subquery(),
            func.min(Delivery.not_before),
            func.max(Delivery.not_before),
        )
        .where(Delivery.issue_id == issue_id)
        .group_by(Delivery.state, Delivery.reason)
    ).all()
    states: Counter[DeliveryState] = Counter()
    reasons: Counter[str] = Counter()
    waits: list[Wait] = []
    for state, reason, count, _, earliest, latest in grouped:
        states[state] += count
        if reason:
            reasons[reason] += count
        if state is DeliveryState.PENDING and earliest:
            waits.append(Wait(reason or "", count, earliest, latest))
    return Audit(
        audience=grouped[0][3] if grouped else 0,
        sent=states[DeliveryState.SENT],
        failed=states[DeliveryState.FAILED],
        skipped=states[DeliveryState.SKIPPED],
        uncertain=states[DeliveryState.UNCERTAIN],
        pending=sum(count for state, count in states.items() if state not in _ENDS),
        reasons=dict(sorted(reasons.items())),
        waits=tuple(sorted(waits)),
    )


def progress(session: Session, issue_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return how far each issue is: readers `done` of the `audience`; one look for them all."""
    counted = session.execute(
        select(Delivery.issue_id, func.count(), func.count().filter(Delivery.state.in_(_ENDS)))
        .where(Delivery.issue_id.in_(issue_ids))
        .group_by(Delivery.issue_id)
    )
    found = {number: {"audience": rows, "done": done} for number, rows, done in counted}
    return {number: found.get(number, {"audience": 0, "done": 0}) for number in issue_ids}


def held_until(session: Session, issue_id: int, *, now: datetime) -> datetime | None:
    """Return when an issue goes on, where all that is left of it waits; None where some may move.

    Readers wait because their server asked for it, or because ours does not answer.
    """
    may_move = or_(
        Batch.state == BatchState.LEASED, Batch.not_before.is_(None), Batch.not_before <= now
    )
    moving, earliest = session.execute(
        select(func.count().filter(may_move), func.min(Batch.not_before)).where(
            Batch.issue_id == issue_id, Batch.state != BatchState.DONE
        )
    ).one()
    return None if moving else earliest


def report(session: Session, issue: Issue) -> dict[str, Any]:
    """Return an issue's books with its editions and times; seconds from the first to the last.

    `bounces` counts who was refused by class, `waiting` tells who is tried again, and when.
    """
    books = audit(session, issue.id)
    seconds = _seconds(issue.started_at, issue.finished_at)
    editions = session.execute(
        select(
            Edition.id,
            Edition.subject,
            Edition.item_keys,
            func.length(Edition.html),
            select(func.count())
            .where(Delivery.edition_id == Edition.id)
            .scalar_subquery()
            .label("readers"),
        )
        .where(Edition.issue_id == issue.id)
        .order_by(Edition.id)
    ).all()
    return {
        **books.to_json(),
        "bounces": count_bounces(books.reasons),
        "waiting": [wait._asdict() for wait in books.waits],
        "started_at": issue.started_at,
        "finished_at": issue.finished_at,
        "seconds": seconds,
        "rate": round(books.sent / seconds, 1) if seconds else None,
        "editions": [
            {
                "id": number,
                "subject": subject,
                "items": len(item_keys),
                "html_bytes": size,
                "readers": readers,
            }
            for number, subject, item_keys, size, readers in editions
        ],
    }


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None:
        return None
    return max(0.001, round((end - start).total_seconds(), 3))
