"""The books: what became of everybody in an issue's audience. They always add up."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ScalarSelect, func, null, or_, select, union_all
from sqlalchemy.orm import Session

from alerts.database import UtcDateTime, by_index
from alerts.delivery.models import Batch, BatchState, Delivery, DeliveryState, DeliveryTotal
from alerts.delivery.outcome import WAITS
from alerts.delivery.tallies import standings
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import Issue, IssueState

_ENDS = (
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.SKIPPED,
    DeliveryState.UNCERTAIN,
)


@dataclass(frozen=True, slots=True)
class Audit:
    """How many readers ended where; `pending` counts those that have not ended yet."""

    audience: int
    sent: int
    failed: int
    skipped: int
    uncertain: int
    pending: int
    reasons: dict[str, int]

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
    rows = count_alike(session, issue_id)
    return audit_of(
        ((row.state, row.reason, row.deliveries) for row in rows), audience=audience_of(rows)
    )


class Alike(NamedTuple):
    """Deliveries that have all this in common, and when the first and last of them are due.

    `readers` is how many different readers stand in the ledger; None for rows of it that are kept
    as totals alone (`rolling_up.py`).
    """

    state: DeliveryState
    reason: str | None
    attempts: int
    edition_id: int | None
    deliveries: int
    earliest: datetime | None
    latest: datetime | None
    readers: int | None


def count_alike(session: Session, issue_id: int) -> list[Alike]:
    """Count an issue's deliveries by all that a report tells apart, what are totals now too."""
    alike = (Delivery.state, Delivery.reason, Delivery.attempts, Delivery.edition_id)
    kept = (
        select(
            *alike,
            func.count(),
            func.min(Delivery.not_before),
            func.max(Delivery.not_before),
            readers_of(issue_id),
        )
        .where(Delivery.issue_id == issue_id)
        .group_by(*alike)
    )
    nothing = null().cast(UtcDateTime())
    rolled_up = select(
        DeliveryTotal.state,
        func.nullif(DeliveryTotal.reason, ""),
        DeliveryTotal.attempts,
        func.nullif(DeliveryTotal.edition_id, 0),
        DeliveryTotal.count,
        nothing,
        nothing,
        null().cast(BigInteger()),
    ).where(DeliveryTotal.issue_id == issue_id)
    # One statement sees one moment: an audience taken between two would not add up.
    with by_index(session):
        return [Alike(*row) for row in session.execute(union_all(kept, rolled_up))]


def audience_of(rows: Sequence[Alike]) -> int:
    """Return how many readers the rows of one count are about."""
    kept = next((row.readers for row in rows if row.readers is not None), 0)
    return kept + sum(row.deliveries for row in rows if row.readers is None)


def readers_of(issue_id: int) -> ScalarSelect[int]:
    """Return a query for the number of distinct readers in an issue's ledger."""
    whole = select(Delivery).where(Delivery.issue_id == issue_id).subquery("whole")
    # Erased people have no number any more: each of their rows counts as one reader.
    readers = (
        func.count()
        - func.count(whole.c.subscriber_id)
        + func.count(whole.c.subscriber_id.distinct())
    )
    return select(readers).select_from(whole).scalar_subquery()


def audit_of(counts: Iterable[tuple[DeliveryState, str | None, int]], *, audience: int) -> Audit:
    """Add up deliveries that were counted by state and reason, and perhaps by more."""
    states: Counter[DeliveryState] = Counter()
    reasons: Counter[str] = Counter()
    for state, reason, count in counts:
        states[state] += count
        if reason:
            reasons[reason] += count
    return Audit(
        audience=audience,
        sent=states[DeliveryState.SENT],
        failed=states[DeliveryState.FAILED],
        skipped=states[DeliveryState.SKIPPED],
        uncertain=states[DeliveryState.UNCERTAIN],
        pending=sum(count for state, count in states.items() if state not in _ENDS),
        reasons=dict(sorted(reasons.items())),
    )


def progress(session: Session, issue_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return how far each issue is: readers `done` of the `audience`; one look for them all.

    From the counts kept beside the ledger; only issues from before there were any are counted.
    """
    found = {
        number: {"audience": standing.audience, "done": standing.done}
        for number, standing in standings(session, issue_ids).items()
    }
    missing = [number for number in issue_ids if number not in found]
    return found | (_counted_progress(session, missing) if missing else {})


def _counted_progress(session: Session, issue_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    counted = session.execute(
        union_all(
            select(Delivery.issue_id, func.count(), func.count().filter(Delivery.state.in_(_ENDS)))
            .where(Delivery.issue_id.in_(issue_ids))
            .group_by(Delivery.issue_id),
            select(
                DeliveryTotal.issue_id,
                func.sum(DeliveryTotal.count),
                func.sum(DeliveryTotal.count),
            )
            .where(DeliveryTotal.issue_id.in_(issue_ids))
            .group_by(DeliveryTotal.issue_id),
        )
    )
    found = {number: {"audience": 0, "done": 0} for number in issue_ids}
    for number, rows, done in counted:
        found[number]["audience"] += int(rows)
        found[number]["done"] += int(done)
    return found


def state_of(session: Session, issue_id: int) -> IssueState:
    """Return an issue's state without reading the rest of it; raises NotFound."""
    state = session.scalar(select(Issue.state).where(Issue.id == issue_id))
    return get_issue(session, issue_id).state if state is None else state


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


def held_by(session: Session, issue_id: int) -> str | None:
    """Return what keeps back an issue of which all that is left waits; None where nobody said."""
    batch = (
        select(Batch.id)
        .where(Batch.issue_id == issue_id, Batch.state == BatchState.READY)
        .order_by(Batch.not_before)
        .limit(1)
        .scalar_subquery()
    )
    reason = session.scalar(
        select(Delivery.reason)
        .where(Delivery.batch_id == batch, Delivery.state == DeliveryState.PENDING)
        .where(Delivery.reason.startswith(WAITS))
        .limit(1)
    )
    return reason.removeprefix(WAITS) if reason else None
