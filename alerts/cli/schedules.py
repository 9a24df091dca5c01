"""`alerts schedule …`: when newsletters go out."""

from typing import Annotated, Any

import typer

from alerts.cli.common import JsonOption, print_json, print_table, program, say
from alerts.newsletters.previews import preview
from alerts.newsletters.rules import parse_rule
from alerts.newsletters.runs import last_runs, recent_runs, run_json
from alerts.newsletters.schedules import (
    get_schedule,
    remove_schedule,
    set_paused,
    set_schedule,
)
from alerts.newsletters.serialise import coming_json, schedule_json
from alerts.newsletters.service import list_newsletters
from alerts.subscribers.models import Frequency

app = typer.Typer(no_args_is_help=True, help="When newsletters go out.")

Slug = Annotated[str, typer.Argument(help="The newsletter.")]
FrequencyOption = Annotated[
    Frequency | None, typer.Option(help="At which frequency; default: the newsletter's usual one.")
]

NameOption = Annotated[
    str, typer.Option("--name", help="Which schedule; default: the usual one, without a name.")
]


@app.command("list")
def list_command(json: JsonOption = False) -> None:
    """List all schedules."""
    with program() as runtime, runtime.database.read() as session:
        schedules = [
            one for newsletter in list_newsletters(session) for one in newsletter.schedules
        ]
        last = last_runs(session, schedules)
        documents = [
            schedule_json(one) | {"last_run": run_json(last[one.id]) if one.id in last else None}
            for one in schedules
        ]
    if json:
        print_json(documents)
        return
    columns = ("newsletter", "frequency", "name", "rule", "missed", "paused", "next_at")
    rows = (
        [*(document[column] for column in columns), _outcome(document)] for document in documents
    )
    print_table((*columns, "last run"), rows)


@app.command("runs")
def runs_command(
    slug: Slug,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 20,
    frequency: FrequencyOption = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Of one schedule; default: of all.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what came of scheduled runs, the newest first, with the reason where none was made."""
    with program() as runtime, runtime.database.read() as session:
        found = recent_runs(session, slug, frequency=frequency, name=name, limit=limit)
        documents = [run_json(run) for run in found]
    if json:
        print_json(documents)
        return
    columns = ("period", "frequency", "schedule", "outcome", "issue", "reason")
    print_table(columns, ([document[column] for column in columns] for document in documents))


@app.command("set")
def set_command(
    slug: Slug,
    rule: Annotated[str, typer.Argument(help='Such as "weekly on mon 08:00 Asia/Kolkata".')],
    frequency: FrequencyOption = None,
    name: NameOption = "",
    missed: Annotated[
        str | None,
        typer.Option(
            help='What becomes of missed runs: "send if less than 6 h late", "merge" or "skip".'
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Set when a newsletter goes out; with --name it is one more schedule beside the usual one."""
    with program() as runtime, runtime.database.transaction() as session:
        schedule = set_schedule(
            session,
            slug,
            rule,
            frequency=frequency,
            name=name,
            missed=missed,
            clock=runtime.clock,
        )
        document = schedule_json(schedule)
    _print(document, json=json)


@app.command("next")
def next_command(
    slug: Slug,
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 5,
    frequency: FrequencyOption = None,
    name: NameOption = "",
    json: JsonOption = False,
) -> None:
    """Show the next times, on the wall clock and in UTC, and what is left out or shifted."""
    with program() as runtime, runtime.database.read() as session:
        rule = parse_rule(get_schedule(session, slug, frequency, name).rule)
        found = preview(rule, count=count, after=runtime.clock.now())
    if json:
        print_json([coming_json(one) for one in found])
        return
    for one in found:
        for line in one.notes:
            say(f"    {line}")
        moment = one.occurrence
        say(f"{moment.local:%a %d %B %Y %H:%M %Z} ({moment.at:%H:%M} UTC)")


@app.command()
def pause(
    slug: Slug, frequency: FrequencyOption = None, name: NameOption = "", json: JsonOption = False
) -> None:
    """Stop making issues on schedule."""
    _set_paused(slug, frequency, name, paused=True, json=json)


@app.command()
def resume(
    slug: Slug, frequency: FrequencyOption = None, name: NameOption = "", json: JsonOption = False
) -> None:
    """Make issues on schedule again."""
    _set_paused(slug, frequency, name, paused=False, json=json)


@app.command()
def remove(
    slug: Slug, frequency: FrequencyOption = None, name: NameOption = "", json: JsonOption = False
) -> None:
    """Remove a schedule; what it has run stays on record."""
    with program() as runtime, runtime.database.transaction() as session:
        document = schedule_json(get_schedule(session, slug, frequency, name))
        remove_schedule(session, slug, frequency=frequency, name=name, clock=runtime.clock)
    if json:
        print_json(document)
    else:
        say(f"{_title(document)}: removed")


def _set_paused(
    slug: str, frequency: Frequency | None, name: str, *, paused: bool, json: bool
) -> None:
    with program() as runtime, runtime.database.transaction() as session:
        schedule = set_paused(
            session, slug, paused=paused, frequency=frequency, name=name, clock=runtime.clock
        )
        document = schedule_json(schedule)
    _print(document, json=json)


def _print(document: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(document)
        return
    if document["paused"]:
        state = "paused"
    elif document["next_at"]:
        state = f"next at {document['next_at']}"
    else:
        state = "over"
    say(f"{_title(document)}: {document['rule']}, {state}")


def _outcome(document: dict[str, Any]) -> str:
    run = document["last_run"]
    if run is None:
        return ""
    return f"{run['outcome']}: {run['reason']}" if run["reason"] else str(run["outcome"])


def _title(document: dict[str, Any]) -> str:
    words = [document["frequency"], document["name"]]
    return f"{document['newsletter']} ({' '.join(word for word in words if word)})"
