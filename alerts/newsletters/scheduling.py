"""The runs of schedules: which are due, once each, and what came of them."""

from collections import deque
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.database import insert_into
from alerts.errors import Invalid, NotFound
from alerts.holding import is_held, not_held
from alerts.newsletters.issues import NothingNew, draft_issue
from alerts.newsletters.missed import parse_missed, plan_runs
from alerts.newsletters.models import Newsletter, Run, RunOutcome, Schedule
from alerts.newsletters.rules import Occurrence, Rule, parse_rule
from alerts.newsletters.service import definition_of

# A newsletter that starts on a site full of old articles does not mail them all.
_LOOKS_BACK = timedelta(days=31)
_STALE_AFTER = timedelta(minutes=10)
# A rule for every minute over an outage of weeks: whoever looks wants to know of it, not read it.
_MOST_ROWS = 1000
_LONGEST_OUTAGE = timedelta(days=366)
_FATES = {
    "send": RunOutcome.CLAIMED,
    "merge": RunOutcome.MERGED,
    "skip": RunOutcome.MISSED,
    "lost": RunOutcome.FAILED,
}


def claim_due(session: Session, *, clock: Clock) -> list[Run]:
    """Turn every due schedule into runs, and move it on; returns the new runs to be worked off.

    A moment that was missed (the program was not running) leaves a row as well, and its schedule
    says what becomes of it: however many were missed, one issue at most is made. The unique key on
    newsletter, frequency and local period makes one run of what two beats, or two schedules, claim.
    """
    if is_held(session):
        return []
    now = clock.now()
    due = session.scalars(
        select(Schedule)
        .where(Schedule.paused.is_(False))
        .where(or_(Schedule.next_at <= now, Schedule.next_at.is_(None)))
        .order_by(Schedule.id)
        .with_for_update(skip_locked=True)
    ).all()
    rows = [row for schedule in due for row in _rows_of(schedule, now)]
    # Runs to be made come first: where another schedule would leave the same period out, it stays.
    rows.sort(key=lambda row: (row["outcome"] is not RunOutcome.CLAIMED, row["due_at"]))
    session.flush()
    claimed = [_claim(session, row) for row in rows if row["outcome"] is RunOutcome.CLAIMED]
    _record(session, [row for row in rows if row["outcome"] is not RunOutcome.CLAIMED])
    return [run for run in claimed if run is not None]


def run_schedule(session: Session, run_id: int, *, clock: Clock) -> Run:
    """Draft the issue of a claimed run, or record why there is none; safe to run twice.

    The caller holds the transaction: draft and outcome are committed together.
    """
    run = session.get(Run, run_id, with_for_update=True)
    if run is None:
        raise NotFound(f"there is no run {run_id}")
    if run.outcome is not RunOutcome.CLAIMED or is_held(session):
        return run
    newsletter = session.get_one(Newsletter, run.newsletter)
    try:
        issue = draft_issue(
            session,
            run.newsletter,
            frequency=run.frequency,
            oldest=_oldest(session, run, newsletter),
            until=clock.now(),
            clock=clock,
        )
    except NothingNew:
        run.outcome = RunOutcome.SKIPPED
        nothing = _nothing_new(session, run, newsletter)
        run.reason = f"{run.reason}; {nothing}" if run.reason else nothing
    else:
        run.outcome = RunOutcome.DRAFTED
        run.issue_id = issue.id
    session.flush()
    return run


def stale_runs(session: Session, *, clock: Clock) -> list[Run]:
    """Return runs that were claimed a while ago and never worked off: their task was lost."""
    query = (
        select(Run)
        .where(Run.outcome == RunOutcome.CLAIMED, not_held())
        .where(Run.started_at <= clock.now() - _STALE_AFTER)
        .order_by(Run.id)
    )
    return list(session.scalars(query))


def fail_run(session: Session, run_id: int, reason: str) -> None:
    """Record that a run failed, and why; a run that ended otherwise stays as it is."""
    session.execute(
        update(Run)
        .where(Run.id == run_id, Run.outcome == RunOutcome.CLAIMED)
        .values(outcome=RunOutcome.FAILED, reason=reason)
        .execution_options(synchronize_session=False)
    )


