"""The runs of schedules: which are due, once each, and what came of them."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import NotFound
from alerts.newsletters.issues import NothingNew, draft_issue
from alerts.newsletters.models import Newsletter, Run, RunOutcome, Schedule
from alerts.newsletters.rules import parse_rule
from alerts.newsletters.service import definition_of, next_moment

# A newsletter that starts on a site full of old articles does not mail them all.
_LOOKS_BACK = timedelta(days=31)
_STALE_AFTER = timedelta(minutes=10)


def claim_due(session: Session, *, clock: Clock) -> list[Run]:
    """Turn every due schedule into a run, and move the schedule on; returns the new runs.

    A moment that was missed (the machine was off) is run once, however many were missed. The
    unique key on newsletter, frequency and local period makes one run of what two beats claim.
    """
    now = clock.now()
    due = session.scalars(
        select(Schedule)
        .where(Schedule.paused.is_(False))
        .where(or_(Schedule.next_at <= now, Schedule.next_at.is_(None)))
        .order_by(Schedule.next_at, Schedule.id)
        .with_for_update(skip_locked=True)
    ).all()
    runs = []
    for schedule in due:
        due_at = schedule.next_at
        schedule.next_at = next_moment(schedule.rule, now)
        if due_at is None:
            # A rule that was never looked at, or one that has come to its end.
            continue
        run = _claim(session, schedule, due_at, now)
        if run is not None:
            runs.append(run)
    session.flush()
    return runs


def run_schedule(session: Session, run_id: int, *, clock: Clock) -> Run:
    """Draft the issue of a claimed run, or record why there is none; safe to run twice.

    The caller holds the transaction: draft and outcome are committed together.
    """
    run = session.get(Run, run_id, with_for_update=True)
    if run is None:
        raise NotFound(f"there is no run {run_id}")
    if run.outcome is not RunOutcome.CLAIMED:
        return run
    newsletter = session.get_one(Newsletter, run.newsletter)
    try:
        issue = draft_issue(
            session,
            run.newsletter,
            frequency=run.frequency,
            oldest=newsletter.created_at - _LOOKS_BACK,
            until=clock.now(),
            clock=clock,
        )
    except NothingNew:
        run.outcome = RunOutcome.SKIPPED
        run.reason = _nothing_new(session, run, newsletter)
    else:
        run.outcome = RunOutcome.DRAFTED
        run.issue_id = issue.id
    session.flush()
    return run


def stale_runs(session: Session, *, clock: Clock) -> list[Run]:
    """Return runs that were claimed a while ago and never worked off: their task was lost."""
    query = (
        select(Run)
        .where(Run.outcome == RunOutcome.CLAIMED)
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


def _claim(session: Session, schedule: Schedule, due_at: datetime, now: datetime) -> Run | None:
    rule = parse_rule(schedule.rule)
    occurrence = rule.after(due_at - timedelta(seconds=1))
    period = occurrence.period if occurrence else due_at.isoformat()
    run = Run(
        newsletter=schedule.newsletter,
        frequency=schedule.frequency,
        schedule=schedule.name,
        period=period,
        due_at=due_at,
        started_at=now,
        outcome=RunOutcome.CLAIMED,
        reason="",
    )
    try:
        with session.begin_nested():
            session.add(run)
    except IntegrityError:
        # Claimed by another beat.
        return None
    return run


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
