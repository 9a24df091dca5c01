"""`alerts issue …`: from a draft to the books of a sent issue."""

import asyncio
import getpass
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from alerts.cli.common import JsonOption, note, print_json, print_table, program, say
from alerts.cli.times import parse_moment
from alerts.clock import rfc3339
from alerts.delivery import books
from alerts.delivery.linting import ask_for_links
from alerts.delivery.preview import issue_envelope, write_preview
from alerts.delivery.publishing import approve_issue, lint_issue, render_issue
from alerts.delivery.trial import send_test_copy
from alerts.errors import Invalid, Refused
from alerts.newsletters.editing.service import change_composition
from alerts.newsletters.editing.versions import history
from alerts.newsletters.issues import draft_issue, get_issue, issue_json, list_issues
from alerts.newsletters.models import Issue
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.rendering.reopening import reopen_issue
from alerts.rendering.reviewing.overruling import Checked, with_overrulings
from alerts.rendering.reviewing.serialise import checked_json
from alerts.rendering.service import RenderedEdition, renderer_of
from alerts.runtime import Runtime, open_queue
from alerts.staff.audit import COMMAND_LINE, Subject, record
from alerts.subscribers.models import Frequency

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
        document = issue_document(session, issue)
    if json:
        print_json(document)
    else:
        say(str(issue.id))
        count = len(document["articles"])
        note(f"{document['subject']} ({count} {'piece' if count == 1 else 'pieces'})")