def _rows_of(schedule: Schedule, now: datetime) -> list[dict[str, Any]]:
    """Move a schedule on, and return the rows for its runs that are due, the oldest first."""
    due_at = schedule.next_at
    try:
        rule = parse_rule(schedule.rule)
    except Invalid as error:
        # A zone that a newer time zone database dropped, say: the others go on.
        schedule.next_at = None
        if due_at is None:
            return []
        period = f"{due_at:%Y-%m-%dT%H:%M} UTC"
        return [_row(schedule, due_at, period, now, RunOutcome.FAILED, str(error))]
    following = rule.after(now)
    schedule.next_at = following.at if following else None
    if due_at is None:
        # A rule that was never looked at, or one that has come to its end.
        return []
    due, untold = _due(rule, due_at, now)
    if not due:
        # The time zone database moved it into the future.
        return []
    planned = plan_runs(due, parse_missed(schedule.missed), now=now, following=following)
    rows = [
        _row(schedule, one.occurrence.at, one.occurrence.period, now, _FATES[one.fate], one.reason)
        for one in planned
    ]
    if untold:
        rows[0]["reason"] += f"; {untold} more have no rows of their own"
    return rows


def _due(rule: Rule, due_at: datetime, now: datetime) -> tuple[list[Occurrence], int]:
    """Return what is due, the oldest and the newest ones, and how many between are left untold."""
    first: Occurrence | None = None
    newest: deque[Occurrence] = deque(maxlen=_MOST_ROWS - 1)
    untold = 0
    start = max(due_at, now - _LONGEST_OUTAGE) - timedelta(seconds=1)
    for occurrence in rule.coming(start):
        if occurrence.at > now:
            break
        if occurrence.left_out:
            continue
        if first is None:
            first = occurrence
            continue
        untold += len(newest) == newest.maxlen
        newest.append(occurrence)
    return ([first, *newest] if first else []), untold


def _row(
    schedule: Schedule,
    due_at: datetime,
    period: str,
    now: datetime,
    outcome: RunOutcome,
    reason: str,
) -> dict[str, Any]:
    return {
        "newsletter": schedule.newsletter,
        "frequency": schedule.frequency,
        "schedule": schedule.name,
        "period": period,
        "due_at": due_at,
        "started_at": now,
        "outcome": outcome,
        "reason": reason,
    }


def _claim(session: Session, row: dict[str, Any]) -> Run | None:
    """Insert a run; None when its period was claimed already, by another beat or schedule."""
    return session.scalars(_once(session).values(row).returning(Run)).one_or_none()


def _record(session: Session, rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(_once(session).values(rows))


def _once(session: Session) -> postgresql.Insert | sqlite.Insert:
    return insert_into(session, Run).on_conflict_do_nothing()


def _oldest(session: Session, run: Run, newsletter: Newsletter) -> datetime:
    """Return the moment before which articles are let lie: a new newsletter mails no archive.

    What a missed run would have held is left out for good where its schedule says skip.
    """
    skipped = session.scalar(
        select(func.max(Run.due_at)).where(
            Run.newsletter == run.newsletter,
            Run.frequency == run.frequency,
            Run.outcome == RunOutcome.MISSED,
        )
    )
    oldest = newsletter.created_at - _LOOKS_BACK
    return max(oldest, skipped) if skipped else oldest


def _nothing_new(session: Session, run: Run, newsletter: Newsletter) -> str:
    last = session.scalars(
        select(Run.due_at)
        .where(Run.newsletter == run.newsletter, Run.frequency == run.frequency)
        .where(Run.issue_id.is_not(None))
        .order_by(Run.due_at.desc())
        .limit(1)
    ).first()
    if last is None:
        return "nothing new yet"
    zone = definition_of(newsletter).time_zone
    local = last.astimezone(ZoneInfo(zone))
    return f"nothing new since {local.day} {local:%B %Y, %H:%M} ({zone})"


def leave_out(session: Session, schedule_id: int, *, reason: str, clock: Clock) -> int:
    """Move a due schedule on without making its issues; each run it skips leaves a row.

    What these runs would have held is left out for good. Returns how many rows were written.
    """
    schedule = session.get_one(Schedule, schedule_id, with_for_update=True)
    rows = _rows_of(schedule, clock.now())
    for row in rows:
        row["outcome"], row["reason"] = RunOutcome.MISSED, reason
    session.flush()
    _record(session, rows)
    return len(rows)
