"""`alerts issue report` and `audit` as a person and a script use them, on both databases."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alerts.cli.sending import app
from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.unsendable import halt_issue
from alerts.errors import NotFound
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import IssueState
from alerts.staff.audit import audit_page
from alerts.staff.models import ActorKind
from tests.data.delivery.house import House
from tests.factories import approved_issue


@pytest.fixture
def house(settings_there: None, database: Database, clock: FixedClock, tmp_path: Path) -> House:
    """Return a house whose issue met with refusals, and the settings that lead to it."""
    # The commands go by the real clock: for them, what waits here waits for twenty years.
    clock.advance(timedelta(days=7_305))
    house = House(database, clock, tmp_path)
    house.send_to("fine", "nobody", "spam", "full")
    house.transport.answers = {
        "nobody": [refusal(550, "No such user here")],
        "spam": [refusal(554, "5.7.1 not from you")],
        "full": [refusal(452, "4.2.2 full")],
    }
    house.work()
    return house


def command(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def report(house: House) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command("report", house.issue_id, "--json"))
    return found


def test_a_report_for_scripts(house: House) -> None:
    found = report(house)
    assert found["progress"] == {"audience": 4, "done": 3}
    assert found["bounces"] == {"hard": 1, "soft": 0, "policy": 1}
    assert found["attempts"] == {"1": 4}
    [wait] = found["waiting"]
    assert (wait["reason"], wait["readers"]) == ("deferred 4.2.2", 1)
    assert wait["earliest"].startswith("2046-11-23T07:")
    assert wait["earliest"].endswith("Z")
    assert found["held_until"] == wait["latest"] == wait["earliest"]
    assert found["words"]["refused 5.7.1"] == "a matter of policy"


def test_a_report_for_people(house: House) -> None:
    lines = command("report", house.issue_id).splitlines()
    assert "audience 4 = 1 sent + 2 failed + 0 skipped + 0 uncertain + 1 pending" in lines
    assert "  1: refused 550: no such mailbox" in lines
    assert "  1: refused 5.7.1 (a matter of policy)" in lines
    assert "bounced: 1 hard, 1 policy" in lines
    waits = "1 waits, deferred 4.2.2 (mailbox full): tried again 2046-11-23T07:"
    assert [line for line in lines if line.startswith(waits)]
    assert len([line for line in lines if "deferred" in line]) == 1, "who waits is told of twice"
    assert lines[-1].endswith(": 4 readers, 1 piece")
    assert "tries: 4 with 1" in lines
    assert [line for line in lines if line.startswith("nothing moves before 2046-11-23T07:")]


def test_what_a_mail_server_says_to_all_who_wait_is_said_once(house: House) -> None:
    house.later(hours=2)
    said = "two.example.org: refuses our login: 535 5.7.8 no"
    house.transport.answers = {"full": [Outcome(Fate.POSTPONED, answer=said, wait=36_000)]}
    house.work()
    lines = command("report", house.issue_id).splitlines()
    [waits] = [line for line in lines if said in line]
    assert waits.startswith(f"1 waits, {said}: tried again ")
    [held] = [line for line in lines if line.startswith("nothing moves before ")]
    assert held.endswith("Z")


def test_an_issue_without_troubles_says_nothing_of_them(house: House) -> None:
    house.later(hours=2)
    house.work()
    lines = command("report", house.issue_id).splitlines()
    assert "tries: 3 with 1, 1 with 2" in lines
    assert not [line for line in lines if "again" in line]


def test_why_an_issue_is_paused(house: House) -> None:
    halt_issue(house.database, house.issue_id, "no template", clock=house.clock)
    why = f"no template; mend it, then `alerts issue resume {house.issue_id}`"
    found = report(house)
    assert (found["state"], found["attention"]) == ("paused", why)
    for name in ("report", "show"):
        assert f"wants a look: {why}" in command(name, house.issue_id).splitlines()


def test_an_audit_in_both_forms(house: House) -> None:
    found = json.loads(command("audit", house.issue_id, "--json"))
    assert (found["audience"], found["pending"], found["balanced"]) == (4, 1, True)
    assert "  1: deferred 4.2.2 (mailbox full)" in command("audit", house.issue_id)
    with pytest.raises(NotFound, match="no issue 99"):
        command("report", 99)


def test_a_planned_issue_is_taken_back(house: House) -> None:
    issue_id = approved_issue(house.database, house.clock, sending=False)
    command("send", issue_id, "--at", "2047-01-01T08:00")
    with house.database.read() as session:
        assert get_issue(session, issue_id).state is IssueState.SCHEDULED
    assert command("undo", issue_id) == f"issue {issue_id} is approved\n"
    with house.database.read() as session:
        issue = get_issue(session, issue_id)
    assert (issue.state, issue.send_at) == (IssueState.APPROVED, None)


def test_a_stop_by_command_stands_in_the_log(house: House) -> None:
    for act in ("pause", "resume", "cancel"):
        command(act, house.issue_id)
    assert logged(house) == ["issue.paused", "issue.resumed", "issue.cancelled"]


def test_what_comes_before_a_start_by_command_stands_in_the_log(house: House) -> None:
    issue_id = approved_issue(house.database, house.clock, sending=False)
    command("reopen", issue_id)
    command("approve", issue_id)
    command("send", issue_id, "--at", "2047-01-01T08:00")
    command("undo", issue_id)
    acts = ["reopened", "approved", "scheduled", "undone"]
    assert logged(house) == [f"issue.{act}" for act in acts]


def test_a_start_by_command_stands_in_the_log(house: House) -> None:
    command("send", approved_issue(house.database, house.clock, sending=False))
    assert logged(house) == ["issue.sent"]


def logged(house: House) -> list[str]:
    """Return what was done by command, the first act first."""
    with house.database.read() as session:
        lines = audit_page(session, actor=ActorKind.COMMAND_LINE).lines
        return [line.entry.act for line in reversed(lines)]
