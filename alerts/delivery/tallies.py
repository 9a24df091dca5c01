"""How far each issue is, kept beside its ledger: nobody has to count a million rows to tell.

Whoever moves deliveries from one state to another adds rows here in the same transaction, so the
sums agree with the ledger at every commit. Workers never wait for each other over a total: each
adds rows of its own, and the tick adds them up by the minute.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Index, String, delete, func, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from alerts.database import Base, BigKey, UtcDateTime
from alerts.delivery.bounces import bounce_of
from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.outcome import Verdict

# Everybody in the audience, in whatever state.
AUDIENCE = "audience"
# A delivery that failed without a bounce: it was given up, or a limit came first.
OTHERWISE = "failed"
_MINUTE = timedelta(minutes=1)


class LedgerTally(Base):
    """How many deliveries of an issue came to a state in a minute, less those that left it.

    `state` is one of the ends of a delivery, or `audience`; `kind` the class of a failure.
    """

    __tablename__ = "ledger_tallies"
    __table_args__ = (
        Index("ix_ledger_tallies_issue_id", "issue_id", "minute"),
        Index("ix_ledger_tallies_settled", "settled"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    issue_id: Mapped[int] = mapped_column(BigKey)
    minute: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(20), default="")
    count: Mapped[int] = mapped_column(BigKey)
    settled: Mapped[bool] = mapped_column(default=False)


class Place(NamedTuple):
    """Where deliveries are counted: their state, and the class of a failure."""

    state: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an issue stands: `failures` by class, and messages a second over the last minute."""

    audience: int = 0
    sent: int = 0
    failed: int = 0
    skipped: int = 0
    uncertain: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    rate: float = 0.0

    @property
    def done(self) -> int:
        """How many have ended."""
        return self.sent + self.failed + self.skipped + self.uncertain

    @property
    def pending(self) -> int:
        """How many have not ended yet."""
        return max(0, self.audience - self.done)


def place_of(state: DeliveryState, reason: str | None) -> Place | None:
    """Return where a delivery in a state is counted; None for one that has not ended."""
    if state in {DeliveryState.PENDING, DeliveryState.SENDING}:
        return None
    if state is not DeliveryState.FAILED:
        return Place(state.value)
    bounce = bounce_of(reason or "")
    return Place(state.value, bounce.value if bounce else OTHERWISE)


def tally(session: Session, issue_id: int, counts: Mapping[Place, int], *, now: datetime) -> None:
    """Add to an issue's counts; negative for deliveries that left a state."""
    rows = [
        {
            "issue_id": issue_id,
            "minute": _minute(now),
            "state": place.state,
            "kind": place.kind,
            "count": count,
            "settled": False,
        }
        for place, count in counts.items()
        if count
    ]
    if rows:
        session.execute(insert(LedgerTally.__table__), rows)  # type: ignore[arg-type]  # typed as FromClause


def tally_verdicts(
    session: Session, issue_id: int, verdicts: Iterable[Verdict], *, now: datetime
) -> None:
    """Count what claimed deliveries of an issue came to; those that wait have not ended."""
    sent, counts = 0, Counter[Place]()
    for verdict in verdicts:
        if verdict.state is DeliveryState.SENT:
            # Nearly all of them.
            sent += 1
        elif place := place_of(verdict.state, verdict.reason):
            counts[place] += 1
    counts[Place(DeliveryState.SENT.value)] += sent
    tally(session, issue_id, counts, now=now)


def tally_left(
    session: Session,
    issue_id: int,
    counts: Iterable[tuple[DeliveryState, str | None, int]],
    *,
    now: datetime,
) -> None:
    """Take deliveries off the counts of the states they are leaving, given by state and reason."""
    left: Counter[Place] = Counter()
    for state, reason, count in counts:
        place = place_of(state, reason)
        if place is not None:
            left[place] -= count
    tally(session, issue_id, left, now=now)


def settle_tallies(session: Session, *, now: datetime) -> None:
    """Add up what groups have counted, by the minute; the sums stay the same at every moment.

    The running minute is left alone: it gets more rows anyhow.
    """
    rows = session.execute(
        delete(LedgerTally)
        .where(LedgerTally.settled.is_(False), LedgerTally.minute < _minute(now))
        .returning(
            LedgerTally.issue_id,
            LedgerTally.minute,
            LedgerTally.state,
            LedgerTally.kind,
            LedgerTally.count,
        )
        .execution_options(synchronize_session=False)
    )
    sums: Counter[tuple[int, datetime, str, str]] = Counter()
    for issue_id, minute, state, kind, count in rows:
        sums[issue_id, minute, state, kind] += count
    names = ("issue_id", "minute", "state", "kind")
    settled = [
        dict(zip(names, key, strict=True)) | {"count": count, "settled": True}
        for key, count in sums.items()
        if count
    ]
    if settled:
        session.execute(insert(LedgerTally), settled)


