"""`alerts schedule …`: when newsletters go out."""

from typing import Annotated, Any

import typer

from alerts.cli.common import JsonOption, print_json, print_table, program, say
from alerts.newsletters.models import Schedule
from alerts.newsletters.schedules import (
    get_schedule,
    next_occurrences,
    remove_schedule,
    set_paused,
    set_schedule,
)
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
        documents = [
            _document(schedule)
            for newsletter in list_newsletters(session)
            for schedule in newsletter.schedules
        ]
    if json:
        print_json(documents)
        return
    columns = ("newsletter", "frequency", "name", "rule", "missed", "paused", "next_at")
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
        document = _document(schedule)
    _print(document, json=json)


@app.command("next")
def next_command(
    slug: Slug,
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 5,
    frequency: FrequencyOption = None,
    name: NameOption = "",
    json: JsonOption = False,
) -> None:
    """Show the next times, on the wall clock and in UTC."""
    with program() as runtime, runtime.database.read() as session:
        schedule = get_schedule(session, slug, frequency, name)
        found = next_occurrences(schedule, count=count, after=runtime.clock.now())
    documents = [
        {
            "at": occurrence.at.isoformat().replace("+00:00", "Z"),
            "local": occurrence.local.isoformat(),
        }
        for occurrence in found
    ]
    if json:
        print_json(documents)
    else:
        for occurrence in found:
            say(f"{occurrence.local:%a %d %B %Y %H:%M %Z} ({occurrence.at:%H:%M} UTC)")


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
        document = _document(get_schedule(session, slug, frequency, name))
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
        document = _document(schedule)
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


def _title(document: dict[str, Any]) -> str:
    words = [document["frequency"], document["name"]]
    return f"{document['newsletter']} ({' '.join(word for word in words if word)})"


def _document(schedule: Schedule) -> dict[str, Any]:
    next_at = schedule.next_at
    return {
        "newsletter": schedule.newsletter,
        "frequency": schedule.frequency.value,
        "name": schedule.name or None,
        "rule": schedule.rule,
        "missed": schedule.missed,
        "paused": schedule.paused,
        "next_at": next_at.isoformat().replace("+00:00", "Z") if next_at else None,
    }
