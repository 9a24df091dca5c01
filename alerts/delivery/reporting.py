"""The report on an issue: its books, who waits and why, bounces, editions, times.

No index helps to count a ledger by state, so all figures of the ledger come from one pass.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from alerts.clock import Clock, rfc3339
from alerts.database import Database
from alerts.delivery.books import Alike, audience_of, audit_of, count_alike, held_until
from alerts.delivery.bounces import Bounce, bounce_of
from alerts.delivery.kept import KeptReport, keep
from alerts.delivery.models import DeliveryState
from alerts.delivery.outcome import WAITS
from alerts.delivery.returned import Returned, bounced_in, returned_of
from alerts.delivery.status_codes import in_words
from alerts.delivery.tallies import standings
from alerts.newsletters.issues import issue_alone
from alerts.newsletters.models import Issue
from alerts.rendering.models import Edition
from alerts.subscribers.models import ConsentAction, ConsentRecord

# An issue that ended counts as settled after so long, and until then is looked at this often.
_SETTLES_WITHIN = timedelta(minutes=5)
_LOOKED_AT_EVERY = timedelta(seconds=30)
# Issues that ended so long ago are counted for good, unless they never were.
_LATELY = timedelta(hours=1)
# So many rows are counted before anybody notices.
_AT_ONCE = 20_000


def report(session: Session, issue: Issue, *, now: datetime) -> dict[str, Any]:
    """Return an issue's books with all that is known of its way.

    `bounces` by class, of what servers refused; `bounced` and `complained` count what came back
    after it was accepted, `returned` by class; `failures` and `skips`: how many for which reason;
    `unsubscribed`: who left by a link in this very issue; `waiting`: for each reason who was put
    off, until when; `held_until`: when it goes on, where all that is left waits, be it for a mail
    server that is away, and `held_by`: what for; `attempts`: how many deliveries took how many;
    `words`: what the reasons mean; editions; seconds from the first message to the last.
    """
    counted = count_alike(session, issue.id)
    books = audit_of(
        ((line.state, line.reason, line.deliveries) for line in counted),
        audience=audience_of(counted),
    )
    seconds = _seconds(issue.started_at, issue.finished_at)
    held = held_until(session, issue.id, now=now)
    return {
        **books.to_json(),
        "failures": _reasons(counted, DeliveryState.FAILED),
        "skips": _reasons(counted, DeliveryState.SKIPPED),
        "unsubscribed": unsubscribed_by(session, issue.id),
        "words": {reason: words for reason in books.reasons if (words := in_words(reason))},
        "bounces": _bounces(counted),
        **_came_back(session, issue.id),
        "waiting": _waiting(counted),
        "held_until": held,
        "held_by": _held_by(counted) if held else None,
        "attempts": _tally(counted, lambda line: line.attempts),
        "started_at": issue.started_at,
        "finished_at": issue.finished_at,
        "seconds": seconds,
        "rate": round(books.sent / seconds, 1) if seconds else None,
        "editions": _editions(session, issue.id, _tally(counted, lambda line: line.edition_id)),
    }


def unsubscribed_by(session: Session, issue_id: int) -> int:
    """Count the readers who left by a link in an issue; of those who are still known."""
    found = session.scalar(
        select(func.count(ConsentRecord.subscriber_id.distinct())).where(
            ConsentRecord.issue_id == issue_id, ConsentRecord.action == ConsentAction.WITHDRAWN
        )
    )
    return found or 0


def _reasons(counted: Iterable[Alike], state: DeliveryState) -> dict[str, int]:
    """Count the deliveries in a state by their reason, the most frequent first."""
    found: Counter[str] = Counter()
    for line in counted:
        if line.state is state:
            found[line.reason or ""] += line.deliveries
    return dict(found.most_common())


def _bounces(counted: Iterable[Alike]) -> dict[str, int]:
    """Count the failed deliveries by what their refusal says of the reader."""
    found = Counter(dict.fromkeys(Bounce, 0))
    for line in counted:
        bounce = bounce_of(line.reason or "")
        if line.state is DeliveryState.FAILED and bounce is not None:
            found[bounce] += line.deliveries
    return {bounce.value: count for bounce, count in found.items()}


def _came_back(session: Session, issue_id: int) -> dict[str, Any]:
    """Return what came back for deliveries that stay `sent`: a server had accepted them."""
    returned = returned_of(session, issue_id)
    return {
        "bounced": bounced_in(session, issue_id),
        "complained": returned[Returned.COMPLAINT],
        "returned": {kind.value: count for kind, count in returned.items()},
    }


def _waiting(counted: Iterable[Alike]) -> list[dict[str, Any]]:
    """Return who was put off: for each reason how many, the first and the last moment."""
    put_off: dict[str, list[Alike]] = defaultdict(list)
    for line in counted:
        if line.state is DeliveryState.PENDING and line.earliest:
            put_off[line.reason or ""].append(line)
    return [{"reason": reason, **_span(lines)} for reason, lines in sorted(put_off.items())]


def _held_by(counted: Iterable[Alike]) -> str | None:
    """Return what most of those wait for who wait for no answer of their own; None: nobody said."""
    told: Counter[str] = Counter()
    for line in counted:
        if line.state is DeliveryState.PENDING and line.reason and line.reason.startswith(WAITS):
            told[line.reason.removeprefix(WAITS)] += line.deliveries
    return max(told, key=lambda reason: told[reason], default=None)


def _span(lines: Sequence[Alike]) -> dict[str, Any]:
    return {
        "readers": sum(line.deliveries for line in lines),
        "earliest": min(line.earliest for line in lines if line.earliest),
        "latest": max(line.latest for line in lines if line.latest),
    }


def _tally(counted: Iterable[Alike], of: Callable[[Alike], int | None]) -> dict[int, int]:
    """Count deliveries by a number, in its order."""
    found: Counter[int] = Counter()
    for line in counted:
        number = of(line)
        if number is not None:
            found[number] += line.deliveries
    return dict(sorted(found.items()))


def _editions(session: Session, issue_id: int, readers: dict[int, int]) -> list[dict[str, Any]]:
    editions = session.execute(
        select(Edition.id, Edition.subject, Edition.item_keys, func.length(Edition.html))
        .where(Edition.issue_id == issue_id)
        .order_by(Edition.id)
    )
    return [
        {
            "id": number,
            "subject": subject,
            "items": len(item_keys),
            "html_bytes": size,
            "readers": readers.get(number, 0),
        }
        for number, subject, item_keys, size in editions
    ]


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None:
        return None
    return max(0.001, round((end - start).total_seconds(), 3))


def kept_report(database: Database, issue_id: int, *, clock: Clock) -> KeptReport | None:
    """Return the report on an issue that is over, counted once; None while it is on its way.

    Times in `figures` are texts (RFC 3339). What comes back later is not among them: bounces,
    complaints and departures are counted by `latest_figures` at each look, by their indexes. One
    that ended only now is counted again after a while: workers may still write down the last
    messages of an issue that was called off. A large ledger is counted by a worker within a minute
    (`keep_reports`), and by nobody who looks: until then it is None, or what was counted before.
    """
    now = clock.now()
    with database.read() as session:
        issue = issue_alone(session, issue_id)
        if issue.finished_at is None or issue.started_at is None:
            return None
        kept = session.get(KeptReport, issue_id)
        if not _wants_counting(kept, issue.finished_at, issue.retried_at, now=now):
            return kept
        standing = standings(session, [issue_id]).get(issue_id)
        if standing is not None and standing.audience > _AT_ONCE:
            return kept if kept and kept.ended_at == issue.finished_at else None
    return _count_and_keep(database, issue_id, now=now)


def keep_reports(database: Database, *, clock: Clock, limit: int = 5) -> int:
    """Count the ledgers of issues that are over, and keep the figures; return of how many.

    A worker does, every minute, some at a time and the newest first: whoever looks at a report
    counts nothing. Safe to run at any time.
    """
    now = clock.now()
    lately = Issue.finished_at >= now - _LATELY
    query = (
        select(Issue.id, Issue.finished_at, Issue.retried_at, KeptReport)
        .outerjoin(KeptReport, KeptReport.issue_id == Issue.id)
        .where(Issue.finished_at.is_not(None), Issue.started_at.is_not(None))
        .where(or_(KeptReport.issue_id.is_(None), KeptReport.ended_at != Issue.finished_at, lately))
        .order_by(Issue.id.desc())
    )
    with database.read() as session:
        owed = [
            number
            for number, ended_at, retried_at, kept in session.execute(query)
            if ended_at is not None and _wants_counting(kept, ended_at, retried_at, now=now)
        ]
    for number in owed[:limit]:
        _count_and_keep(database, number, now=now)
    return len(owed[:limit])


def _wants_counting(
    kept: KeptReport | None, ended_at: datetime, retried_at: datetime | None, *, now: datetime
) -> bool:
    if kept is None or kept.ended_at != ended_at:
        return True
    if retried_at is not None and kept.counted_at <= retried_at:
        return True
    is_settled = kept.counted_at >= ended_at + _SETTLES_WITHIN
    return not is_settled and now - kept.counted_at >= _LOOKED_AT_EVERY


def _count_and_keep(database: Database, issue_id: int, *, now: datetime) -> KeptReport | None:
    with database.read() as session:
        issue = issue_alone(session, issue_id)
        ended_at = issue.finished_at
        if ended_at is None:
            # It was taken up again at this moment.
            return None
        figures = plain(report(session, issue, now=now))
    counted = KeptReport(issue_id=issue_id, ended_at=ended_at, counted_at=now, figures=figures)
    keep(database, counted)
    return counted


def latest_figures(session: Session, issue_id: int) -> dict[str, Any]:
    """Return what goes on changing after an issue has ended: who left, what came back."""
    unsubscribed = unsubscribed_by(session, issue_id)
    return {**_came_back(session, issue_id), "unsubscribed": unsubscribed}


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Return what JSON can say: moments as RFC 3339, at whatever depth they stand."""
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return rfc3339(value) if isinstance(value, datetime) else value
