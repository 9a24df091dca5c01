"""`alerts subscriber …` as a person and a script use it, on both databases."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from typer.testing import CliRunner, Result

from alerts.cli.subscribers import app
from alerts.config import load_settings
from alerts.errors import AlertsError, Invalid, NotFound, Refused
from alerts.runtime import open_queue
from alerts.task_queue import Queue

EMAIL = "ama@example.org"
CSV = """email,name,status
ama@example.org,Ama,confirmed
li@example.org,,
nobody,,
"""

Command = Callable[..., Result]


@pytest.fixture
def command(settings_there: None) -> Command:
    """Return what runs a command against the test's database."""
    return lambda *arguments, typed="": CliRunner().invoke(app, list(arguments), input=typed)


def document(result: Result) -> Any:  # noqa: ANN401 - whatever the document is
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refusal(result: Result, kind: type[AlertsError]) -> str:
    assert isinstance(result.exception, kind)
    assert "\n" not in str(result.exception)
    return str(result.exception)


def add(command: Command, *options: str) -> Any:  # noqa: ANN401 - whatever the document is
    return document(
        command("add", EMAIL, "--confirmed", "--consent", "on paper", *options, "--json")
    )


def test_adding_says_what_it_did(command: Command) -> None:
    options = ["--newsletter", "gp-alert", "--region", "West Africa", "--frequency", "daily"]
    added = add(command, *options, "--name", "Ama", "--time-zone", "africa/accra")
    assert (added["result"], added["state"], added["name"]) == ("added", "confirmed", "Ama")
    assert added["time_zone"] == "Africa/Accra"
    [subscription] = added["subscriptions"]
    assert (subscription["frequency"], subscription["regions"]) == ("daily", ["West Africa"])
    assert add(command, *options)["result"] == "unchanged"
    assert add(command)["result"] == "updated"


def test_who_is_not_confirmed_is_asked(command: Command) -> None:
    with open_queue(load_settings()) as queue:
        result = command("add", EMAIL)
        with redis.Redis.from_url(queue.redis_url) as broker:
            assert broker.llen(Queue.TRANSACTIONAL.value) == 1
    assert result.stdout == "added ama@example.org (unconfirmed)\n"
    assert "as soon as" in result.stderr


def test_wrong_wishes_are_refused(command: Command) -> None:
    assert "no newsletter 'the-times'" in refusal(
        command("add", EMAIL, "--newsletter", "the-times"), Invalid
    )
    assert "no email address" in refusal(command("add", "ama"), Invalid)
    assert "nobody has subscribed" in refusal(command("show", EMAIL), NotFound)
    refusal(command("list", "--newsletter", "the-times"), NotFound)
    assert command("add", EMAIL, "--frequency", "hourly").exit_code == 2


def test_looking_up(command: Command) -> None:
    add(command)
    shown = document(command("show", "AMA@example.org", "--json"))
    assert {s["newsletter"] for s in shown["subscriptions"]} == {"gp-alert", "africa-this-week"}
    assert shown["preferences_url"] in command("show", EMAIL).stdout
    assert [row["email"] for row in document(command("list", "--json"))] == [EMAIL]
    assert document(command("list", "--state", "unsubscribed", "--json")) == []
    assert EMAIL in command("list", "--newsletter", "gp-alert", "--limit", "1").stdout


def test_leaving(command: Command) -> None:
    add(command)
    left = document(command("unsubscribe", EMAIL, "--newsletter", "gp-alert", "--json"))
    assert [s["newsletter"] for s in left["subscriptions"]] == ["africa-this-week"]
    assert command("unsubscribe", EMAIL).stdout == f"{EMAIL}: unsubscribed\n"
    assert command("unsubscribe", EMAIL).stdout == f"{EMAIL}: nothing to end\n"
    assert "--consent" in refusal(command("add", EMAIL, "--confirmed"), Refused)


def test_keeping_out(command: Command) -> None:
    assert command("suppress", "li@example.org", "--reason", "asked us to").exit_code == 0
    assert "(asked us to)" in refusal(command("add", "li@example.org"), Refused)
    assert "at most 200" in refusal(command("suppress", EMAIL, "--reason", "x" * 201), Invalid)
    add(command)
    assert "nothing was erased" in refusal(command("erase", EMAIL, typed="n\n"), Refused)
    assert command("erase", EMAIL, "--yes").exit_code == 0
    refusal(command("show", EMAIL), NotFound)
    assert "(erased)" in refusal(command("add", EMAIL), Refused)


def test_files_in_and_out(command: Command, tmp_path: Path) -> None:
    readers, out = tmp_path / "readers.csv", tmp_path / "out.csv"
    readers.write_text(CSV)
    first = command("import", str(readers), "--consent", "on paper")
    assert first.stdout == "added 2, updated 0, unchanged 0, refused 1\n"
    assert f"{readers}, line 4: nobody: 'nobody' is no email address" in first.stderr
    again = document(command("import", str(readers), "--consent", "on paper", "--json"))
    assert (again["added"], again["updated"], again["unchanged"]) == (0, 0, 2)
    assert [(row["line"], row["email"]) for row in again["refused"]] == [(4, "nobody")]
    assert document(command("export", str(out), "--json"))["exported"] == 2
    assert "ama@example.org,Ama," in out.read_text()
    assert "cannot be read" in refusal(command("import", str(tmp_path / "none.csv")), Invalid)
    assert "cannot be written" in refusal(
        command("export", str(tmp_path / "no" / "x.csv")), Invalid
    )


def test_confirmed_rows_without_a_basis_are_named(command: Command, tmp_path: Path) -> None:
    readers = tmp_path / "readers.csv"
    readers.write_text(CSV)
    result = command("import", str(readers), "--consent", "  ")
    assert result.stdout == "added 1, updated 0, unchanged 0, refused 2\n"
    assert "line 2: ama@example.org: confirmed, but on what basis" in result.stderr
