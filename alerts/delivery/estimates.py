"""Before an issue leaves: who would get it, and when the last of them would have it.

Who would get it is counted once, on demand, and kept with its time: a page that is looked at ten
times does not read a million subscriptions ten times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, lazyload

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.editions import keys_for
from alerts.delivery.kept import AudienceLook, keep
from alerts.delivery.limits.rules import Limits, Warmup
from alerts.delivery.tallies import LedgerTally
from alerts.delivery.transports.factory import limits_of
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.issues import build_content, get_issue
from alerts.newsletters.models import Issue, IssueState
from alerts.rates import Quota, parse_rate
from alerts.rendering.frame import Frame
from alerts.subscribers.interests import Interests
from alerts.subscribers.models import Subscriber, SubscriberState, Subscription

FRESH_FOR = timedelta(hours=1)
# What so few messages took says nothing of how long many take.
_TELLING = 50
_LATEST_ISSUES = 5
_DAY_SECONDS = 86_400
_LONGEST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast messages leave: `rate` a second, and whether it was `stated` or only measured."""

    rate: float
    stated: bool
    words: str


@dataclass(frozen=True, slots=True)
class Expected:
    """When the last reader would have an issue: an estimate; `seconds` None where none is known."""

    seconds: float | None
    pace: Pace | None
    quotas: tuple[str, ...] = ()
    waits_for_hours: bool = False


def audience_look(
    database: Database, issue_id: int, *, clock: Clock, anew: bool = False
) -> AudienceLook:
    """Return who would get an issue, as counted at most an hour ago; `anew` counts now.

    Readers who had its pieces in another issue are among them, and so are those who paused: they
    are left out when the issue leaves.
    """
    now = clock.now()
    with database.read() as session:
        issue = get_issue(session, issue_id)
        kept = look_since_approval(session, issue)
        if kept is not None and not anew and now - kept.counted_at <= FRESH_FOR:
            return kept
        look = count_audience(session, issue, now=now)
    keep(database, look)
    return look


def look_since_approval(session: Session, issue: Issue) -> AudienceLook | None:
    """Return who would get an issue as it was counted last; None if not since its approval."""
    kept = session.get(AudienceLook, issue.id)
    if kept is None or (issue.approved_at is not None and kept.counted_at < issue.approved_at):
        return None
    return kept


def count_audience(session: Session, issue: Issue, *, now: datetime) -> AudienceLook:
    """Count who would get an issue, by wish, in one pass over an index; keeps nothing."""
    readers, mailed, variants = _count(session, issue)
    return AudienceLook(
        issue_id=issue.id, readers=readers, mailed=mailed, variants=variants, counted_at=now
    )


def expected_end(
    session: Session,
    definition: NewsletterDefinition,
    issue: Issue,
    *,
    mailed: int,
    settings: Settings,
    clock: Clock,
) -> Expected:
    """Estimate how long so many messages take, from the limits stated and the rate measured."""
    limits = [] if settings.uses_catcher else limits_of(settings)
    pace = _pace(session, definition, limits)
    quotas = [quota for one in limits for quota in one.quotas]
    spans = [mailed / pace.rate] if pace else []
    spans += _quota_spans(limits, mailed, clock.now())
    return Expected(
        seconds=max(spans) if spans else None,
        pace=pace,
        quotas=tuple(str(quota) for quota in quotas),
        waits_for_hours=definition.waits_for_hours(issue.frequency),
    )


def limits_seconds(
    limits: Sequence[Limits], definition: NewsletterDefinition, messages: int, *, now: datetime
) -> float:
    """Return how long the limits that are stated hold so many messages up, from `now` on."""
    spans = [messages / pace.rate for pace in _stated(definition, limits)]
    return max([*spans, *_quota_spans(limits, messages, now)], default=0.0)


