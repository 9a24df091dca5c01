"""`alerts issue number` as a person and a script use it."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from alerts.cli.whole import app
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import AlertsError
from alerts.newsletters.issues import draft_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.service import ensure_built_in
from alerts.staff.models import AuditEntry
from tests.factories import an_article

Command = Callable[..., Result]


@pytest.fixture
def command(settings_there: None) -> Command:
    """Return what runs `alerts issue number` against the test's database."""
    return lambda *told: CliRunner().invoke(app, ["issue", "number", *map(str, told)])


def a_draft(database: Database, clock: FixedClock) -> int:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        article = an_article(session, clock)
        return draft_issue(session, "africa-this-week", article_ids=(article.id,), clock=clock).id


def test_numbers_are_shown_doubled_and_corrected(
    command: Command, database: Database, clock: FixedClock
) -> None:
    issue = a_draft(database, clock)
    assert command(issue).stdout == "#1, Vol. 1, No. 1\n"
    assert command(issue, "--double").stdout == "#1 & 2, Vol. 1, No. 1 & 2\n"
    told = ("--number", "85-86", "--volume", "2", "--volume-number", "39-40", "--json")
    found = json.loads(command(issue, *told).stdout)
    assert (found["number"], found["volume"], found["volume_number"]) == ("85-86", "2", "39-40")
    assert found["subject"].startswith("Africa This Week #85 & 86: ")
    assert command(issue, "--single").stdout == "#85, Vol. 2, No. 39\n"
    assert command(issue, "--count", 3).stdout == "#85, 86 & 87, Vol. 2, No. 39, 40 & 41\n"
    assert command(issue).stdout == command(issue, "--count", 3).stdout
    with database.read() as session:
        acts = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [act.act for act in acts] == ["issue.renumbered"] * 4
    assert acts[0].details == {"before": "#1, Vol. 1, No. 1", "after": "#1 & 2, Vol. 1, No. 1 & 2"}


def refused(command: Command, *told: object) -> str:
    error = command(*told).exception
    assert isinstance(error, AlertsError)
    return str(error)


def test_what_cannot_be_is_refused_in_a_line(
    command: Command, database: Database, clock: FixedClock
) -> None:
    first, second = a_draft(database, clock), a_draft(database, clock)
    assert "is that of issue" in refused(command, first, "--double")
    assert "say one of" in refused(command, first, "--double", "--single")
    assert "is no number" in refused(command, first, "--number", "five")
    with database.transaction() as session:
        move(session, second, Event.CANCEL, clock=clock)
    assert "has given its number back" in refused(command, second, "--double")
    assert command(second).stdout == "no number: the issue was dropped\n"
    assert command(first, "--double").stdout == "#1 & 2, Vol. 1, No. 1 & 2\n"
