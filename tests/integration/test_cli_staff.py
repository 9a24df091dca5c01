"""`alerts staff …` as a person and a script use it, on both databases."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alerts.cli.staff import app
from alerts.cli.whole import app as whole
from alerts.clock import SystemClock
from alerts.config import load_settings
from alerts.database import Database
from alerts.errors import AlertsError, Invalid, NotFound, Refused
from alerts.staff.api_tokens import token_visit_of
from alerts.staff.guard import Guard, make_guard
from alerts.staff.logging_in import WrongCredentials, log_in
from alerts.staff.password_changes import set_password_by_link
from alerts.staff.permissions import Permission
from alerts.staff.token_format import is_token

AMA, GOOD = "ama@example.org", "seven herons wade"

Command = Callable[..., Result]


@pytest.fixture
def command(settings_there: None) -> Command:
    """Return what runs a command against the test's database."""
    return lambda *arguments, typed="": CliRunner().invoke(app, list(arguments), input=typed)


@pytest.fixture
def guard(command: Command, database: Database) -> Guard:
    return make_guard(database, load_settings(), SystemClock())


def document(result: Result) -> Any:  # noqa: ANN401 - whatever the document is
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refusal(result: Result, kind: type[AlertsError]) -> str:
    assert isinstance(result.exception, kind)
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_an_account_begins_with_a_link(command: Command, guard: Guard) -> None:
    added = document(command("add", AMA, "--role", "editor", "--name", "Ama Mensah", "--json"))
    assert (added["email"], added["name"], added["role"]) == (AMA, "Ama Mensah", "editor")
    assert (added["state"], added["second_factor"]) == ("invited", False)
    first = added["password_token"]
    assert added["password_url"] == f"http://127.0.0.1:8000/desk/password/{first}"
    lasts = datetime.fromisoformat(added["password_expires_at"]) - guard.clock.now()
    assert timedelta(hours=47) < lasts <= timedelta(hours=48)
    assert "has an account already" in refusal(command("add", AMA, "--role", "ops"), Refused)
    said = command("password", AMA)
    assert said.stdout.splitlines()[0] == f"new link for {AMA} (editor)"
    secret = said.stdout.splitlines()[1].rpartition("/")[2]
    assert secret != first
    set_password_by_link(guard, secret, GOOD)
    assert log_in(guard, email=AMA, password=GOOD).secret
    [listed] = document(command("list", "--json"))
    assert (listed["state"], listed["last_log_in_at"][-1]) == ("active", "Z")
    assert command("add", "li@example.org").exit_code == 2
    assert command("add", "li@example.org", "--role", "owner").exit_code == 2
    assert "no email address" in refusal(command("add", "li", "--role", "ops"), Invalid)


def test_a_script_gives_the_password_itself(command: Command, guard: Guard) -> None:
    given = ("--role", "admin", "--password-stdin", "--json")
    for typed, reason in (("short\n", "at least 12"), ("two\nlines\n", "one line"), ("", "12")):
        assert reason in refusal(command("add", AMA, *given, typed=typed), Invalid)
    assert "at most 1000" in refusal(command("add", AMA, *given, typed="x9" * 600), Invalid)
    added = document(command("add", AMA, *given, typed=f"{GOOD}\n"))
    assert (added["state"], added["password_url"], added["password_token"]) == (
        "active",
        None,
        None,
    )
    new = log_in(guard, email=AMA, password=GOOD)
    said = command("password", AMA, "--password-stdin", typed="eight storks fish\r\n")
    assert said.stdout == f"password set for {AMA} (admin)\n"
    assert log_in(guard, email=AMA, password="eight storks fish").secret != new.secret
    with pytest.raises(WrongCredentials):
        log_in(guard, email=AMA, password=GOOD)


