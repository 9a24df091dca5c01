"""Counting what handing over came to, by mailbox provider, while the ledger is written."""

import enum
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.orm import Session

from alerts.delivery.bounces import Bounce, bounce_of
from alerts.delivery.models import DeliveryState, OutcomeCount
from alerts.delivery.outcome import Fate, Outcome, Verdict
from alerts.mailbox_providers import large_provider_of

# How long counts are kept by issue and hour; after that only their sums are.
KEPT_BY_THE_HOUR = timedelta(days=2)
# The hour under which everything older is added up.
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class OutcomeClass(enum.StrEnum):
    """What handing over one message came to; a bounce by its class."""

    SENT = "sent"
    DEFERRED = "deferred"
    HARD = "hard"
    SOFT = "soft"
    POLICY = "policy"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


_BOUNCES = {
    Bounce.HARD: OutcomeClass.HARD,
    Bounce.SOFT: OutcomeClass.SOFT,
    Bounce.POLICY: OutcomeClass.POLICY,
}
BOUNCED = tuple(_BOUNCES.values())


class _Key(NamedTuple):
    hour: datetime
    issue_id: int | None
    provider: str
    outcome: str


def outcome_of(verdict: Verdict, outcome: Outcome) -> OutcomeClass | None:
    """Return the class of what came of a message; None for one that was put off untried."""
    if outcome.fate is Fate.POSTPONED:
        return None
    match verdict.state:
        case DeliveryState.SENT:
            return OutcomeClass.SENT
        case DeliveryState.UNCERTAIN:
            return OutcomeClass.UNCERTAIN
        case DeliveryState.FAILED:
            bounce = bounce_of(verdict.reason or "")
            return _BOUNCES[bounce] if bounce else OutcomeClass.FAILED
        case _:
            return OutcomeClass.DEFERRED


def count_outcomes(
    session: Session,
    issue_id: int,
    came_to: Iterable[tuple[str, OutcomeClass | None]],
    *,
    now: datetime,
) -> None:
    """Add up what a group of an issue's messages came to, given with their addresses."""
    providers: dict[OutcomeClass, list[str]] = {}
    sent: list[str] = []
    for address, outcome in came_to:
        if outcome is OutcomeClass.SENT:
            # Nearly all of them.
            sent.append(large_provider_of(address.rpartition("@")[2]))
        elif outcome is not None:
            provider = large_provider_of(address.rpartition("@")[2])
            providers.setdefault(outcome, []).append(provider)
    rows = [
        _row(_Key(_hour(now), issue_id, provider, outcome.value), count, now, settled=False)
        for outcome, found in ((OutcomeClass.SENT, sent), *providers.items())
        for provider, count in Counter(found).items()
    ]
    if rows:
        session.execute(insert(OutcomeCount.__table__), rows)  # type: ignore[arg-type]  # typed as FromClause


def settle_outcomes(session: Session, *, now: datetime) -> None:
    """Add up by the hour what groups have counted, and over all issues what is days old.

    The sums over everything stay the same at every moment. Two ticks at once add up different
    rows; where both begin a sum, there are two of it, which does no harm.
    """
    _add_up(session, OutcomeCount.settled.is_(False), lambda key: key)
    old = OutcomeCount.settled & (OutcomeCount.hour < now - KEPT_BY_THE_HOUR)
    _add_up(
        session,
        old & (OutcomeCount.hour > _LONG_AGO),
        lambda key: key._replace(hour=_LONG_AGO, issue_id=None),
    )


@dataclass(frozen=True, slots=True)
class IssueOutcomes:
    """What an issue's messages came to in the last days, and when the last of them ended."""

    counts: dict[str, int]
    last_at: datetime


def outcome_totals(
    session: Session, *, since: datetime | None = None
) -> dict[tuple[str, str], int]:
    """Return how often which outcome came from which provider, since the hour of a moment."""
    query = select(OutcomeCount.provider, OutcomeCount.outcome, func.sum(OutcomeCount.count))
    if since is not None:
        query = query.where(OutcomeCount.hour >= _hour(since))
    grouped = query.group_by(OutcomeCount.provider, OutcomeCount.outcome)
    return {(provider, outcome): int(n) for provider, outcome, n in session.execute(grouped)}


def outcomes_by_hour(session: Session, *, since: datetime) -> dict[tuple[datetime, str], int]:
    """Return what came of messages in each hour (UTC) from that of a moment on, by outcome.

    Counts are kept by the hour for two days.
    """
    rows = session.execute(
        select(OutcomeCount.hour, OutcomeCount.outcome, func.sum(OutcomeCount.count))
        .where(OutcomeCount.hour >= _hour(since))
        .group_by(OutcomeCount.hour, OutcomeCount.outcome)
    )
    return {(hour, outcome): int(count) for hour, outcome, count in rows}


def outcomes_by_issue(session: Session, issue_ids: Iterable[int]) -> dict[int, IssueOutcomes]:
    """Return what came of issues under way, by their ids; where anything did."""
    rows = session.execute(
        select(
            OutcomeCount.issue_id,
            OutcomeCount.outcome,
            func.sum(OutcomeCount.count),
            func.max(OutcomeCount.last_at),
        )
        .where(OutcomeCount.issue_id.in_(list(issue_ids)))
        .group_by(OutcomeCount.issue_id, OutcomeCount.outcome)
    )
    found: dict[int, IssueOutcomes] = {}
    for number, outcome, count, last_at in rows:
        if number is not None:
            before = found.get(number, IssueOutcomes({}, last_at))
            counts = before.counts | {outcome: int(count)}
            found[number] = IssueOutcomes(counts, max(before.last_at, last_at))
    return found


def _add_up(session: Session, which: ColumnElement[bool], under: Callable[[_Key], _Key]) -> None:
    rows = session.execute(
        delete(OutcomeCount)
        .where(which)
        .returning(
            OutcomeCount.hour,
            OutcomeCount.issue_id,
            OutcomeCount.provider,
            OutcomeCount.outcome,
            OutcomeCount.count,
            OutcomeCount.last_at,
        )
        .execution_options(synchronize_session=False)
    )
    sums: Counter[_Key] = Counter()
    last: dict[_Key, datetime] = {}
    for hour, issue_id, provider, outcome, count, at in rows:
        group = under(_Key(hour, issue_id, provider, outcome))
        sums[group] += count
        last[group] = max(at, last.get(group, at))
    for group, count in sums.items():
        _add(session, group, count, last[group])


def _add(session: Session, key: _Key, count: int, at: datetime) -> None:
    there = session.scalars(
        select(OutcomeCount.id)
        .where(
            OutcomeCount.settled,
            OutcomeCount.hour == key.hour,
            OutcomeCount.issue_id.is_not_distinct_from(key.issue_id),
            OutcomeCount.provider == key.provider,
            OutcomeCount.outcome == key.outcome,
        )
        .limit(1)
        .with_for_update()
    ).first()
    if there is None:
        session.execute(insert(OutcomeCount).values(_row(key, count, at, settled=True)))
        return
    session.execute(
        update(OutcomeCount)
        .where(OutcomeCount.id == there)
        .values(count=OutcomeCount.count + count, last_at=at)
        .execution_options(synchronize_session=False)
    )


def _row(key: _Key, count: int, at: datetime, *, settled: bool) -> dict[str, Any]:
    return key._asdict() | {"count": count, "last_at": at, "settled": settled}


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
