"""Schedules at the desk: set in plain words, looked ahead at, paused; and what runs came to."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

from sqlalchemy import select

from alerts.newsletters.models import Run, RunOutcome
from alerts.newsletters.schedules import get_schedule, set_schedule
from alerts.newsletters.scheduling import claim_due, run_schedule
from alerts.staff.models import AuditEntry
from alerts.staff.permissions import Role
from alerts.subscribers.models import Frequency
from tests.data.web.running import RunningSite
from tests.desk_world import Browser, at_the_desk, fields_in

SLUG = "africa-this-week"
HERE = f"/desk/newsletters/{SLUG}/schedules"
NEW, WEEKLY = f"{HERE}/set", f"{HERE}/set?frequency=weekly&name="


def put(editor: Browser, page: str, **changes: str) -> tuple[int, str]:
    """Fill in the form of a page; return the status and the page in plain text."""
    form = fields_in(editor.get(page).text) | {"frequency": "weekly"} | changes
    answer = editor.client.post(f"{HERE}/set", data=form, follow_redirects=True)
    return answer.status_code, unescape(answer.text)


def rule_of(site: RunningSite, name: str = "") -> str:
    with site.runtime.database.read() as session:
        return get_schedule(session, SLUG, Frequency.WEEKLY, name).rule


def test_a_rule_is_looked_ahead_at_across_the_change_of_the_clocks(
    site: RunningSite, editor: Browser
) -> None:
    rule = "weekly on sun 02:30 Europe/Paris except 2026-12-27"
    status, page = put(editor, WEEKLY, rule=rule, intent="look")
    assert (status, "Understood as" in page) == (200, True)
    assert re.search(r"Sun 29 November 2026, 02:30</time>\s*<span[^>]*>UTC\+01:00", page)
    assert "left out: Sun 27 December 2026 02:30 (except 2026-12-27)" in page
    # Nothing is set by looking, and the rule stays in its field.
    assert rule_of(site) == "weekly on mon 08:00 Asia/Kolkata"
    assert f'value="{rule}"' in page


def test_an_hour_that_the_clocks_skip_is_told(site: RunningSite) -> None:
    site.clock.advance(timedelta(days=100))
    with at_the_desk(site, Role.EDITOR) as editor:
        rule = "weekly on sun 02:30 Europe/Paris"
        _, spring = put(editor, WEEKLY, rule=rule, intent="look")
        assert (
            "the clocks of Europe/Paris go forward by 1 hour on Sun 28 March 2027 02:00" in spring
        )
        assert "the clocks skip 02:30 on that day" in spring
        assert re.search(r"Sun 04 April 2027, 02:30</time>\s*<span[^>]*>UTC\+02:00", spring)


def test_a_rule_that_is_not_understood_says_up_to_where_it_was(
    site: RunningSite, editor: Browser
) -> None:
    status, page = put(editor, WEEKLY, rule="weekly on mon 08:00 exept fri", missed="perhaps")
    assert status == 422
    problem = re.search(r'id="rule-problem">([^<]*)', page)
    assert problem
    assert "›exept‹" in problem[1]
    assert "understood so far: weekly on mon 08:00" in problem[1]
    assert "'perhaps' is not understood" in page
    assert 'value="weekly on mon 08:00 exept fri"' in page
    assert 'value="perhaps"' in page
    status, page = put(editor, WEEKLY, rule="once on 2020-01-01 08:00")
    assert status == 422
    assert rule_of(site) == "weekly on mon 08:00 Asia/Kolkata"


def test_a_schedule_is_changed_and_others_are_set_beside_it(
    site: RunningSite, editor: Browser
) -> None:
    _, page = put(editor, WEEKLY, rule="weekly on tue 9:00", missed="merge", intent="save")
    assert "The weekly schedule: weekly on tue 09:00 Asia/Kolkata." in page
    _, page = put(editor, NEW, name="special", rule="once on 2026-12-24 08:00", intent="save")
    assert "The weekly schedule “special”: once on 2026-12-24 08:00 Asia/Kolkata." in page
    assert "Tue 24 November 2026, 09:00" in page
    assert rule_of(site, "special").startswith("once on 2026-12-24")
    status, page = put(editor, NEW, name="special", rule="daily 9:00", intent="save")
    assert (status, "There is such a schedule already" in page) == (409, True)
    status, page = put(editor, NEW, name="No Name!", rule="daily 9:00", intent="save")
    assert (status, "is no name for a schedule" in page) == (422, True)
    rrule = "RRULE:FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=8;BYMINUTE=0"
    _, page = put(editor, NEW, name="twice", rule=rrule, intent="save")
    assert "Mon 30 November 2026, 08:00" in page
    with site.runtime.database.read() as session:
        acts = session.scalars(select(AuditEntry).where(AuditEntry.act == "schedule.set")).all()
    assert [act.details["name"] for act in acts] == ["", "special", "twice"]


def test_a_schedule_that_another_one_has_changed_is_not_overwritten_unseen(
    site: RunningSite, editor: Browser
) -> None:
    form = fields_in(editor.get(WEEKLY).text) | {"rule": "weekly on wed 09:00", "intent": "save"}
    with site.runtime.database.transaction() as session:
        set_schedule(session, SLUG, "weekly on fri 07:00", clock=site.clock)
    answer = editor.client.post(f"{HERE}/set", data=form)
    page = unescape(answer.text)
    assert answer.status_code == 409
    assert "somebody else has changed this schedule" in page.lower()
    assert "weekly on fri 07:00 Asia/Kolkata" in page
    assert rule_of(site) == "weekly on fri 07:00 Asia/Kolkata"
    again = fields_in(answer.text) | {"intent": "save"}
    editor.client.post(f"{HERE}/set", data=again)
    assert rule_of(site) == "weekly on wed 09:00 Asia/Kolkata"


def test_pausing_resuming_and_removing(site: RunningSite, editor: Browser) -> None:
    which = {"frequency": "weekly", "name": ""}
    page = editor.post(f"{HERE}/pause", which).text
    assert "The weekly schedule is paused." in page
    assert '<span class="state">paused</span>' in page
    assert "The weekly schedule goes on." in editor.post(f"{HERE}/resume", which).text
    assert "The weekly schedule is removed." in editor.post(f"{HERE}/remove", which).text
    assert "No schedule yet" in editor.get(HERE).text
    assert editor.post(f"{HERE}/pause", which).status_code == 404
    with site.runtime.database.read() as session:
        acts = session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)).all()
    assert [act for act in acts if act.startswith("schedule.")] == [
        "schedule.paused",
        "schedule.resumed",
        "schedule.removed",
    ]


def test_what_runs_came_to_is_shown_with_the_reason(site: RunningSite) -> None:
    site.clock.advance(datetime(2026, 11, 30, 2, 31, tzinfo=UTC) - site.clock.now())
    with site.runtime.database.transaction() as session:
        for run in claim_due(session, clock=site.clock):
            if run.newsletter == SLUG:
                run_schedule(session, run.id, clock=site.clock)
        runs = session.scalars(select(Run).where(Run.newsletter == SLUG)).all()
        assert [run.outcome for run in runs] == [RunOutcome.SKIPPED]
    with at_the_desk(site, Role.EDITOR) as editor:
        page = editor.get(HERE).text
    assert "nothing new yet" in page
    assert "2026-11-30T08:00 Asia/Kolkata" in page


def test_ops_set_schedules_and_editors_of_nothing_else_do_too(site: RunningSite) -> None:
    with at_the_desk(site, Role.OPS) as ops:
        assert "is paused" in ops.post(f"{HERE}/pause", {"frequency": "weekly", "name": ""}).text
        assert ops.get(f"/desk/newsletters/{SLUG}/change").status_code == 403


def test_a_frequency_that_is_none_is_told_and_what_was_typed_stays(
    site: RunningSite, editor: Browser
) -> None:
    for page, odd in ((NEW, "sometimes"), (WEEKLY, "-1"), (WEEKLY, "\U0001f388" * 500)):
        status, shown = put(editor, page, frequency=odd, rule="mondays 09:00")
        assert status == 422
        assert "is no frequency; immediate, daily, weekly, monthly would be" in shown
        assert 'value="mondays 09:00"' in shown
    assert rule_of(site) == "weekly on mon 08:00 Asia/Kolkata"
