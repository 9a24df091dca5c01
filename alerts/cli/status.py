"""`alerts status`: what is running and what is due."""

from typing import Any

from sqlalchemy import func, select

from alerts.articles.models import Article
from alerts.articles.sources.service import long_failing, source_json
from alerts.cli.common import say
from alerts.clock import rfc3339
from alerts.delivery.models import Batch, BatchState
from alerts.newsletters.models import Issue, IssueState, Run, Schedule
from alerts.runtime import Runtime, open_queue
from alerts.subscribers.queries import count_by_state

_RECENT_RUNS = 5


def overview(runtime: Runtime) -> dict[str, Any]:
    """Return counts by state, what is due next, the last runs, and the workers that answer."""
    with runtime.database.read() as session:
        issues = dict(
            session.execute(select(Issue.state, func.count()).group_by(Issue.state)).all()
        )
        people = count_by_state(session)
        batches = session.scalar(
            select(func.count()).select_from(Batch).where(Batch.state != BatchState.DONE)
        )
        next_at = session.scalar(
            select(func.min(Schedule.next_at)).where(Schedule.paused.is_(False))
        )
        runs = session.scalars(select(Run).order_by(Run.id.desc()).limit(_RECENT_RUNS)).all()
        articles = session.scalar(select(func.count()).select_from(Article))
        noted = session.execute(
            select(Issue.id, Issue.state, Issue.attention)
            .where(Issue.attention.is_not(None), Issue.state != IssueState.CANCELLED)
            .order_by(Issue.id)
        ).all()
        failing = [source_json(source) for source in long_failing(session, clock=runtime.clock)]
    with open_queue(runtime.settings) as queue:
        workers = queue.workers(timeout=0.5)
    return {
        "articles": articles,
        "failing_sources": [
            {name: source[name] for name in ("id", "url", "failing_since", "last_error")}
            for source in failing
        ],
        "attention": [
            {"issue": number, "state": state.value, "reason": reason}
            for number, state, reason in noted
        ],
        "issues": {state.value: count for state, count in issues.items()},
        "subscribers": {state.value: count for state, count in people.items()},
        "open_batches": batches,
        "next_run": rfc3339(next_at),
        "last_runs": [
            {
                "newsletter": run.newsletter,
                "frequency": run.frequency.value,
                "due_at": rfc3339(run.due_at),
                "outcome": run.outcome.value,
                "reason": run.reason or None,
                "issue": run.issue_id,
            }
            for run in runs
        ],
        "workers": workers,
    }


def print_overview(found: dict[str, Any]) -> None:
    """Print the overview for a person."""
    say(f"workers: {', '.join(found['workers']) or 'none answers; start `alerts up`'}")
    say(f"articles: {found['articles']}")
    for source in found["failing_sources"]:
        say(
            f"source {source['id']} could not be had since {source['failing_since']}:"
            f" {source['last_error']} ({source['url']})"
        )
    for noted in found["attention"]:
        say(f"issue {noted['issue']} ({noted['state']}) wants a look: {noted['reason']}")
    for name in ("issues", "subscribers"):
        counts = ", ".join(f"{count} {state}" for state, count in found[name].items())
        say(f"{name}: {counts or 'none'}")
    say(f"batches not done: {found['open_batches']}; next run: {found['next_run'] or 'none'}")
    for run in found["last_runs"]:
        reason = f": {run['reason']}" if run["reason"] else ""
        say(f"  {run['due_at']} {run['newsletter']} {run['frequency']} {run['outcome']}{reason}")
