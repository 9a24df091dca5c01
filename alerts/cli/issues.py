"""`alerts issue …`: from a draft to the books of a sent issue."""

import asyncio
import getpass
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from alerts.cli.common import JsonOption, note, print_json, print_table, program, say
from alerts.cli.times import parse_moment
from alerts.cli.waiting import some_worker, wait_until_sent
from alerts.delivery import books
from alerts.delivery.completion import cancel_issue
from alerts.delivery.preview import issue_envelope, send_test_copy, write_preview
from alerts.delivery.publishing import approve_issue, lint_issue, render_issue
from alerts.errors import Refused
from alerts.newsletters.issues import draft_issue, get_issue, issue_json, list_issues, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.paths import templates_dir
from alerts.rendering.service import RenderedEdition, Renderer
from alerts.runtime import Runtime, open_queue
from alerts.subscribers.models import Frequency
from alerts.task_queue import Queue, Task

app = typer.Typer(no_args_is_help=True, help="Draft, look at, approve and send issues.")

IssueId = Annotated[int, typer.Argument(metavar="ID", help="The issue's ID.")]


@app.command()
def draft(
    slug: Annotated[str, typer.Argument(help="The newsletter.")],
    since: Annotated[
        str | None, typer.Option(help="Only articles published from this day on.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="The cut-off; default: now.")] = None,
    article: Annotated[list[int] | None, typer.Option(help="Exactly these articles.")] = None,
    frequency: Annotated[Frequency | None, typer.Option(help="For whom it is.")] = None,
    json: JsonOption = False,
) -> None:
    """Draft the next issue from what is new, and print its ID."""
    with program() as runtime, runtime.database.transaction() as session:
        zone = definition_of(get_newsletter(session, slug)).time_zone
        issue = draft_issue(
            session,
            slug,
            frequency=frequency,
            since=parse_moment(since, zone=zone) if since else None,
            until=parse_moment(until, zone=zone) if until else None,
            article_ids=tuple(article or ()),
            clock=runtime.clock,
        )
        document = _document(session, issue)
    if json:
        print_json(document)
    else:
        say(str(issue.id))
        note(f"{document['subject']} ({len(document['articles'])} pieces)")


@app.command("list")
def list_command(
    newsletter: Annotated[str | None, typer.Option(help="Only this newsletter.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: JsonOption = False,
) -> None:
    """List issues, the newest first."""
    with program() as runtime, runtime.database.read() as session:
        documents = [
            _document(session, issue)
            for issue in list_issues(session, newsletter=newsletter, limit=limit)
        ]
    if json:
        print_json(documents)
        return
    columns = ("id", "newsletter", "state", "number", "subject")
    print_table(columns, ([document[column] for column in columns] for document in documents))


@app.command()
def show(issue_id: IssueId, json: JsonOption = False) -> None:
    """Show an issue with its articles."""
    with program() as runtime, runtime.database.read() as session:
        document = _document(session, get_issue(session, issue_id))
    if json:
        print_json(document)
        return
    for name in ("id", "newsletter", "state", "number", "volume", "volume_number", "subject"):
        say(f"{name}: {document[name] if document[name] is not None else ''}")
    for item in document["articles"]:
        say(f"  {item['section']}: {item['title']} (article {item['id']})")


@app.command()
def preview(
    issue_id: IssueId,
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    json: JsonOption = False,
) -> None:
    """Write what would arrive: subject.txt, body.html, body.txt, message.eml."""
    with program() as runtime, runtime.database.read() as session:
        rendered = _rendered(runtime, session, issue_id)
        paths = write_preview(
            session,
            get_issue(session, issue_id),
            rendered,
            out,
            settings=runtime.settings,
            clock=runtime.clock,
        )
    if json:
        print_json({path.name: str(path) for path in paths})
    else:
        for path in paths:
            say(str(path))


@app.command()
def lint(issue_id: IssueId, json: JsonOption = False) -> None:
    """Check an issue; errors keep it from being approved."""
    with program() as runtime, runtime.database.read() as session:
        findings = lint_issue(
            session, get_issue(session, issue_id), settings=runtime.settings, renderer=_renderer()
        )
    if json:
        print_json(
            [
                {"level": f.level, "rule": f.rule, "message": f.message, "fix": f.fix}
                for f in findings
            ]
        )
    else:
        for finding in findings:
            say(f"{finding.level}: {finding.message} ({finding.fix})")
    errors = sum(finding.level == "error" for finding in findings)
    if errors:
        raise Refused(f"issue {issue_id} has {errors} error(s); mend them before approving")


@app.command()
def test(
    issue_id: IssueId,
    to: Annotated[str, typer.Option(help="The address that gets a test copy.")],
) -> None:
    """Send a test copy of an issue, at once."""
    with program() as runtime, open_queue(runtime.settings) as queue:
        with runtime.database.read() as session:
            rendered = _rendered(runtime, session, issue_id)
            envelope = issue_envelope(
                session,
                get_issue(session, issue_id),
                settings=runtime.settings,
                clock=runtime.clock,
            )
        asyncio.run(
            send_test_copy(
                rendered,
                to,
                envelope=envelope,
                settings=runtime.settings,
                redis_url=queue.redis_url,
            )
        )
    say(f"a test copy of issue {issue_id} went to {to}")


@app.command()
def approve(issue_id: IssueId, json: JsonOption = False) -> None:
    """Freeze an issue: what is approved is what is sent."""
    with program() as runtime, runtime.database.transaction() as session:
        edition = approve_issue(
            session,
            issue_id,
            by=getpass.getuser(),
            settings=runtime.settings,
            renderer=_renderer(),
            clock=runtime.clock,
        )
        document = _document(session, get_issue(session, issue_id))
    if json:
        print_json(document | {"checksum": edition.checksum})
    else:
        say(f"issue {issue_id} is approved: {edition.subject}")


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
            document = _document(session, issue)
            found = books.report(session, issue)
    _print_sent(document, found, wait=wait, json=json)


@app.command()
def pause(issue_id: IssueId) -> None:
    """Stop an issue that is being sent; what is on the wire ends first."""
    _move(issue_id, Event.PAUSE)


@app.command()
def resume(issue_id: IssueId) -> None:
    """Go on with a paused issue."""
    _move(issue_id, Event.RESUME)


@app.command()
def cancel(issue_id: IssueId) -> None:
    """Drop a draft, or call off what was not sent yet; every reader left out is on the books."""
    with program() as runtime, runtime.database.transaction() as session:
        issue = cancel_issue(session, issue_id, clock=runtime.clock)
        say(f"issue {issue_id} is {issue.state.value}")


@app.command()
def watch(issue_id: IssueId) -> None:
    """Watch an issue until it is sent."""
    with program() as runtime, open_queue(runtime.settings) as queue:
        found = wait_until_sent(runtime, queue, issue_id)
    _print_books(found.to_json())


@app.command()
def report(issue_id: IssueId, json: JsonOption = False) -> None:
    """Report on an issue: audience, ends, editions, how long it took."""
    with program() as runtime, runtime.database.read() as session:
        issue = get_issue(session, issue_id)
        document = _document(session, issue) | _plain(books.report(session, issue))
    if json:
        print_json(document)
        return
    say(f"{document['subject']} ({document['state']})")
    _print_books(document)
    if document["seconds"]:
        say(f"took {document['seconds']} s, {document['rate']} messages/s")
    for edition in document["editions"]:
        say(f"  edition {edition['id']}: {edition['readers']} readers, {edition['items']} pieces")


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
        return move(session, issue_id, Event.SEND, clock=runtime.clock)
    zone = definition_of(get_newsletter(session, issue.newsletter)).time_zone
    moment = parse_moment(at, zone=zone)
    if moment < runtime.clock.now():
        raise Refused(f"{at} is over; name a moment to come, or leave --at out to send now")
    return move(session, issue_id, Event.SCHEDULE, clock=runtime.clock, send_at=moment)


def _move(issue_id: int, event: Event) -> None:
    with program() as runtime:
        with runtime.database.transaction() as session:
            issue = move(session, issue_id, event, clock=runtime.clock)
        if event is Event.RESUME:
            with open_queue(runtime.settings) as queue:
                queue.enqueue(Task.SWEEP, queue=Queue.PERIODIC)
    say(f"issue {issue_id} is {issue.state.value}")


def _document(session: Session, issue: Issue) -> dict[str, Any]:
    return issue_json(issue) | {"progress": books.progress(session, issue.id)}


def _renderer() -> Renderer:
    return Renderer(templates_dir("email"))


def _rendered(runtime: Runtime, session: Session, issue_id: int) -> RenderedEdition:
    return render_issue(
        session, get_issue(session, issue_id), settings=runtime.settings, renderer=_renderer()
    )


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value
        for name, value in document.items()
    }


def _print_sent(document: dict[str, Any], found: dict[str, Any], *, wait: bool, json: bool) -> None:
    names = ("audience", "sent", "failed", "skipped", "uncertain", "pending", "balanced", "reasons")
    audited = {name: found[name] for name in names}
    if json:
        extra = {"audit": audited, "seconds": found["seconds"], "rate": found["rate"]}
        print_json(document | extra if wait else document)
    elif wait:
        _print_books(audited)
        say(f"issue {document['id']} is {document['state']}, {found['rate']} messages/s")
    else:
        say(f"issue {document['id']} is {document['state']}")
    if wait and document["state"] != "sent":
        raise Refused(f"issue {document['id']} is {document['state']}, not sent")


def _print_books(document: dict[str, Any]) -> None:
    say(
        f"audience {document['audience']} = {document['sent']} sent + {document['failed']} failed"
        f" + {document['skipped']} skipped + {document['uncertain']} uncertain"
        f" + {document['pending']} pending"
    )
    for reason, count in document["reasons"].items():
        say(f"  {count}: {reason}")
