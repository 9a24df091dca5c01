"""`alerts issue send …`: an approved issue on its way, and its books."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from alerts.cli.common import JsonOption, note, print_json, program, say
from alerts.cli.issues import IssueId, app, issue_document, note_retracted
from alerts.cli.numbers import number
from alerts.cli.times import parse_moment
from alerts.cli.waiting import some_worker, wait_until_sent
from alerts.delivery import books, dispatch, reporting
from alerts.delivery.outcome import WAITS
from alerts.delivery.retrying import retry_issue
from alerts.delivery.status_codes import in_words
from alerts.errors import Refused
from alerts.newsletters.issues import get_issue, issue_json
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.rendering.withdrawals import retract_withdrawn
from alerts.runtime import Runtime, open_queue
from alerts.staff.audit import COMMAND_LINE
from alerts.task_queue import Queue, Task

# The commands of an issue, whole: those of the draft, and these.
__all__ = ["app"]


@app.command()
def send(
    issue_id: IssueId,
    at: Annotated[str | None, typer.Option(help="When; default: now.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when everybody has it.")] = False,
    json: JsonOption = False,
) -> None:
    """Send an approved issue, now or at a time."""
    with program() as runtime, open_queue(runtime.settings) as queue:
        with runtime.database.transaction() as session:
            note_retracted(retract_withdrawn(session, clock=runtime.clock))
        with runtime.database.transaction() as session:
            issue = _start(session, issue_id, at, wait=wait, runtime=runtime)
        if issue.state is IssueState.SENDING:
            queue.enqueue(Task.PREPARE_ISSUE, issue_id, queue=Queue.PREPARATION)
        if wait:
            with some_worker(queue):
                wait_until_sent(runtime, queue, issue_id)
        elif not queue.workers(timeout=0.5):
            note("no worker answers: it goes out as soon as `alerts up` or `alerts worker` runs")
        with runtime.database.read() as session:
            issue = get_issue(session, issue_id)
            document = issue_document(session, issue)
            found = _report(session, issue, runtime) if wait else {}
    _print_sent(document, found, wait=wait, json=json)


@app.command()
def undo(issue_id: IssueId) -> None:
    """Take a planned issue back before it starts; it stays approved."""
    _act(issue_id, dispatch.take_back)


@app.command()
def pause(issue_id: IssueId) -> None:
    """Stop an issue that is being sent; what is on the wire ends first."""
    _act(issue_id, dispatch.pause)


@app.command()
def resume(issue_id: IssueId) -> None:
    """Go on with a paused issue."""
    _act(issue_id, dispatch.resume)


@app.command()
def cancel(issue_id: IssueId) -> None:
    """Drop a draft, or call off what was not sent yet; every reader left out is on the books."""
    _act(issue_id, dispatch.cancel)


@app.command()
def retry(
    issue_id: IssueId,
    reason: Annotated[
        list[str] | None,
        typer.Option(
            help="Those that failed for this reason, or how it begins, or one class of bounces:"
            " hard, soft, policy. May be repeated."
        ),
    ] = None,
    uncertain: Annotated[
        bool, typer.Option("--uncertain", help="Those in doubt too; some may get it twice.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell who would be.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return when all have ended.")] = False,
    json: JsonOption = False,
) -> None:
    """Try again those that failed: without --reason, those that were given up."""
    with program() as runtime, open_queue(runtime.settings) as queue:
        with runtime.database.transaction() as session:
            chosen: dict[str, Any] = {"reasons": reason or None, "uncertain": uncertain}
            clock = runtime.clock
            retried = (
                retry_issue(session, issue_id, dry_run=True, clock=clock, **chosen)
                if dry_run
                else dispatch.retry(session, issue_id, actor=COMMAND_LINE, clock=clock, **chosen)
            )
        if retried.deliveries and not dry_run:
            queue.enqueue(Task.SWEEP, queue=Queue.PERIODIC)
            if wait:
                with some_worker(queue):
                    wait_until_sent(runtime, queue, issue_id)
    if json:
        print_json({"issue": issue_id, "retried": retried.deliveries, "reasons": retried.reasons})
        return
    verb = "would be" if dry_run else "are"
    say(f"{retried.deliveries} deliveries of issue {issue_id} {verb} tried again")
    for why, count in sorted(retried.reasons.items()):
        say(f"  {count}: {why}")


@app.command()
def watch(issue_id: IssueId) -> None:
    """Watch an issue until it is sent."""
    with program() as runtime, open_queue(runtime.settings) as queue:
        found = wait_until_sent(runtime, queue, issue_id)
    _print_books(found.to_json())


@app.command()
def report(issue_id: IssueId, json: JsonOption = False) -> None:
    """Report on an issue: audience, ends, bounces, who waits, editions, how long it took."""
    with program() as runtime, runtime.database.read() as session:
        issue = get_issue(session, issue_id)
        document = issue_json(issue) | reporting.plain(_report(session, issue, runtime))
        ended = document["audience"] - document["pending"]
        document["progress"] = {"audience": document["audience"], "done": ended}
    if json:
        print_json(document)
        return
    say(f"{document['subject']} ({document['state']})")
    if document["attention"]:
        say(f"wants a look: {document['attention']}")
    # Who waits is told of below, with until when.
    _print_books(document, told=[wait["reason"] for wait in document["waiting"]])
    _print_troubles(document)
    if document["seconds"]:
        say(f"took {document['seconds']} s, {document['rate']} messages/s")
    for edition in document["editions"]:
        readers = _counted(edition["readers"], "reader")
        say(f"  edition {edition['id']}: {readers}, {_counted(edition['items'], 'piece')}")


@app.command()
def audit(issue_id: IssueId, json: JsonOption = False) -> None:
    """Show the books: everybody in the audience, by how it ended."""
    with program() as runtime, runtime.database.read() as session:
        get_issue(session, issue_id)
        found = books.audit(session, issue_id)
    if json:
        print_json(found.to_json())
    else:
        _print_books(found.to_json())
    if not found.balanced:
        raise Refused(f"the books of issue {issue_id} do not balance; please report it")


def _start(
    session: Session, issue_id: int, at: str | None, *, wait: bool, runtime: Runtime
) -> Issue:
    issue = get_issue(session, issue_id)
    if issue.state is IssueState.SENDING and wait and at is None:
        # Started before, here or elsewhere: waiting is all that is left to do.
        return issue
    if at is None:
        return dispatch.set_off(
            session, issue_id, waits=False, actor=COMMAND_LINE, clock=runtime.clock
        )
    zone = definition_of(get_newsletter(session, issue.newsletter)).time_zone
    moment = parse_moment(at, zone=zone)
    if moment < runtime.clock.now():
        raise Refused(f"{at} is over; name a moment to come, or leave --at out to send now")
    return dispatch.set_off(session, issue_id, at=moment, actor=COMMAND_LINE, clock=runtime.clock)


def _act(issue_id: int, act: Callable[..., Issue]) -> None:
    """Do one of the acts that write themselves down in the log."""
    with program() as runtime:
        with runtime.database.transaction() as session:
            issue = act(session, issue_id, actor=COMMAND_LINE, clock=runtime.clock)
        if act is dispatch.resume:
            with open_queue(runtime.settings) as queue:
                queue.enqueue(Task.SWEEP, queue=Queue.PERIODIC)
    say(f"issue {issue_id} is {issue.state.value}")


def _report(session: Session, issue: Issue, runtime: Runtime) -> dict[str, Any]:
    return reporting.report(session, issue, now=runtime.clock.now())


def _print_sent(document: dict[str, Any], found: dict[str, Any], *, wait: bool, json: bool) -> None:
    if json:
        print_json(document | _sent(found) if wait else document)
    elif wait:
        _print_books(found)
        say(f"issue {document['id']} is {document['state']}, {found['rate']} messages/s")
    else:
        say(f"issue {document['id']} is {document['state']}")
    if wait and document["state"] != "sent":
        why = f": {document['attention']}" if document["attention"] else ""
        raise Refused(f"issue {document['id']} is {document['state']}, not sent{why}")


def _sent(found: dict[str, Any]) -> dict[str, Any]:
    names = ("audience", "sent", "failed", "skipped", "uncertain", "pending", "balanced", "reasons")
    audited = {name: found[name] for name in names}
    return {"audit": audited, "seconds": found["seconds"], "rate": found["rate"]}


def _print_books(document: dict[str, Any], *, told: Collection[str] = ()) -> None:
    say(
        f"audience {document['audience']} = {document['sent']} sent + {document['failed']} failed"
        f" + {document['skipped']} skipped + {document['uncertain']} uncertain"
        f" + {document['pending']} pending"
    )
    for reason, count in document["reasons"].items():
        if reason not in told:
            say(f"  {count}: {_explained(reason)}")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _to_the_second(moment: str) -> str:
    """Return a moment without what nobody reads; a report kept by an older program has more."""
    return f"{datetime.fromisoformat(moment):%Y-%m-%dT%H:%M:%SZ}"


def _explained(reason: str) -> str:
    words = in_words(reason)
    return f"{reason} ({words})" if words else reason


def _print_troubles(document: dict[str, Any]) -> None:
    """Print what an editor would ask: who bounced, and who is still to get it, and when."""
    bounces = {kind: count for kind, count in document["bounces"].items() if count}
    if bounces:
        say("bounced: " + ", ".join(f"{count} {kind}" for kind, count in bounces.items()))
    if returned := {kind: count for kind, count in document["returned"].items() if count}:
        say("came back: " + ", ".join(f"{count} {kind}" for kind, count in returned.items()))
    for wait in document["waiting"]:
        reason = _explained(wait["reason"].removeprefix(WAITS)) or "no reason"
        verb = "waits" if wait["readers"] == 1 else "wait"
        earliest, latest = (_to_the_second(wait[name]) for name in ("earliest", "latest"))
        until = f"tried again {earliest} to {latest}"
        say(f"{wait['readers']} {verb}, {reason}: {until}")
    if document["held_until"]:
        why = document["held_by"]
        said = {wait["reason"].removeprefix(WAITS) for wait in document["waiting"]}
        why = f": {why}" if why and why not in said else ""
        say(f"nothing moves before {_to_the_second(document['held_until'])}{why}")
    tries = {number: count for number, count in document["attempts"].items() if number != "0"}
    if tries:
        say("tries: " + ", ".join(f"{count} with {number}" for number, count in tries.items()))


app.command()(number)