@app.command("list")
def list_command(
    newsletter: Annotated[str | None, typer.Option(help="Only this newsletter.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: JsonOption = False,
) -> None:
    """List issues, the newest first."""
    with program() as runtime, runtime.database.read() as session:
        issues = list_issues(session, newsletter=newsletter, limit=limit)
        progress = books.progress(session, [issue.id for issue in issues])
        documents = [issue_json(issue) | {"progress": progress[issue.id]} for issue in issues]
    if json:
        print_json(documents)
        return
    columns = ("id", "newsletter", "state", "number", "subject")
    print_table(columns, ([document[column] for column in columns] for document in documents))


@app.command()
def show(issue_id: IssueId, json: JsonOption = False) -> None:
    """Show an issue with its articles."""
    with program() as runtime, runtime.database.read() as session:
        document = issue_document(session, get_issue(session, issue_id))
    if json:
        print_json(document)
        return
    for name in ("id", "newsletter", "state", "number", "volume", "volume_number", "subject"):
        say(f"{name}: {document[name] if document[name] is not None else ''}")
    if document["attention"]:
        say(f"wants a look: {document['attention']}")
    for item in document["articles"]:
        say(f"  {item['section']}: {item['title']} (article {item['id']})")


@app.command()
def edit(
    issue_id: IssueId,
    subject: Annotated[str | None, typer.Option(help="The subject.")] = None,
    preheader: Annotated[str | None, typer.Option(help="What stands behind it.")] = None,
    editors_note: Annotated[str | None, typer.Option("--note", help="The editor's note.")] = None,
    json: JsonOption = False,
) -> None:
    """Change a draft's subject, preheader or note; its history keeps what it said before."""
    if subject is None and preheader is None and editors_note is None:
        raise Invalid("nothing to change; name --subject, --preheader or --note")
    with program() as runtime, runtime.database.transaction() as session:
        saved = change_composition(
            session,
            issue_id,
            lambda one, _: one.saying(subject=subject, preheader=preheader, note=editors_note),
            actor=COMMAND_LINE,
            clock=runtime.clock,
        )
        document = issue_document(session, get_issue(session, issue_id))
    if json:
        print_json(document)
    else:
        what = f"is changed: version {saved.version}" if saved.changed else "says that already"
        say(f"issue {issue_id} {what}")


@app.command("history")
def history_command(
    issue_id: IssueId,
    before: Annotated[int | None, typer.Option(min=1, help="Only versions before this.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50,
    json: JsonOption = False,
) -> None:
    """Show who changed an issue, when, and what; the newest version first."""
    with program() as runtime, runtime.database.read() as session:
        issue = get_issue(session, issue_id)
        definition = definition_of(get_newsletter(session, issue.newsletter))
        page = history(session, issue, definition, before=before, limit=limit)
    if json:
        print_json(
            [
                {
                    "version": one.number,
                    "kind": one.kind.value,
                    "by": one.by,
                    "at": rfc3339(one.at),
                    "changes": [change.line() for change in one.changes],
                }
                for one in page.lines
            ]
        )
        return
    for one in page.lines:
        say(f"version {one.number}, {one.kind}, by {one.by}, {one.at:%Y-%m-%d %H:%M} UTC")
        for change in one.changes:
            say(f"  {change.line()}")
    if not page.lines:
        note(f"nobody has changed issue {issue_id} since it was drafted")


@app.command()
def reopen(issue_id: IssueId, json: JsonOption = False) -> None:
    """Make an approved or scheduled issue a draft again; it has to be approved once more."""
    with program() as runtime, runtime.database.transaction() as session:
        issue = reopen_issue(session, issue_id, actor=COMMAND_LINE, clock=runtime.clock)
        document = issue_document(session, issue)
    if json:
        print_json(document)
    else:
        say(f"issue {issue_id} is a draft again; approve it once more before it goes out")


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
    """Check an issue; errors keep it from being approved, warnings can be overruled at the desk.

    Its links are looked at by the workers, in the background; what they found so far is told.
    """
    with program() as runtime, runtime.database.transaction() as session:
        findings = lint_issue(
            session,
            get_issue(session, issue_id),
            settings=runtime.settings,
            renderer=renderer_of(runtime.settings),
        )
        checked = with_overrulings(session, issue_id, findings)
        rendered = _rendered(runtime, session, issue_id)
        links = ask_for_links(session, rendered, settings=runtime.settings, clock=runtime.clock)
    if links.waiting:
        note(f"links not looked at yet: {links.waiting}; lint again in a few minutes")
    if json:
        print_json([checked_json(one) for one in checked])
    else:
        # What somebody let stand comes last, apart from what still asks for something.
        for one in sorted(checked, key=lambda one: not one.stands):
            say(_in_lines(one))
    errors = sum(one.finding.level == "error" for one in checked)
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
                clock=runtime.clock,
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
            renderer=renderer_of(runtime.settings),
            clock=runtime.clock,
        )
        about, checksum = Subject("issue", issue_id), edition.checksum
        act = "issue.approved"
        record(session, COMMAND_LINE, act, about, clock=runtime.clock, checksum=checksum)
        document = issue_document(session, get_issue(session, issue_id))
    if json:
        print_json(document | {"checksum": edition.checksum})
    else:
        say(f"issue {issue_id} is approved: {edition.subject}")


def _in_lines(checked: Checked) -> str:
    """Return a finding on a line of its own, and on others what it stands for."""
    finding, overruling = checked.finding, checked.overruling
    if overruling is not None:
        who = f"overruled by {overruling.by} on {overruling.at:%Y-%m-%d}: {overruling.reason}"
        return f"{finding.level}, {who}: {finding.message}"
    lines = [f"{finding.level}: {finding.message} ({finding.fix})"]
    return "\n".join([*lines, *(f"  {one.message}" for one in finding.within)])


def note_retracted(issues: Iterable[Issue]) -> None:
    """Tell on standard error which issues a withdrawn article has left."""
    for issue in issues:
        note(f"alerts: issue {issue.id} is now {issue.state.value}: {issue.attention}")


def issue_document(session: Session, issue: Issue) -> dict[str, Any]:
    """Return an issue in the form that scripts read, with how far it is."""
    return issue_json(issue) | {"progress": books.progress(session, [issue.id])[issue.id]}


def _rendered(runtime: Runtime, session: Session, issue_id: int) -> RenderedEdition:
    return render_issue(
        session,
        get_issue(session, issue_id),
        settings=runtime.settings,
        renderer=renderer_of(runtime.settings),
    )