def test_roles_and_removal(command: Command) -> None:
    document(command("add", AMA, "--role", "admin", "--json"))
    assert "last admin" in refusal(command("remove", AMA), Refused)
    document(command("add", "li@example.org", "--role", "editor", "--json"))
    assert document(command("role", "li@example.org", "admin", "--json"))["role"] == "admin"
    assert command("role", AMA, "ops").stdout == f"{AMA} is ops\n"
    assert command("role", AMA, "ops").stdout == f"{AMA} is ops already\n"
    assert command("unlock", AMA).stdout == f"unlocked {AMA}\n"
    assert "no second factor" in command("reset-second-factor", AMA).stdout
    removed = document(command("remove", AMA, "--json"))
    assert (removed["state"], removed["email"]) == ("removed", None)
    assert "has no account" in refusal(command("remove", AMA), NotFound)
    assert [row["email"] for row in document(command("list", "--json"))] == ["li@example.org"]
    assert len(document(command("list", "--removed", "--json"))) == 2
    assert "li@example.org" in command("list").stdout


def test_a_token_is_shown_once(command: Command, guard: Guard) -> None:
    document(command("add", AMA, "--role", "editor", "--json"))
    assert "needs a scope" in refusal(command("token", AMA), Invalid)
    assert "span of time" in refusal(
        command("token", AMA, "--scope", "issues.read", "--expires", "soon"), Invalid
    )
    scopes = ("--scope", "articles.write", "--scope", "issues.read")
    made = command("token", AMA, *scopes, "--name", "CMS", "--expires", "30d")
    token = made.stdout.strip()
    assert is_token(token)
    assert "not shown again" in made.stderr
    visit = token_visit_of(guard, token)
    assert visit is not None
    assert visit.permissions == {Permission.ARTICLES_WRITE, Permission.ISSUES_READ}
    [row] = document(command("tokens", AMA, "--json"))
    assert (row["name"], row["hint"], row["scopes"]) == ("CMS", token[:8], list(scopes[1::2]))
    assert token not in json.dumps(row)
    assert "articles.write issues.read" in " ".join(command("tokens").stdout.split())
    assert command("revoke", str(row["id"])).stdout == f"API token {row['id']} is revoked\n"
    again = document(command("revoke", str(row["id"]), "--json"))
    assert again == {"id": row["id"], "revoked": False}
    assert token_visit_of(guard, token) is None
    assert "no API token 99" in refusal(command("revoke", "99"), NotFound)


def test_the_log_tells_who_did_what(command: Command) -> None:
    added = document(command("add", AMA, "--role", "editor", "--json"))
    command("role", AMA, "ops")
    entries = document(command("log", "--json"))
    assert [entry["act"] for entry in entries] == [
        *("account.role_changed", "account.password_link_made", "account.added"),
    ]
    assert entries[0]["actor"] == "command line"
    assert entries[0]["details"] == {"before": "editor", "after": "ops"}
    assert entries[0]["subject"] == {"kind": "account", "id": str(added["id"])}
    assert AMA not in json.dumps(entries)
    assert added["password_token"] not in json.dumps(entries)
    oldest = entries[-1]["id"]
    assert document(command("log", "--before", str(oldest), "--json")) == []
    on = f"account:{added['id']}"
    assert len(document(command("log", "--subject", on, "--since", "2026-01-01", "--json"))) == 3
    assert document(command("log", "--subject", "issue", "--json")) == []
    assert document(command("log", "--by", AMA, "--json")) == []
    assert document(command("log", "--until", "2020-01-01", "--json")) == []
    shown = command("log", "--limit", "1")
    assert "command line  account.role_changed" in shown.stdout
    assert f"--before {entries[0]['id']}" in shown.stderr


def test_the_noun_is_part_of_the_whole_command() -> None:
    shown = CliRunner().invoke(whole, ["staff", "--help"])
    assert shown.exit_code == 0
    for verb in ("add", "list", "remove", "token", "log"):
        assert f" {verb} " in shown.stdout
