"""`alerts schedule …` as a person and a script use it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alerts.cli.schedules import app
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import AlertsError
from alerts.newsletters.scheduling import claim_due

SLUG = "africa-this-week"
Command = Callable[..., Result]


@pytest.fixture
def command(settings_there: None) -> Command:
    """Return what runs a command against the test's database."""
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def document(result: Result) -> Any:  # noqa: ANN401 - whatever the document is
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_named_schedules_are_set_listed_and_removed(command: Command) -> None:
    told = ("set", SLUG, "every friday 5pm except 26 January", "--name", "fridays")
    made = document(command(*told, "--missed", "merge", "--json"))
    assert (made["name"], made["rule"], made["missed"]) == (
        "fridays",
        "weekly on fri 17:00 Asia/Kolkata except 26 January",
        "merge",
    )
    listed = document(command("list", "--json"))
    ours = [entry for entry in listed if entry["newsletter"] == SLUG]
    assert [entry["name"] for entry in ours] == [None, "fridays"]
    assert {entry["last_run"] for entry in ours} == {None}
    assert document(command("pause", SLUG, "--name", "fridays", "--json"))["paused"]
    assert "(weekly fridays): weekly on fri" in command("resume", SLUG, "--name", "fridays").stdout
    assert (
        command("remove", SLUG, "--name", "fridays").stdout == f"{SLUG} (weekly fridays): removed\n"
    )
    error = command("pause", SLUG, "--name", "fridays").exception
    assert isinstance(error, AlertsError)
    assert "no schedule 'fridays'" in str(error)


def test_what_comes_next_is_told_with_what_is_left_out(command: Command) -> None:
    year = datetime.now(UTC).year
    rule = f"yearly on 1 July 08:00 Europe/Paris except {year + 1}-07-01"
    command("set", SLUG, rule)
    coming = document(command("next", SLUG, "--count", "3", "--json"))
    assert [entry["local"][4:] for entry in coming] == ["-07-01T08:00:00+02:00"] * 3
    notes = [note for entry in coming for note in entry["notes"]]
    assert any(note.startswith("left out: ") and f"{year + 1}" in note for note in notes)
    assert any("the clocks of Europe/Paris go forward by 1 hour" in note for note in notes)
    lines = command("next", SLUG, "--count", "3").stdout.splitlines()
    assert next(line for line in lines if line[0] != " ").endswith("CEST (06:00 UTC)")
    assert {line.strip() for line in lines if line.startswith(" ")} == set(notes)


def test_runs_are_told_with_their_outcome_and_reason(command: Command, database: Database) -> None:
    command("set", SLUG, "daily 08:00 UTC", "--missed", "skip")
    clock = FixedClock(datetime.now(UTC) + timedelta(days=3))
    with database.transaction() as session:
        claim_due(session, clock=clock)
    runs = document(command("runs", SLUG, "--json"))
    assert len(runs) == 3
    assert [run["due_at"] for run in runs] == sorted((run["due_at"] for run in runs), reverse=True)
    assert runs[-1]["outcome"] == "missed"
    assert runs[-1]["reason"].endswith("late; the schedule does not make up for it")
    assert len(document(command("runs", SLUG, "--limit", "1", "--json"))) == 1
    assert document(command("runs", SLUG, "--name", "none", "--json")) == []
    [entry] = [one for one in document(command("list", "--json")) if one["newsletter"] == SLUG]
    assert entry["last_run"] == runs[0]
    assert runs[0]["outcome"] in command("list").stdout
    assert "the schedule does not make up for it" in command("runs", SLUG).stdout
