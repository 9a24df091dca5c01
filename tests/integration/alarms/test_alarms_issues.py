"""Alarms of issues: runs and issues that are late, failed or stalled; none of those that wait."""

from datetime import timedelta

from sqlalchemy import select, update

from alerts.delivery.models import Batch, BatchState
from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.unsendable import halt_issue
from alerts.holding import lift_hold, put_on_hold
from alerts.inbound.effects import ABOUT_POLICY
from alerts.newsletters.models import Issue, IssueState, Run, RunOutcome, Schedule
from alerts.subscribers.models import Frequency
from tests.data.delivery.house import House
from tests.data.operations.alarm_bell import Bell


def test_a_scheduled_issue_that_is_late(bell: Bell) -> None:
    with bell.database.transaction() as session:
        schedule = session.scalars(select(Schedule)).first()
        assert schedule is not None
        schedule.paused, schedule.next_at = False, bell.clock.now()
    bell.clock.advance(timedelta(minutes=14))
    assert bell.look() == []
    bell.clock.advance(timedelta(minutes=2))
    assert bell.look() == ["run-late"]
    # A system that was restored is late on purpose, and tells nobody.
    with bell.database.transaction() as session:
        put_on_hold(session, since=bell.clock.now(), backup_of=bell.clock.now())
    assert bell.told() == []
    bell.clock.advance(timedelta(minutes=6))
    assert bell.look() == []
    with bell.database.transaction() as session:
        lift_hold(session)


def a_run(bell: Bell, outcome: RunOutcome, period: str) -> None:
    now = bell.clock.now()
    with bell.database.transaction() as session:
        session.add(
            Run(
                newsletter="gp-alert",
                frequency=Frequency.DAILY,
                period=period,
                due_at=now,
                started_at=now,
                outcome=outcome,
                reason="the template has a mistake",
            )
        )


def test_a_run_that_was_begun_and_makes_nothing(bell: Bell) -> None:
    a_run(bell, RunOutcome.CLAIMED, "one")
    bell.clock.advance(timedelta(minutes=16))
    assert bell.look() == ["run-late"]


def test_a_run_that_failed_is_told_of_until_a_later_one_did_not(bell: Bell) -> None:
    a_run(bell, RunOutcome.FAILED, "one")
    assert bell.look() == ["run-failed"]
    assert "the template has a mistake" in bell.alarms()[0].what
    bell.clock.advance(timedelta(minutes=10))
    a_run(bell, RunOutcome.SKIPPED, "two")
    assert bell.look() == []


def test_an_approved_issue_that_does_not_begin(house: House, bell: Bell) -> None:
    house.send_to("ama")
    with bell.database.transaction() as session:
        session.execute(update(Issue).values(state=IssueState.SCHEDULED, send_at=bell.clock.now()))
    bell.clock.advance(timedelta(minutes=16))
    assert bell.look() == ["issue-late"]


def test_an_issue_that_stalls_while_its_server_is_away(house: House, bell: Bell) -> None:
    house.send_to("ama", "kofi")
    house.transport.away = True
    for _ in range(14):
        house.work()
        assert bell.look() == []
        bell.clock.advance(timedelta(minutes=1))
    bell.clock.advance(timedelta(minutes=2))
    house.work()
    assert bell.look() == ["issue-stalled"]
    house.transport.away = False
    bell.clock.advance(timedelta(minutes=6))
    house.work()
    assert bell.look() == []
    assert house.issue_state() is IssueState.SENT


def test_an_issue_whose_last_readers_are_put_off_is_busy_and_not_stalled(
    house: House, bell: Bell
) -> None:
    house.send_to("ama", "slow")
    house.transport.answers = {"slow": [refusal(451, "4.7.1 greylisted")] * 9}
    house.work()
    with bell.database.read() as session:
        [waiting] = session.scalars(select(Batch.not_before))
    assert waiting is not None
    while bell.clock.now() < waiting - timedelta(seconds=30):
        assert bell.look() == []
        bell.clock.advance(timedelta(minutes=1))


def test_an_issue_under_a_limit_of_the_day_waits_on_purpose(house: House, bell: Bell) -> None:
    house.send_to("ama", "later")
    house.transport.answers = {"later": [Outcome(Fate.POSTPONED, wait=36_000)]}
    house.work()
    for _ in range(4):
        bell.clock.advance(timedelta(hours=2))
        assert bell.look() == []


def test_an_audience_that_is_never_taken(house: House, bell: Bell) -> None:
    house.send_to("ama")
    with bell.database.transaction() as session:
        session.execute(update(Batch).values(state=BatchState.DONE))
    bell.clock.advance(timedelta(minutes=16))
    assert bell.look() == ["issue-stalled"]
    assert bell.alarms()[0].what.endswith("and it does not end")


def test_an_issue_that_paused_by_itself(house: House, bell: Bell) -> None:
    house.send_to("ama")
    halt_issue(bell.database, house.issue_id, "the template has a mistake", clock=bell.clock)
    assert bell.look() == ["issue-halted"]
    [alarm] = bell.alarms()
    number = house.issue_id
    assert alarm.what == f"issue {number} of gp-alert has paused: the template has a mistake"
    assert alarm.mend == f"Mend what it says, then `alerts issue resume {number}`."
    with bell.database.transaction() as session:
        session.execute(update(Issue).values(attention=None))
    bell.clock.advance(timedelta(minutes=6))
    # Somebody paused it: nothing is broken.
    assert bell.look() == []
    # Nor is it because of what servers said of it later.
    with bell.database.transaction() as session:
        words = f"{ABOUT_POLICY}12 (outlook.com 12); see `alerts issue report {number}`"
        session.execute(update(Issue).values(attention=words))
    bell.clock.advance(timedelta(minutes=1))
    assert bell.look() == []