def _count(session: Session, issue: Issue) -> tuple[int, int, int]:
    """Count an issue's audience by wish, in one pass over an index: readers, mailed, variants."""
    content = build_content(session, issue)
    rows = session.execute(
        select(Subscription.wish, func.count())
        .join(
            Subscriber,
            and_(
                Subscriber.id == Subscription.subscriber_id,
                Subscriber.state == SubscriberState.CONFIRMED,
            ),
        )
        .where(
            Subscription.newsletter == issue.newsletter,
            Subscription.frequency == issue.frequency,
            Subscription.ended_at.is_(None),
        )
        .group_by(Subscription.wish)
    )
    readers = mailed = 0
    variants = set()
    for wish, count in rows:
        readers += count
        interests = Interests.read(wish)
        keys = keys_for(interests, content)
        if keys:
            mailed += count
            variants.add((keys, Frame(interests.language, interests.plain)))
    return readers, mailed, len(variants)


def _pace(
    session: Session, definition: NewsletterDefinition, limits: Sequence[Limits]
) -> Pace | None:
    """Return the slowest of what is stated and what was measured."""
    found = _stated(definition, limits)
    measured = _measured(session)
    if measured is not None:
        found.append(Pace(measured, False, "what the last issues took"))
    return min(found, key=lambda pace: pace.rate, default=None)


def _stated(definition: NewsletterDefinition, limits: Sequence[Limits]) -> list[Pace]:
    found = []
    rates = [one.rate.messages / one.rate.seconds for one in limits if one.rate]
    if rates and len(rates) == len(limits):
        found.append(Pace(sum(rates), True, "the limit stated for the mail servers"))
    if definition.rate:
        rate = parse_rate(definition.rate)
        found.append(Pace(rate.messages / rate.seconds, True, "the newsletter's own limit"))
    return found


def _measured(session: Session) -> float | None:
    """Return messages a second over the last issues that were large enough to tell."""
    ended = session.scalars(
        select(Issue)
        .where(Issue.state == IssueState.SENT, Issue.started_at.is_not(None))
        .order_by(Issue.id.desc())
        .options(lazyload(Issue.items))
        .limit(_LATEST_ISSUES)
    ).all()
    sent = seconds = 0.0
    for issue in ended:
        # By the minutes in which messages left: what waited for hours, or for a server, says
        # nothing of how fast they go.
        count, minutes = session.execute(
            select(
                func.coalesce(func.sum(LedgerTally.count), 0),
                func.count(LedgerTally.minute.distinct()),
            ).where(LedgerTally.issue_id == issue.id, LedgerTally.state == "sent")
        ).one()
        if count >= _TELLING:
            took = (issue.finished_at or issue.until) - (issue.started_at or issue.until)
            sent += int(count)
            seconds += min(max(1.0, took.total_seconds()), minutes * 60.0)
    return sent / seconds if seconds else None


def _quota_spans(limits: Sequence[Limits], messages: int, now: datetime) -> list[float]:
    """Return how long each quota and the warm-up of the only transport hold messages up."""
    if len(limits) != 1:
        # Of several transports the others carry what one may not; then the quotas add up.
        return []
    [only] = limits
    spans = [_quota_seconds(quota, messages) for quota in only.quotas]
    if only.warmup:
        spans.append(_warmup_seconds(only.warmup, messages, now))
    return spans


def _quota_seconds(quota: Quota, messages: int) -> float:
    """Return how long a quota holds messages up: each span takes so many, the first at once."""
    return float((ceil(messages / quota.messages) - 1) * quota.seconds)


def _warmup_seconds(warmup: Warmup, messages: int, now: datetime) -> float:
    """Return how long a warm-up plan holds messages up, by days (UTC) from today on."""
    days = 0
    left = messages
    while days < _LONGEST_DAYS:
        step = max(0, (now.date() - warmup.start).days + days)
        if step >= len(warmup.steps):
            break
        left -= warmup.steps[step]
        if left <= 0:
            break
        days += 1
    if not days:
        return 0.0
    midnight = datetime.combine(now.date() + timedelta(days=days), datetime.min.time(), now.tzinfo)
    return (midnight - now).total_seconds()
