"""`alerts issue edit`, `history` and `reopen`, as a person and a script use them."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alerts.cli.issues import app
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import Invalid, Refused
from alerts.newsletters.issues import draft_issue, freeze, get_issue
from alerts.newsletters.service import ensure_built_in
from tests.factories import an_article


@pytest.fixture
def issue_id(settings_there: None, database: Database, clock: FixedClock) -> int:
    """Return a draft, with the settings that lead to it."""
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        an_article(session, clock, title="One")
        return draft_issue(session, "gp-alert", clock=clock).id


def _run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def _json(*arguments: object) -> Any:  # noqa: ANN401 - whatever the command prints
    return json.loads(_run(*arguments, "--json").stdout)


def test_texts_are_edited_and_the_history_tells(issue_id: int) -> None:
    assert _json("history", issue_id) == []
    document = _json("edit", issue_id, "--subject", "Other", "--note", "Dear readers")
    assert (document["subject"], document["version"]) == ("Other", 2)
    assert "says that already" in _run("edit", issue_id, "--subject", "Other").stdout
    newest, first = _json("history", issue_id)
    assert (newest["version"], newest["kind"], newest["by"]) == (2, "saved", "the command line")
    assert newest["changes"] == ["Subject: [-One-] {+Other+}", "Editor’s note: {+Dear readers+}"]
    assert (first["version"], first["kind"], first["changes"]) == (1, "drafted", [])
    assert "Editor’s note" in _run("history", issue_id).stdout
    assert [one["version"] for one in _json("history", issue_id, "--before", 2)] == [1]


def test_show_tells_what_readers_see(issue_id: int) -> None:
    _run("edit", issue_id, "--preheader", "Behind it")
    shown = _json("show", issue_id)
    assert (shown["preheader"], shown["version"], shown["articles"][0]["title"]) == (
        *("Behind it", 2),
        "One",
    )


def test_an_approved_issue_is_reopened_first(
    issue_id: int, database: Database, clock: FixedClock
) -> None:
    with pytest.raises(Invalid, match="name --subject"):
        _run("edit", issue_id)
    with database.transaction() as session:
        issue = get_issue(session, issue_id)
        freeze(session, issue, by="editor", message_domain="example.org", clock=clock)
    with pytest.raises(Refused, match="reopen it to edit it"):
        _run("edit", issue_id, "--note", "x")
    assert _json("reopen", issue_id)["state"] == "draft"
    _run("edit", issue_id, "--note", "x")
    assert [one["kind"] for one in _json("history", issue_id)] == ["saved", "reopened", "drafted"]
