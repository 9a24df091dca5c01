"""Runs that were missed, and any number of beats: a row for each, an issue at most once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import Run, RunOutcome, Schedule
from alerts.newsletters.rules import parse_rule
from alerts.newsletters.runs import last_runs, recent_runs, run_json
from alerts.newsletters.schedules import get_schedule, remove_schedule, set_schedule
from alerts.newsletters.scheduling import claim_due, run_schedule
from alerts.newsletters.service import ensure_built_in
from alerts.subscribers.models import Frequency
from tests.factories import an_article, counted_queries

SLUG = "gp-alert"
DAILY = "daily 18:30 Asia/Kolkata"


@pytest.fixture
def _daily(session: Session, clock: FixedClock) -> None:
    ensure_built_in(session, clock=clock)
    for schedule in session.scalars(select(Schedule)).all():
        if (schedule.newsletter, schedule.frequency) != (SLUG, Frequency.DAILY):
            remove_schedule(session, schedule.newsletter, frequency=schedule.frequency, clock=clock)


def set_missed(session: Session, clock: FixedClock, missed: str) -> None:
    set_schedule(session, SLUG, DAILY, frequency=Frequency.DAILY, missed=missed, clock=clock)


def outcomes(session: Session) -> list[RunOutcome]:
    return [run.outcome for run in reversed(recent_runs(session, SLUG, limit=2000))]


@pytest.mark.usefixtures("_daily")
def test_a_week_off_is_one_issue_and_a_row_for_each_day(
    session: Session, clock: FixedClock
) -> None:
    an_article(session, clock)
    clock.advance(timedelta(days=7))
    [claimed] = claim_due(session, clock=clock)
    assert claimed.period == "2026-11-29T18:30 Asia/Kolkata"
    assert outcomes(session) == [RunOutcome.MERGED] * 6 + [RunOutcome.CLAIMED]
    run = run_schedule(session, claimed.id, clock=clock)
    assert (run.outcome, run.reason) == (RunOutcome.DRAFTED, "made 17 hours late")
    first, *_, last = reversed(recent_runs(session, SLUG))
    assert first.reason == "6 days late; merged into the run of 2026-11-29T18:30 Asia/Kolkata"
    assert last is run
    assert claim_due(session, clock=clock) == []


@pytest.mark.usefixtures("_daily")
def test_what_is_merged_comes_in_the_next_issue_and_what_is_skipped_in_none(
    session: Session, clock: FixedClock
) -> None:
    for missed, outcome, held in (
        ("merge", RunOutcome.MERGED, 2),
        ("skip", RunOutcome.MISSED, 1),
    ):
        set_missed(session, clock, missed)
        # Printed the day before the run that is missed.
        an_article(session, clock, published_on=clock.now().date() - timedelta(days=1))
        # The evening passes while the program is not running.
        clock.advance(timedelta(days=1))
        assert claim_due(session, clock=clock) == []
        assert recent_runs(session, SLUG)[0].outcome is outcome
        an_article(session, clock, published_on=clock.now().date())
        clock.advance(timedelta(hours=7, minutes=1))
        [claimed] = claim_due(session, clock=clock)
        run = run_schedule(session, claimed.id, clock=clock)
        assert (run.outcome, run.reason) == (RunOutcome.DRAFTED, "")
        assert run.issue_id is not None
        issue = run_json(run)["issue"]
        assert issue == run.issue_id
        assert len(held_by(session, issue)) == held
        clock.advance(timedelta(hours=16, minutes=59))


def held_by(session: Session, issue_id: int) -> list[date | None]:
    return [item.article.published_on for item in get_issue(session, issue_id).items]


@pytest.mark.usefixtures("_daily")
def test_what_comes_once_and_too_late_is_lost_with_its_reason(
    session: Session, clock: FixedClock
) -> None:
    rule = "once on 2026-11-24 09:00"
    special = set_schedule(
        session, SLUG, rule, frequency=Frequency.DAILY, name="special", clock=clock
    )
    clock.advance(timedelta(days=5))
    claim_due(session, clock=clock)
    [lost] = recent_runs(session, SLUG, name="special")
    assert (lost.outcome, special.next_at) == (RunOutcome.FAILED, None)
    assert lost.reason == "4 days late, and no run is to come that it could go into"


@pytest.mark.usefixtures("_daily")
def test_a_run_that_one_schedule_makes_is_not_left_out_by_another(
    session: Session, clock: FixedClock
) -> None:
    set_missed(session, clock, "skip")
    set_schedule(session, SLUG, DAILY, frequency=Frequency.DAILY, name="more", clock=clock)
    clock.advance(timedelta(days=1))
    [claimed] = claim_due(session, clock=clock)
    assert (claimed.schedule, outcomes(session)) == ("more", [RunOutcome.CLAIMED])


@pytest.mark.usefixtures("_daily")
def test_a_long_outage_of_a_frequent_schedule_is_told_in_bounds(
    session: Session, clock: FixedClock
) -> None:
    set_schedule(session, SLUG, "every minute", frequency=Frequency.DAILY, clock=clock)
    clock.advance(timedelta(days=1))
    assert len(claim_due(session, clock=clock)) == 1
    runs = recent_runs(session, SLUG, limit=2000)
    assert len(runs) == 1000
    assert runs[-1].reason.endswith("; 440 more have no rows of their own")
    assert len({run.period for run in runs}) == 1000


@pytest.mark.usefixtures("_daily")
def test_a_rule_that_cannot_be_read_any_more_fails_alone(
    session: Session, clock: FixedClock
) -> None:
    set_schedule(session, SLUG, DAILY, frequency=Frequency.DAILY, name="more", clock=clock)
    broken = get_schedule(session, SLUG, Frequency.DAILY)
    broken.rule = "daily 18:30 Mars/Olympus"
    clock.advance(timedelta(hours=8))
    [claimed] = claim_due(session, clock=clock)
    assert claimed.schedule == "more"
    [failed] = recent_runs(session, SLUG, name="")
    assert failed.outcome is RunOutcome.FAILED
    assert "no time zone 'Mars/Olympus'" in failed.reason
    assert claim_due(session, clock=clock) == []


@pytest.mark.usefixtures("_daily")
def test_the_last_run_of_each_schedule_is_found_in_one_query(
    database: Database, session: Session, clock: FixedClock
) -> None:
    set_schedule(session, SLUG, "hourly", frequency=Frequency.DAILY, name="more", clock=clock)
    clock.advance(timedelta(days=2))
    claim_due(session, clock=clock)
    schedules = session.scalars(select(Schedule)).all()
    with counted_queries(database.engine) as statements:
        found = last_runs(session, schedules)
    assert len(statements) == 1
    last = {one.name: found[one.id].period for one in schedules}
    assert last == {"": "2026-11-24T18:30 Asia/Kolkata", "more": "2026-11-25T11:00 Asia/Kolkata"}


TICKERS = 10
# A change of the clocks in Paris lies within: 02:00 to 03:00 does not exist on 29 March 2026.
START = datetime(2026, 3, 28, 22, tzinfo=UTC)
RULES = {
    "": "every 15 minutes Europe/Paris",
    "again": "every 30 minutes Europe/Paris",
    "hours": "hourly America/New_York",
    "once": "once on 2026-03-29 02:30 Europe/Paris",
    "spared": "every 15 minutes Asia/Kolkata except 29 March",
}


def test_ten_beats_at_once_make_each_due_run_once(database: Database) -> None:
    clock = FixedClock(START)
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        for name, rule in RULES.items():
            set_schedule(session, SLUG, rule, frequency=Frequency.IMMEDIATE, name=name, clock=clock)
    # Each round, ten beats tick at the same moment; the clock moves on when all have done.
    rounds = 6 * 12

    def move() -> None:
        clock.advance(timedelta(minutes=5))

    start = Barrier(TICKERS, action=move)

    def beat(_: int) -> list[int]:
        claimed = []
        for _ in range(rounds):
            start.wait()
            with database.transaction() as own:
                claimed += [run.id for run in claim_due(own, clock=clock)]
        return claimed

    with ThreadPoolExecutor(TICKERS) as pool:
        claimed = [number for numbers in pool.map(beat, range(TICKERS)) for number in numbers]
    # What a beat found taken at the last moment, the next tick finds.
    with database.transaction() as own:
        claimed += [run.id for run in claim_due(own, clock=clock)]
    with database.read() as session:
        runs = session.scalars(select(Run).where(Run.frequency == Frequency.IMMEDIATE)).all()
    assert set(Counter(claimed).values()) == {1}
    assert {run.id for run in runs} <= set(claimed)
    assert Counter(run.period for run in runs) == Counter(expected(clock.now()))


def expected(until: datetime) -> set[str]:
    """Return the periods of all rules, each once."""
    found = set()
    for rule in RULES.values():
        for one in parse_rule(rule).coming(START):
            if one.at > until:
                break
            if not one.left_out:
                found.add(one.period)
    return found
