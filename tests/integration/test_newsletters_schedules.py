"""Several schedules a newsletter, with names: set, paused, removed, as data and by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.errors import Invalid, NotFound, Refused
from alerts.newsletters.missed import USUAL
from alerts.newsletters.models import Run, Schedule
from alerts.newsletters.schedules import (
    get_schedule,
    next_occurrences,
    remove_schedule,
    set_paused,
    set_schedule,
)
from alerts.newsletters.scheduling import claim_due
from alerts.newsletters.service import apply_toml, ensure_built_in, export_toml, offers
from alerts.subscribers.models import Frequency

SLUG = "africa-this-week"
USUAL_RULE = "weekly on mon 08:00 Asia/Kolkata"
FRIDAYS = "weekly on fri 17:00 Europe/Paris"


@pytest.fixture(autouse=True)
def _built_in(session: Session, clock: FixedClock) -> None:
    ensure_built_in(session, clock=clock)


def rules(session: Session) -> dict[str, str]:
    schedules = session.scalars(select(Schedule).where(Schedule.newsletter == SLUG))
    return {schedule.name: schedule.rule for schedule in schedules}


def test_a_name_makes_one_more_schedule_and_none_changes_the_usual_one(
    session: Session, clock: FixedClock
) -> None:
    set_schedule(session, SLUG, FRIDAYS, name="Fridays", clock=clock)
    assert rules(session) == {"": USUAL_RULE, "fridays": FRIDAYS}
    set_schedule(session, SLUG, "weekly on tue 09:00 UTC", clock=clock)
    set_schedule(session, SLUG, "weekly on fri 18:00 UTC", name="fridays", clock=clock)
    assert rules(session) == {"": "weekly on tue 09:00 UTC", "fridays": "weekly on fri 18:00 UTC"}
    remove_schedule(session, SLUG, name="fridays", clock=clock)
    assert rules(session) == {"": "weekly on tue 09:00 UTC"}
    with pytest.raises(NotFound, match="no schedule 'fridays'; it has none with a name"):
        remove_schedule(session, SLUG, name="fridays", clock=clock)
    remove_schedule(session, SLUG, clock=clock)
    assert rules(session) == {}


def test_a_name_is_told_without_its_frequency(session: Session, clock: FixedClock) -> None:
    set_schedule(
        session,
        "gp-alert",
        "daily 07:00 UTC",
        frequency=Frequency.DAILY,
        name="dawn",
        clock=clock,
    )
    dawn = set_schedule(session, "gp-alert", "daily 06:00 UTC", name="dawn", clock=clock)
    assert (dawn.frequency, dawn.rule) == (Frequency.DAILY, "daily 06:00 UTC")
    assert get_schedule(session, "gp-alert", name="dawn") is dawn
    assert set_paused(session, "gp-alert", name="dawn", paused=True, clock=clock).paused
    assert not get_schedule(session, "gp-alert", Frequency.DAILY).paused
    with pytest.raises(Invalid, match="'dawn' already, which is daily"):
        set_schedule(
            session,
            "gp-alert",
            "weekly on mon 06:00 UTC",
            frequency=Frequency.WEEKLY,
            name="dawn",
            clock=clock,
        )
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(
            insert(Schedule).values(
                newsletter="gp-alert", frequency="weekly", name="dawn", rule="hourly", paused=False
            )
        )


@pytest.mark.parametrize("name", ["two words", "-dash", "x" * 41, "naïve", "a\nb"])
def test_a_name_that_is_none(session: Session, clock: FixedClock, name: str) -> None:
    with pytest.raises(Invalid, match="no name for a schedule") as caught:
        set_schedule(session, SLUG, FRIDAYS, name=name, clock=clock)
    assert "\n" not in str(caught.value)


def test_what_becomes_of_missed_runs_is_kept_until_it_is_told_anew(
    session: Session, clock: FixedClock
) -> None:
    assert get_schedule(session, SLUG).missed == USUAL
    told = "Send if less than 6 h late"
    schedule = set_schedule(session, SLUG, USUAL_RULE, missed=told, clock=clock)
    assert schedule.missed == "send if less than 6 hours late"
    due = schedule.next_at
    clock.advance(timedelta(days=8))
    set_schedule(session, SLUG, USUAL_RULE, clock=clock)
    set_schedule(session, SLUG, USUAL_RULE, missed="skip", clock=clock)
    # A moment that is due stays due.
    assert (schedule.missed, schedule.next_at) == ("skip", due)
    with pytest.raises(Invalid, match="'perhaps' is not understood"):
        set_schedule(session, SLUG, USUAL_RULE, missed="perhaps", clock=clock)


def test_names_and_missed_are_data(session: Session, clock: FixedClock) -> None:
    text = export_toml(session, SLUG)
    assert "missed" not in text
    more = text + f'\n[[schedules]]\nfrequency = "weekly"\nname = "fridays"\nrule = "{FRIDAYS}"\n'
    assert apply_toml(session, more, source="x", clock=clock).kind == "changed"
    assert rules(session) == {"": USUAL_RULE, "fridays": FRIDAYS}
    set_paused(session, SLUG, name="fridays", paused=True, clock=clock)
    skipping = more + 'missed = "skip"\n'
    assert apply_toml(session, skipping, source="x", clock=clock).kind == "changed"
    fridays = get_schedule(session, SLUG, name="fridays")
    assert (fridays.missed, fridays.paused) == ("skip", True)
    exported = export_toml(session, SLUG)
    assert 'name = "fridays"' in exported
    assert 'missed = "skip"' in exported
    assert apply_toml(session, exported, source="x", clock=clock).kind == "unchanged"
    assert apply_toml(session, text, source="x", clock=clock).kind == "changed"
    assert rules(session) == {"": USUAL_RULE}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ('name = "Two Words"', "schedules.0.name"),
        ('missed = "perhaps"', "schedules.0.missed: missed runs: 'perhaps'"),
    ],
)
def test_a_wrong_name_or_policy_is_told_with_its_place(
    session: Session, clock: FixedClock, told: str, said: str
) -> None:
    text = export_toml(session, SLUG) + told + "\n"
    with pytest.raises(Invalid, match=r"my\.toml, line \d+: " + said):
        apply_toml(session, text, source="my.toml", clock=clock)


def test_the_same_schedule_twice_is_refused(session: Session, clock: FixedClock) -> None:
    entry = f'\n[[schedules]]\nfrequency = "weekly"\nrule = "{FRIDAYS}"\n'
    text = export_toml(session, SLUG)
    with pytest.raises(Invalid, match="the same schedule stands there twice"):
        apply_toml(session, text + entry, source="x", clock=clock)


def test_each_schedule_claims_its_own_runs_and_one_moment_is_one_run(
    session: Session, clock: FixedClock
) -> None:
    set_schedule(session, SLUG, "weekly on mon,wed 08:00 Asia/Kolkata", name="more", clock=clock)
    for _ in range(7):
        clock.advance(timedelta(days=1))
        claim_due(session, clock=clock)
    runs = session.scalars(select(Run).where(Run.newsletter == SLUG).order_by(Run.due_at)).all()
    assert [run.period for run in runs] == [
        "2026-11-25T08:00 Asia/Kolkata",
        "2026-11-30T08:00 Asia/Kolkata",
    ]
    assert runs[0].schedule == "more"
    usual = get_schedule(session, SLUG)
    assert usual.next_at == datetime(2026, 12, 7, 2, 30, tzinfo=UTC)


def test_a_rule_without_a_zone_takes_the_newsletters(session: Session, clock: FixedClock) -> None:
    assert set_schedule(session, SLUG, "every monday at 7:00", clock=clock).rule == (
        "weekly on mon 07:00 Asia/Kolkata"
    )
    text = export_toml(session, SLUG)
    for changed in ('time_zone = "Europe/Paris"', 'time_zone = "UTC"'):
        moved = text.replace('time_zone = "Asia/Kolkata"', changed)
        apply_toml(session, moved, source="x", clock=clock)
        # What was set before keeps its zone.
        assert rules(session) == {"": "weekly on mon 07:00 Asia/Kolkata"}
    told = moved.replace("07:00 Asia/Kolkata", "07:00").replace('"UTC"', '"Africa/Lagos"')
    assert apply_toml(session, told, source="x", clock=clock).kind == "changed"
    assert rules(session) == {"": "weekly on mon 07:00 Africa/Lagos"}
    exported = export_toml(session, SLUG)
    assert apply_toml(session, exported, source="x", clock=clock).kind == "unchanged"


def test_a_row_of_an_older_program_names_no_zone_and_is_exported_all_the_same(
    session: Session, clock: FixedClock
) -> None:
    get_schedule(session, "gp-alert").rule = "every 15 minutes"
    session.flush()
    text = export_toml(session, "gp-alert")
    assert 'rule = "every 15 minutes UTC"' in text
    assert apply_toml(session, text, source="x", clock=clock).kind == "unchanged"


def test_what_comes_once_has_a_name_and_is_over_when_it_came(
    session: Session, clock: FixedClock
) -> None:
    once = "once on 2026-12-01 09:00"
    with pytest.raises(Refused, match="take the place of 'weekly on mon 08:00 Asia/Kolkata'; give"):
        set_schedule(session, SLUG, once, clock=clock)
    special = set_schedule(session, SLUG, once, name="special", clock=clock)
    due = datetime(2026, 12, 1, 3, 30, tzinfo=UTC)
    assert (special.rule, special.next_at) == (f"{once} Asia/Kolkata", due)
    found = []
    for _ in range(12):
        clock.advance(timedelta(days=1))
        found += [run for run in claim_due(session, clock=clock) if run.schedule == "special"]
    assert [run.due_at for run in found] == [due]
    assert special.next_at is None
    with pytest.raises(Invalid, match="no moment to come"):
        set_schedule(session, SLUG, once, name="more", clock=clock)
    # Without a usual schedule there is none to lose.
    remove_schedule(session, SLUG, clock=clock)
    again = "once on 2026-12-24 09:00"
    assert set_schedule(session, SLUG, again, clock=clock).name == ""


def test_what_is_due_stays_due_when_nothing_is_resumed(session: Session, clock: FixedClock) -> None:
    due = set_schedule(session, SLUG, USUAL_RULE, clock=clock).next_at
    assert due is not None
    clock.advance(due - clock.now() + timedelta(hours=1))
    assert set_paused(session, SLUG, paused=False, clock=clock).next_at == due
    assert [run.due_at for run in claim_due(session, clock=clock) if run.newsletter == SLUG] == [
        due
    ]


def test_a_count_that_began_nowhere_says_where_it_is_counted_from(
    session: Session, clock: FixedClock
) -> None:
    with pytest.raises(Invalid, match="a COUNT is counted from its DTSTART, or without one from"):
        set_schedule(session, SLUG, "RRULE:FREQ=DAILY;COUNT=5", clock=clock)


def test_a_rule_that_is_none_any_more_stops_nothing_else_and_can_be_replaced(
    session: Session, clock: FixedClock
) -> None:
    broken = set_schedule(session, SLUG, FRIDAYS, name="fridays", clock=clock)
    broken.rule = "weekly on fri 17:00 Europe/Atlantis"
    session.flush()
    assert SLUG in offers(session)
    assert "Europe/Atlantis" in export_toml(session, SLUG)
    assert next_occurrences(broken, count=1, after=clock.now()) == []
    with pytest.raises(Invalid, match="there is no time zone 'Europe/Atlantis'"):
        apply_toml(session, export_toml(session, SLUG), source="a.toml", clock=clock)
    due = get_schedule(session, SLUG).next_at
    assert due is not None
    clock.advance(due - clock.now())
    assert SLUG in {run.newsletter for run in claim_due(session, clock=clock)}
    assert set_paused(session, SLUG, name="fridays", paused=True, clock=clock).paused
    with pytest.raises(Invalid, match="there is no time zone 'Europe/Atlantis'"):
        set_paused(session, SLUG, name="fridays", paused=False, clock=clock)
    set_schedule(session, SLUG, FRIDAYS, name="fridays", clock=clock)
    assert rules(session)["fridays"] == FRIDAYS
