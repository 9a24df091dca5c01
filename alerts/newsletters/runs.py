"""What scheduled runs came to, as people and scripts read it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from alerts.clock import rfc3339
from alerts.newsletters.models import Run, Schedule
from alerts.newsletters.service import get_newsletter
from alerts.subscribers.models import Frequency


def recent_runs(
    session: Session,
    slug: str,
    *,
    frequency: Frequency | None = None,
    name: str | None = None,
    limit: int = 20,
) -> list[Run]:
    """Return a newsletter's runs, the newest first; raises NotFound.

    With a frequency, or the name of a schedule, those alone. The index is on newsletter and due_at.
    """
    get_newsletter(session, slug)
    query = select(Run).where(Run.newsletter == slug)
    if frequency is not None:
        query = query.where(Run.frequency == frequency)
    if name is not None:
        query = query.where(Run.schedule == name)
    return list(session.scalars(query.order_by(Run.due_at.desc(), Run.id.desc()).limit(limit)))


def last_runs(session: Session, schedules: Sequence[Schedule]) -> dict[int, Run]:
    """Return the newest run of each schedule that had one, by the schedule's id, in one query."""
    key = (Run.newsletter, Run.frequency, Run.schedule)
    newest = select(*key, func.max(Run.due_at)).group_by(*key)
    runs = session.scalars(select(Run).where(tuple_(*key, Run.due_at).in_(newest)))
    by_key = {(run.newsletter, run.frequency, run.schedule): run for run in runs}
    found = {one.id: by_key.get((one.newsletter, one.frequency, one.name)) for one in schedules}
    return {number: run for number, run in found.items() if run is not None}


def run_json(run: Run) -> dict[str, Any]:
    """Return a run in the form that scripts read."""
    return {
        "newsletter": run.newsletter,
        "frequency": run.frequency.value,
        "schedule": run.schedule or None,
        "period": run.period,
        "due_at": rfc3339(run.due_at),
        "started_at": rfc3339(run.started_at),
        "outcome": run.outcome.value,
        "reason": run.reason or None,
        "issue": run.issue_id,
    }
