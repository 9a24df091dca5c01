"""`alerts suppression …`, `subscriber data`, `subscriber growth`, `prune`, as people type them."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from alerts.cli.whole import app
from alerts.errors import Invalid, NotFound

EMAIL = "ama@example.org"
Command = Callable[..., Result]


@pytest.fixture
def command(settings_there: None) -> Command:
    run: Command = lambda *arguments: CliRunner().invoke(app, list(arguments))  # noqa: E731 - one line
    added = run("subscriber", "add", EMAIL, "--confirmed", "--consent", "on paper")
    assert added.exit_code == 0
    return run


def test_a_suppressed_address_is_explained_and_lifted(command: Command) -> None:
    command("subscriber", "suppress", EMAIL, "--reason", "asked us to")
    shown = json.loads(command("suppression", "show", EMAIL, "--json").stdout)
    assert shown["reason"] == "asked us to"
    assert [change["action"] for change in shown["changes"]] == ["added"]
    lifted = command("suppression", "lift", EMAIL, "--reason", "asked us back")
    assert "it was not because: asked us to" in lifted.stdout
    assert "is mailed" in command("suppression", "show", EMAIL).stdout
    again = command("suppression", "lift", EMAIL, "--reason", "again")
    assert isinstance(again.exception, NotFound)


def test_a_domain_is_blocked_listed_and_unblocked(command: Command) -> None:
    blocked = command("suppression", "block", "example.org", "--reason", "spam trap")
    assert "subscribers stopped: 1" in blocked.stdout
    listed = json.loads(command("suppression", "domains", "--json").stdout)
    assert [(one["domain"], one["reason"]) for one in listed] == [("example.org", "spam trap")]
    freed = command("suppression", "unblock", "example.org", "--reason", "settled")
    assert "who go on: 1" in freed.stdout
    assert json.loads(command("suppression", "domains", "--json").stdout) == []


def test_a_persons_data_comes_as_json_and_csv(command: Command, tmp_path: Path) -> None:
    assert json.loads(command("subscriber", "data", EMAIL).stdout)["email"] == EMAIL
    file = tmp_path / "ama.csv"
    assert str(file) in command("subscriber", "data", EMAIL, "--csv", str(file)).stdout
    rows = list(csv.reader(io.StringIO(file.read_text())))
    assert ["subscriber", "email", EMAIL] in rows
    assert command("subscriber", "data", EMAIL, "--csv", "-").stdout.startswith("what,field,value")


def test_growth_is_shown_and_written(command: Command) -> None:
    days = json.loads(command("subscriber", "growth", "--json").stdout)
    assert {(day["newsletter"], day["signed_up"], day["confirmed"]) for day in days} == {
        ("gp-alert", 1, 1),
        ("africa-this-week", 1, 1),
    }
    text = command("subscriber", "growth", "--newsletter", "gp-alert", "--csv", "-").stdout
    assert text.splitlines()[0] == "day,newsletter,signed_up,confirmed,departed"
    assert len(text.splitlines()) == 2
    assert isinstance(command("subscriber", "growth", "--since", "soon").exception, Invalid)
    unknown = command("subscriber", "growth", "--newsletter", "no-such")
    assert isinstance(unknown.exception, NotFound)


def test_pruning_says_what_it_removed(command: Command) -> None:
    removed = json.loads(command("prune", "--json").stdout)
    assert {"unconfirmed", "departed", "networks", "mails", "deliveries"} <= set(removed)
    assert set(removed.values()) == {0}
    assert "unconfirmed: 0" in command("prune").stdout
    last = json.loads(command("status", "--json").stdout)["removal"]
    assert (last["way"], last["state"], last["counts"]) == ("command", "done", {})
    assert last["words"] == "nothing was old enough"