def standing_at(
    session: Session, issue_id: int, *, now: datetime, since: datetime | None = None
) -> Standing:
    """Return how an issue stands, from the kept counts alone.

    The rate is that of the last minute, or of the time `since` it began where that is less.
    """
    recent = func.sum(LedgerTally.count).filter(
        LedgerTally.minute >= _minute(now) - _MINUTE, LedgerTally.state == DeliveryState.SENT.value
    )
    rows = session.execute(
        select(LedgerTally.state, LedgerTally.kind, func.sum(LedgerTally.count), recent)
        .where(LedgerTally.issue_id == issue_id)
        .group_by(LedgerTally.state, LedgerTally.kind)
    ).all()
    standing = _standing({Place(state, kind): int(count) for state, kind, count, _ in rows})
    lately = sum(int(count or 0) for _, _, _, count in rows)
    span = now - max(_minute(now) - _MINUTE, since or _minute(now) - _MINUTE)
    return replace(standing, rate=lately / max(1.0, span.total_seconds()))


def standings(session: Session, issue_ids: Sequence[int]) -> dict[int, Standing]:
    """Return how each of these issues stands, without a rate; those of which nothing is kept not.

    One look for them all.
    """
    rows = session.execute(
        select(
            LedgerTally.issue_id, LedgerTally.state, LedgerTally.kind, func.sum(LedgerTally.count)
        )
        .where(LedgerTally.issue_id.in_(issue_ids))
        .group_by(LedgerTally.issue_id, LedgerTally.state, LedgerTally.kind)
    )
    counts: dict[int, dict[Place, int]] = {}
    for issue_id, state, kind, count in rows:
        counts.setdefault(issue_id, {})[Place(state, kind)] = int(count)
    return {issue_id: _standing(found) for issue_id, found in counts.items()}


def _standing(counts: Mapping[Place, int]) -> Standing:
    states: Counter[str] = Counter()
    failures = {}
    for place, count in sorted(counts.items()):
        states[place.state] += count
        if place.state == DeliveryState.FAILED and count:
            failures[place.kind] = count
    return Standing(
        audience=states[AUDIENCE],
        sent=states[DeliveryState.SENT],
        failed=states[DeliveryState.FAILED],
        skipped=states[DeliveryState.SKIPPED],
        uncertain=states[DeliveryState.UNCERTAIN],
        failures=failures,
    )


def sent_by_minute(session: Session, issue_id: int) -> list[tuple[datetime, int]]:
    """Return how many messages of an issue were accepted in each minute (UTC) in which any was."""
    rows = session.execute(
        select(LedgerTally.minute, func.sum(LedgerTally.count))
        .where(LedgerTally.issue_id == issue_id, LedgerTally.state == DeliveryState.SENT.value)
        .group_by(LedgerTally.minute)
        .order_by(LedgerTally.minute)
    )
    return [(minute, int(count)) for minute, count in rows if count > 0]


def recount(session: Session, issue_id: int, *, now: datetime) -> None:
    """Set an issue's counts right from its ledger: one pass, for what moved outside of our sight.

    What differs is added; counts that agree stay as they are.
    """
    counted: Counter[Place] = Counter()
    rows = session.execute(
        select(Delivery.state, Delivery.reason, func.count())
        .where(Delivery.issue_id == issue_id)
        .group_by(Delivery.state, Delivery.reason)
    )
    for state, reason, count in rows:
        counted[Place(AUDIENCE)] += count
        place = place_of(state, reason)
        if place is not None:
            counted[place] += count
    kept = session.execute(
        select(LedgerTally.state, LedgerTally.kind, func.sum(LedgerTally.count))
        .where(LedgerTally.issue_id == issue_id)
        .group_by(LedgerTally.state, LedgerTally.kind)
    )
    counted.subtract({Place(state, kind): int(count) for state, kind, count in kept})
    tally(session, issue_id, counted, now=now)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
