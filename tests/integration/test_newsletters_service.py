"""Newsletters as data, and their schedules: due once, once each, never silently."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from typing_extensions import override

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.publishing import publish_run
from alerts.errors import Invalid, NotFound
from alerts.newsletters.content import IssueContent
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import IssueState, Newsletter, Run, RunOutcome, Schedule
from alerts.newsletters.schedules import get_schedule, next_occurrences, set_paused, set_schedule
from alerts.newsletters.scheduling import claim_due, run_schedule, stale_runs
from alerts.newsletters.service import (
    BUILT_IN,
    apply_toml,
    definition_of,
    ensure_built_in,
    export_toml,
    get_newsletter,
    list_newsletters,
    offers,
)
from alerts.paths import templates_dir
from alerts.rendering.frame import Frame
from alerts.rendering.service import USUAL_FRAME, RenderedEdition, Renderer
from alerts.subscribers.models import Frequency
from tests.factories import RENDERER, SETTINGS, an_article


@pytest.fixture(autouse=True)
def _built_in(session: Session, clock: FixedClock) -> None:
    ensure_built_in(session, clock=clock)


def updated(session: Session) -> list[datetime]:
    return [newsletter.updated_at for newsletter in list_newsletters(session)]


def test_the_built_in_ones_are_made_once_and_an_editors_changes_stay(
    session: Session, clock: FixedClock
) -> None:
    text = export_toml(session, "gp-alert").replace("GP Alert", "Our Alert")
    assert apply_toml(session, text, source="x", clock=clock).kind == "changed"
    before = updated(session)
    clock.advance(timedelta(days=1))
    ensure_built_in(session, clock=clock)
    assert updated(session) == before
    assert [newsletter.slug for newsletter in list_newsletters(session)] == sorted(BUILT_IN)
    assert get_newsletter(session, "gp-alert").title == "Our Alert"
    assert len(session.scalars(select(Schedule)).all()) == 4


@pytest.mark.parametrize("slug", BUILT_IN)
def test_export_then_apply_changes_nothing(session: Session, clock: FixedClock, slug: str) -> None:
    before = updated(session), [s.next_at for s in session.scalars(select(Schedule))]
    text = export_toml(session, slug)
    clock.advance(timedelta(days=1))
    assert apply_toml(session, text, source="x", clock=clock).kind == "unchanged"
    assert (updated(session), [s.next_at for s in session.scalars(select(Schedule))]) == before
    assert export_toml(session, slug) == text


def test_the_order_in_which_schedules_are_written_makes_no_difference(
    session: Session, clock: FixedClock
) -> None:
    head, *schedules = export_toml(session, "gp-alert").split("[[schedules]]")
    turned = "[[schedules]]".join([head, *(text.rstrip() + "\n\n" for text in reversed(schedules))])
    assert apply_toml(session, turned, source="x", clock=clock).kind == "unchanged"


def test_a_new_newsletter_and_a_changed_schedule(session: Session, clock: FixedClock) -> None:
    text = export_toml(session, "gp-alert").replace('slug = "gp-alert"', 'slug = "third"')
    assert apply_toml(session, text, source="x", clock=clock).kind == "created"
    set_paused(session, "third", paused=True, clock=clock)
    weekly = get_schedule(session, "third", Frequency.WEEKLY).next_at
    changed = text.replace("daily 18:30 Asia/Kolkata", "daily 07:00 Europe/Paris")
    assert apply_toml(session, changed, source="x", clock=clock).kind == "changed"
    daily = get_schedule(session, "third", Frequency.DAILY)
    assert daily.next_at == datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
    assert get_schedule(session, "third", Frequency.WEEKLY).next_at == weekly
    assert get_schedule(session, "third").paused
    without = changed[: changed.index("[[schedules]]")]
    assert apply_toml(session, without, source="x", clock=clock).kind == "changed"
    with pytest.raises(NotFound, match="`alerts schedule set third RULE`"):
        get_schedule(session, "third")
    assert definition_of(get_newsletter(session, "third")).schedules == ()


def test_how_long_an_issue_is_worth_sending(session: Session, clock: FixedClock) -> None:
    alert = definition_of(get_newsletter(session, "gp-alert"))
    # A day more where the last reader's hour comes a day after the start.
    assert alert.worth_sending_at(Frequency.IMMEDIATE) == timedelta(days=1)
    assert alert.worth_sending_at(Frequency.WEEKLY) == timedelta(days=2)
    weekly = definition_of(get_newsletter(session, "africa-this-week"))
    assert weekly.worth_sending_at(Frequency.WEEKLY) == timedelta(days=3)
    text = export_toml(session, "gp-alert")
    longer = text.replace('worth_sending = "1 day"', 'worth_sending = "36h"')
    assert apply_toml(session, longer, source="x", clock=clock).kind == "changed"
    assert 'worth_sending = "36 hours"' in export_toml(session, "gp-alert")
    changed = definition_of(get_newsletter(session, "gp-alert"))
    assert changed.worth_sending_at(Frequency.IMMEDIATE) == timedelta(hours=36)
    assert apply_toml(session, longer, source="x", clock=clock).kind == "unchanged"
    without = text.replace('worth_sending = "1 day"\n', "")
    assert apply_toml(session, without, source="x", clock=clock).kind == "changed"
    found = definition_of(get_newsletter(session, "gp-alert"))
    days = [found.worth_sending_at(frequency).days for frequency in Frequency]
    assert dict(zip(Frequency, days, strict=True)) == {
        Frequency.IMMEDIATE: 1,
        Frequency.DAILY: 2,
        Frequency.WEEKLY: 4,
        Frequency.MONTHLY: 6,
    }
    exported = export_toml(session, "gp-alert")
    assert apply_toml(session, exported, source="x", clock=clock).kind == "unchanged"


def test_a_broken_file_is_refused_whole(session: Session, clock: FixedClock) -> None:
    text = export_toml(session, "gp-alert")
    broken = text.replace("GP Alert", "Changed").replace("daily 18:30", "daily 99:30")
    with pytest.raises(Invalid, match=r"my\.toml, line \d+: schedules\.1\.rule") as caught:
        apply_toml(session, broken, source="my.toml", clock=clock)
    assert "\n" not in str(caught.value)
    assert export_toml(session, "gp-alert") == text


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ('"soon"', "'soon' is no span of time; 30 minutes, 12 hours or 3 days would be right"),
        ('"1 fortnight"', "'1 fortnight' is no span of time"),
        ('"1.5 days"', "'1.5 days' is no span of time"),
        ('"-1 day"', "'-1 day' is no span of time"),
        ('"5 minutes"', "'5 minutes' is not between 15 minutes and 30 days"),
        ('"31 days"', "'31 days' is not between"),
        ("3", "string"),
    ],
)
def test_a_wrong_span_is_told_with_its_field(
    session: Session, clock: FixedClock, told: str, said: str
) -> None:
    text = export_toml(session, "gp-alert").replace('"1 day"', told)
    with pytest.raises(Invalid, match=r"^my\.toml, line \d+: worth_sending: ") as caught:
        apply_toml(session, text, source="my.toml", clock=clock)
    assert "\n" not in str(caught.value)
    assert said in str(caught.value)


def test_what_can_be_subscribed_to(session: Session) -> None:
    found = offers(session)
    assert found["gp-alert"].frequencies == ("immediate", "daily", "weekly")
    assert found["africa-this-week"].default_frequency is Frequency.WEEKLY
    with pytest.raises(NotFound, match="there are africa-this-week, gp-alert"):
        get_newsletter(session, "none")


def due_weekly(session: Session, clock: FixedClock) -> list[Run]:
    return [run for run in claim_due(session, clock=clock) if run.newsletter == "africa-this-week"]


def test_a_due_schedule_makes_one_run_on_its_own_wall_clock(
    session: Session, clock: FixedClock
) -> None:
    due = datetime(2026, 11, 30, 2, 30, tzinfo=UTC)
    assert get_schedule(session, "africa-this-week").next_at == due
    clock.advance(due - clock.now() - timedelta(seconds=1))
    assert due_weekly(session, clock) == []
    clock.advance(timedelta(seconds=1))
    [run] = due_weekly(session, clock)
    assert (run.due_at, run.period) == (due, "2026-11-30T08:00 Asia/Kolkata")
    assert due_weekly(session, clock) == []
    assert get_schedule(session, "africa-this-week").next_at == due + timedelta(days=7)


def test_a_period_is_claimed_once_even_by_a_schedule_that_was_put_back(
    session: Session, clock: FixedClock
) -> None:
    clock.advance(timedelta(days=7))
    [run] = due_weekly(session, clock)
    schedule = get_schedule(session, "africa-this-week")
    schedule.next_at = run.due_at
    assert due_weekly(session, clock) == []
    assert schedule.next_at is not None
    assert schedule.next_at > clock.now()


def test_a_run_that_finds_nothing_leaves_its_reason(session: Session, clock: FixedClock) -> None:
    clock.advance(timedelta(days=7))
    [first] = due_weekly(session, clock)
    run_schedule(session, first.id, clock=clock)
    assert (first.outcome, first.reason) == (
        RunOutcome.SKIPPED,
        "made 3 hours late; nothing new yet",
    )
    an_article(session, clock)
    clock.advance(timedelta(days=7))
    [second] = due_weekly(session, clock)
    assert run_schedule(session, second.id, clock=clock).outcome is RunOutcome.DRAFTED
    issue_id = second.issue_id
    assert run_schedule(session, second.id, clock=clock).issue_id == issue_id
    clock.advance(timedelta(days=7))
    [third] = due_weekly(session, clock)
    run_schedule(session, third.id, clock=clock)
    assert third.outcome is RunOutcome.SKIPPED
    assert third.reason.endswith("; nothing new since 7 December 2026, 08:00 (Asia/Kolkata)")


def test_a_paused_schedule_makes_no_run_and_makes_none_up_afterwards(
    session: Session, clock: FixedClock
) -> None:
    set_paused(session, "africa-this-week", paused=True, clock=clock)
    clock.advance(timedelta(days=20))
    assert due_weekly(session, clock) == []
    schedule = set_paused(session, "africa-this-week", paused=False, clock=clock)
    assert due_weekly(session, clock) == []
    assert schedule.next_at == datetime(2026, 12, 14, 2, 30, tzinfo=UTC)


def test_setting_a_schedule(session: Session, clock: FixedClock) -> None:
    schedule = set_schedule(
        session, "africa-this-week", "Weekly on Tuesday at 9:00 Europe/Paris", clock=clock
    )
    assert schedule.rule == "weekly on tue 09:00 Europe/Paris"
    assert schedule.next_at == datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    # The same rule again, when it is due and the tick has not come yet: it stays due.
    clock.advance(timedelta(days=2))
    set_schedule(session, "africa-this-week", schedule.rule, clock=clock)
    assert len(due_weekly(session, clock)) == 1
    with pytest.raises(Invalid, match="does not go out daily"):
        set_schedule(session, "africa-this-week", "hourly", frequency=Frequency.DAILY, clock=clock)
    with pytest.raises(Invalid, match="no moment to come"):
        set_schedule(
            session, "africa-this-week", "RRULE:FREQ=DAILY;UNTIL=20200601T000000", clock=clock
        )
    found = next_occurrences(schedule, count=3, after=clock.now())
    assert [moment.local.strftime("%a %H:%M") for moment in found] == ["Tue 09:00"] * 3


def test_lost_runs_are_found_again(session: Session, clock: FixedClock) -> None:
    clock.advance(timedelta(days=7))
    runs = claim_due(session, clock=clock)
    assert stale_runs(session, clock=clock) == []
    clock.advance(timedelta(minutes=11))
    assert stale_runs(session, clock=clock) == runs


def publish(database: Database, run_id: int, clock: FixedClock, templates: Path) -> int | None:
    return publish_run(
        database, run_id, settings=SETTINGS, renderer=Renderer(templates), clock=clock
    )


def claimed(session: Session, clock: FixedClock, slug: str, frequency: Frequency) -> int:
    an_article(session, clock)
    clock.advance(timedelta(days=7))
    runs = claim_due(session, clock=clock)
    session.commit()
    [run] = [run for run in runs if (run.newsletter, run.frequency) == (slug, frequency)]
    return run.id


def test_a_run_goes_out_by_itself_where_nobody_has_to_approve(
    database: Database, session: Session, clock: FixedClock
) -> None:
    run_id = claimed(session, clock, "gp-alert", Frequency.IMMEDIATE)
    for expected in (True, False):
        issue_id = publish_run(database, run_id, settings=SETTINGS, renderer=RENDERER, clock=clock)
        assert (issue_id is not None) is expected
    session.expire_all()
    run = session.get_one(Run, run_id)
    assert run.outcome is RunOutcome.SENDING
    assert run.issue_id is not None
    issue = get_issue(session, run.issue_id)
    assert (issue.state, issue.approved_by) == (IssueState.SENDING, "schedule")


def test_a_run_waits_for_an_editor_where_approval_is_required(
    database: Database, session: Session, clock: FixedClock
) -> None:
    run_id = claimed(session, clock, "africa-this-week", Frequency.WEEKLY)
    assert publish_run(database, run_id, settings=SETTINGS, renderer=RENDERER, clock=clock) is None
    session.expire_all()
    run = session.get_one(Run, run_id)
    assert run.outcome is RunOutcome.DRAFTED
    assert run.issue_id is not None
    assert get_issue(session, run.issue_id).state is IssueState.DRAFT


def test_a_run_that_cannot_be_done_fails_with_the_reason_and_is_not_tried_for_ever(
    database: Database, session: Session, clock: FixedClock, tmp_path: Path
) -> None:
    run_id = claimed(session, clock, "gp-alert", Frequency.IMMEDIATE)
    assert publish(database, run_id, clock, tmp_path) is None
    session.expire_all()
    run = session.get_one(Run, run_id)
    assert run.outcome is RunOutcome.FAILED
    assert "no email template 'gp-alert'" in run.reason
    assert run.issue_id is None
    clock.advance(timedelta(hours=1))
    assert run_id not in [stale.id for stale in stale_runs(session, clock=clock)]


def test_a_frequency_that_was_taken_off_meanwhile_fails_its_run(
    database: Database, session: Session, clock: FixedClock
) -> None:
    run_id = claimed(session, clock, "gp-alert", Frequency.DAILY)
    newsletter = session.get_one(Newsletter, "gp-alert")
    newsletter.definition = newsletter.definition | {"frequencies": ["immediate", "weekly"]}
    get_schedule(session, "gp-alert", Frequency.DAILY)
    newsletter.schedules = [s for s in newsletter.schedules if s.frequency is not Frequency.DAILY]
    session.commit()
    publish_run(database, run_id, settings=SETTINGS, renderer=RENDERER, clock=clock)
    session.expire_all()
    run = session.get_one(Run, run_id)
    assert (run.outcome, run.issue_id) == (RunOutcome.FAILED, None)
    assert "does not go out daily" in run.reason


def test_a_defect_ends_a_run_as_failed_and_is_not_hidden(
    database: Database, session: Session, clock: FixedClock
) -> None:
    class BrokenRenderer(Renderer):
        @override
        def render(
            self,
            content: IssueContent,
            *,
            archive_url: str,
            home_url: str,
            frame: Frame = USUAL_FRAME,
            rewrite: Callable[[str], str] = str,
        ) -> RenderedEdition:
            raise ZeroDivisionError("by zero")

    run_id = claimed(session, clock, "gp-alert", Frequency.IMMEDIATE)
    with pytest.raises(ZeroDivisionError):
        publish_run(
            database,
            run_id,
            settings=SETTINGS,
            renderer=BrokenRenderer(templates_dir("email")),
            clock=clock,
        )
    session.expire_all()
    run = session.get_one(Run, run_id)
    assert (run.outcome, run.issue_id) == (RunOutcome.FAILED, None)
    assert run.reason == "a defect of the program: ZeroDivisionError: by zero"
