"""`alerts status`: what is running and what is due."""

from typing import Any

from alerts.articles.sources.service import source_json
from alerts.cli.common import say
from alerts.clock import rfc3339
from alerts.delivery.transports.suspicion import relay_json, relays_of, sick_of
from alerts.holding import hold_of
from alerts.inbound.fetching.claims import failing_mailboxes, mailbox_json
from alerts.operations.alarms.books import alarm_json
from alerts.operations.overview import standing_of
from alerts.operations.removals import last_removal
from alerts.runtime import Runtime, open_queue


def overview(runtime: Runtime) -> dict[str, Any]:
    """Return counts by state, what is due next, the last runs, and the workers that answer."""
    with runtime.database.read() as session:
        found = standing_of(session, clock=runtime.clock)
        hold = hold_of(session)
        failing = [source_json(source) for source in found.failing]
        mailboxes = failing_mailboxes(session, runtime.settings.mailboxes)
        unreachable = [mailbox_json(mailbox) for mailbox in mailboxes]
        alarms = [alarm_json(alarm) for alarm in found.alarms]
        removal = last_removal(session, now=runtime.clock.now())
    with open_queue(runtime.settings) as queue:
        workers = queue.workers(timeout=0.5)
        relays = sick_of(relays_of(runtime.settings, queue.redis_url))
    return {
        "held_since": rfc3339(hold.since) if hold else None,
        "alarms": alarms,
        "articles": found.articles,
        "failing_sources": [
            {name: source[name] for name in ("id", "url", "failing_since", "last_error")}
            for source in failing
        ],
        "failing_mailboxes": unreachable,
        "attention": [
            {"issue": noted.issue_id, "state": noted.state.value, "reason": noted.reason}
            for noted in found.attention
        ],
        "held": [
            {
                "issue": held.issue_id,
                "newsletter": held.newsletter,
                "left": held.left,
                "until": rfc3339(held.until),
                "why": held.why,
                "words": held.words,
            }
            for held in found.held
        ],
        "issues": {state.value: count for state, count in found.issues.items()},
        "subscribers": {state.value: count for state, count in found.subscribers.items()},
        "open_batches": found.open_batches,
        "next_run": rfc3339(found.next_at),
        "last_runs": [
            {
                "newsletter": run.newsletter,
                "frequency": run.frequency.value,
                "due_at": rfc3339(run.due_at),
                "outcome": run.outcome.value,
                "reason": run.reason or None,
                "issue": run.issue_id,
            }
            for run in found.runs
        ],
        "removal": removal.to_json() | {"words": removal.words, "at_words": removal.at}
        if removal
        else None,
        "sick_relays": [relay_json(one, stands_in) for one, stands_in in relays],
        "workers": workers,
    }


def print_overview(found: dict[str, Any]) -> None:
    """Print the overview for a person."""
    say(f"workers: {', '.join(found['workers']) or 'none answers; start `alerts up`'}")
    if found["held_since"]:
        say(f"restored, and held since {found['held_since']}: see `alerts release`")
    _print_troubles(found)
    say(f"articles: {found['articles']}")
    for name in ("issues", "subscribers"):
        counts = ", ".join(f"{count} {state}" for state, count in found[name].items())
        say(f"{name}: {counts or 'none'}")
    say(f"batches not done: {found['open_batches']}; next run: {found['next_run'] or 'none'}")
    for run in found["last_runs"]:
        reason = f": {run['reason']}" if run["reason"] else ""
        say(f"  {run['due_at']} {run['newsletter']} {run['frequency']} {run['outcome']}{reason}")
    removal = found["removal"]
    if removal:
        state = f"{removal['state']} {removal['moved_at']}"
        at = "" if removal["state"] == "done" else f"; at “{removal['at_words']}”"
        failed = f" it failed with: {removal['failure']}" if removal["failure"] else ""
        say(f"last removal of what is old, {state}: {removal['words']}{at}{failed}")


def _print_troubles(found: dict[str, Any]) -> None:
    """Print what somebody should look at, or should know that it waits."""
    for alarm in found["alarms"]:
        until = alarm["silenced_until"]
        silent = f" (silenced until {until}: {alarm['silence_reason']})" if until else ""
        say(f"ALARM {alarm['id']} since {alarm['opened_at']}: {alarm['what']}{silent}")
    for relay in found["sick_relays"]:
        say(
            f"mail server {relay['said']} (since {relay['sick_since']}, tried last"
            f" {relay['tried_at']}); {relay['meanwhile']}"
        )
    for source in found["failing_sources"]:
        say(
            f"source {source['id']} could not be had since {source['failing_since']}:"
            f" {source['last_error']} ({source['url']})"
        )
    for mailbox in found["failing_mailboxes"]:
        say(
            f"no mail can be fetched from {mailbox['url']} since {mailbox['failing_since']}:"
            f" {mailbox['last_error']}"
        )
    for noted in found["attention"]:
        say(f"issue {noted['issue']} ({noted['state']}) wants a look: {noted['reason']}")
    for held in found["held"]:
        say(
            f"issue {held['issue']} of {held['newsletter']}: {held['left']} to go, nothing moves"
            f" before {held['until']}: {held['words']}"
        )
