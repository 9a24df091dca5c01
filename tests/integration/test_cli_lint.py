"""`alerts issue lint` as a person and a script use it, on both databases."""

import json

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from alerts.cli.issues import app
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.linting import findings_of
from alerts.delivery.publishing import lint_issue, render_issue
from alerts.newsletters.issues import build_content, draft_issue, get_issue
from alerts.newsletters.service import ensure_built_in
from alerts.rendering.reviewing.links import owed_link_checks
from alerts.rendering.reviewing.models import LinkCheck
from alerts.rendering.reviewing.overruling import overrule
from alerts.staff.audit import COMMAND_LINE
from tests.factories import RENDERER, SETTINGS, an_article, counted_queries


@pytest.fixture
def issue_id(settings_there: None, database: Database, clock: FixedClock) -> int:
    """Return a draft with warnings, and the settings that lead to it."""
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        for number in range(3):
            an_article(session, clock, title=f"Piece {number}")
        issue = draft_issue(session, "gp-alert", clock=clock)
        issue.subject, issue.preheader = "Test", ""
        return issue.id


def command(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["lint", *(str(argument) for argument in arguments)])


def test_each_line_says_level_message_and_fix(issue_id: int, database: Database) -> None:
    result = command(issue_id)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    said = "the subject holds the word 'Test' (take the word out unless it is meant for readers)"
    assert f"warning: {said}" in lines
    levels = [line.partition(":")[0] for line in lines]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    assert "links not looked at yet: 3" in result.stderr
    with database.read() as session:
        assert len(session.scalars(select(LinkCheck)).all()) == 3


def test_its_links_are_found_by_the_sweeper(
    issue_id: int, database: Database, clock: FixedClock
) -> None:
    command(issue_id)
    with database.read() as session:
        checks = session.scalars(select(LinkCheck)).all()
        assert {check.host for check in checks} == {"news.example.org"}
        assert all(check.due_at and check.checked_at is None for check in checks)
        assert owed_link_checks(session, clock=FixedClock(checks[0].asked_at)) == []


def test_a_script_gets_the_same_fields_and_who_overruled(
    issue_id: int, database: Database, clock: FixedClock
) -> None:
    with database.transaction() as session:
        findings = lint_issue(
            session, get_issue(session, issue_id), settings=SETTINGS, renderer=RENDERER
        )
        finding = next(one for one in findings if one.rule == "subject-leftover")
        overrule(
            session,
            issue_id,
            finding,
            reason="It is meant",
            by="Ama",
            actor=COMMAND_LINE,
            clock=clock,
        )
    found = json.loads(command(issue_id, "--json").stdout)
    keys = {"level", "rule", "message", "fix", "about", "within", "overruled"}
    assert keys == found[0].keys()
    by_rule = {one["rule"]: one["overruled"] for one in found}
    assert by_rule["subject-leftover"] == {
        "by": "Ama",
        "at": "2026-11-23T06:00:00Z",
        "reason": "It is meant",
    }
    assert by_rule["preheader-missing"] is None
    last = command(issue_id).stdout.splitlines()[-1]
    assert last.startswith("warning, overruled by Ama on 2026-11-23: It is meant: the subject")


def test_an_error_ends_with_status_1(issue_id: int, database: Database) -> None:
    with database.transaction() as session:
        get_issue(session, issue_id).subject = ""
    result = command(issue_id)
    assert result.exit_code == 1
    assert result.stdout.startswith("error: the issue has no subject (write a subject line)")


def test_the_checks_ask_the_database_as_often_for_many_pieces_as_for_few(
    database: Database, clock: FixedClock
) -> None:
    counts = []
    for pieces in (1, 12):
        with database.transaction() as session:
            ensure_built_in(session, clock=clock)
            articles = [an_article(session, clock).id for _ in range(pieces)]
            issue = draft_issue(session, "gp-alert", article_ids=articles, clock=clock)
            content = build_content(session, issue)
            rendered = render_issue(session, issue, settings=SETTINGS, renderer=RENDERER)
            with counted_queries(database.engine) as statements:
                findings_of(session, issue, content, rendered, settings=SETTINGS)
            counts.append(len(statements))
    assert counts[0] == counts[1] <= 4
