"""The issues' room at the desk: the list, an issue's page, its history, drafts that are dropped."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from alerts.articles.models import Article
from alerts.newsletters.issues import draft_issue
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, IssueState, Run, RunOutcome
from alerts.staff.models import AuditEntry
from alerts.staff.permissions import Role
from alerts.subscribers.models import Frequency
from tests.data.web.running import RunningSite
from tests.desk_world import Browser, at_the_desk, token_in
from tests.drafts_world import WEEKLY
from tests.factories import an_article, approved_issue, counted_queries
from tests.issue_forms import compose_form, form_on
from tests.issues_world import approve, stored, weekly_draft


def test_an_empty_room_says_what_to_do_first(site: RunningSite, editor: Browser) -> None:
    page = editor.get("/desk/issues")
    assert "There is no issue yet. First, articles come in" in page.text
    assert "Draft an issue now" in page.text
    assert "No issue fits" in editor.get("/desk/issues?state=sent").text


def test_an_issue_is_drafted_and_found_by_state_and_newsletter(
    site: RunningSite, editor: Browser
) -> None:
    with site.runtime.database.transaction() as session:
        an_article(session, site.clock, title="First")
    page = editor.post("/desk/issues", {"next": "gp-alert:immediate", "cut_off": ""})
    assert "Drafted, with one piece." in page.text
    again = editor.post(
        "/desk/issues", {"next": "gp-alert:immediate", "cut_off": "2026-11-01 08:00"}
    )
    assert again.status_code == 422
    assert "Nothing new for gp-alert since" in again.text
    # The draft that there is stands below, for whoever pressed twice.
    assert ">First<" in again.text
    assert 'value="2026-11-01 08:00"' in again.text
    for state, there in (("draft", True), ("sent", False)):
        assert (">First<" in editor.get(f"/desk/issues?state={state}").text) == there
    for slug, there in (("gp-alert", True), (WEEKLY, False)):
        assert (">First<" in editor.get(f"/desk/issues?newsletter={slug}").text) == there
    with site.runtime.database.read() as session:
        assert "issue.drafted" in session.scalars(select(AuditEntry.act)).all()


def test_where_no_draft_holds_what_is_not_new_the_newsletters_issues_are_shown(
    site: RunningSite, editor: Browser
) -> None:
    approved_issue(site.runtime.database, site.clock, articles=[{"title": "Gone out"}])
    page = editor.post("/desk/issues", {"next": "gp-alert:immediate", "cut_off": ""})
    assert page.status_code == 422
    assert ">Gone out<" in page.text


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ({"next": "gp-alert:never"}, "Choose a newsletter and how often it comes."),
        ({"next": "gp-alert:weekly", "cut_off": "soon"}, "is no cut-off; 2026-11-30 08:00 would"),
        ({"next": "gp-alert:weekly", "cut_off": "0001-01-01"}, "is no cut-off; 2026-11-30 08:00"),
        ({"next": "gp-alert:weekly", "cut_off": "2027-01-01 08:00"}, "The cut-off lies ahead"),
        ({"next": "gp-alert:weekly", "cut_off": "2026-11-20 08:00"}, "Nothing new for gp-alert"),
    ],
)
def test_a_draft_that_cannot_be_made_says_why(
    editor: Browser, typed: dict[str, str], line: str
) -> None:
    page = editor.post("/desk/issues", typed)
    assert (page.status_code, line in page.text) == (422, True)


def test_the_list_goes_on_by_the_page_in_few_queries(site: RunningSite, editor: Browser) -> None:
    with site.runtime.database.transaction() as session:
        session.add_all(
            Issue(
                newsletter="gp-alert",
                frequency=Frequency.IMMEDIATE,
                state=IssueState.SENT,
                number=number,
                subject=f"Number {number} of many",
                until=site.clock.now(),
                created_at=site.clock.now(),
            )
            for number in range(1, 46)
        )
    with counted_queries(site.runtime.database.engine) as statements:
        page = editor.client.get("/desk/issues?state=sent")
    assert len(statements) <= 8
    assert "Number 45 of" in page.text
    assert "Number 5 of" not in page.text
    older = editor.get("/desk/issues?state=sent&before=6")
    assert "Number 5 of" in older.text
    assert "Older issues" not in older.text


def test_runs_that_made_nothing_say_why(site: RunningSite, editor: Browser) -> None:
    with site.runtime.database.transaction() as session:
        # What looks every quarter of an hour does not hide the week's.
        runs = [(WEEKLY, Frequency.WEEKLY, "2026-W47", "nothing new since 16 November")]
        runs += [
            ("gp-alert", Frequency.IMMEDIATE, f"2026-11-23 {n}", f"nothing new, {n}")
            for n in range(1, 21)
        ]
        for minutes, (newsletter, frequency, period, reason) in enumerate(runs):
            due_at = site.clock.now() + timedelta(minutes=minutes)
            session.add(
                Run(
                    newsletter=newsletter,
                    frequency=frequency,
                    period=period,
                    due_at=due_at,
                    started_at=due_at,
                    outcome=RunOutcome.SKIPPED,
                    reason=reason,
                )
            )
    page = editor.get("/desk/issues").text
    assert "Runs that made no issue" in page
    assert "nothing new since 16 November" in page
    assert ("nothing new, 20" in page, "nothing new, 19" in page) == (True, False)
    overview = editor.get("/desk/").text
    assert "skipped, nothing new since 16 November" in overview
    assert "skipped, nothing new, 20" in overview


def test_an_issues_page_shows_how_it_stands_and_leads_on(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = weekly_draft(site)
    page = editor.get(f"/desk/issues/{issue_id}").text
    for words in ("The essay", "Brief 3", "#1, Vol. 1, No. 1", "by nobody yet", "In brief"):
        assert words in page
    for room in ("compose", "look", "send", "report", "history"):
        assert f'href="/desk/issues/{issue_id}/{room}"' in page
    assert editor.get("/desk/issues/77").status_code == 404


def test_what_was_sent_already_is_shown_as_such(site: RunningSite, editor: Browser) -> None:
    first = weekly_draft(site)
    with site.runtime.database.transaction() as session:
        essay = session.scalar(select(Article.id).where(Article.title == "The essay"))
        assert essay is not None
    approve(site, first, Event.SEND)
    with site.runtime.database.transaction() as session:
        second = draft_issue(session, WEEKLY, article_ids=[essay], clock=site.clock).id
    page = editor.get(f"/desk/issues/{second}/compose").text
    assert f'sent in <a href="/desk/issues/{first}">#1</a>' in page


def test_only_drafts_are_edited_and_reopening_says_what_it_means(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = weekly_draft(site)
    form = compose_form(editor, issue_id)
    form.fill("note", "typed while it was approved")
    approve(site, issue_id, Event.SCHEDULE)
    late = form.press()
    assert late.status_code == 409
    assert "is scheduled: reopen it to edit it" in late.text
    assert "typed while it was approved" in late.text
    page = editor.get(f"/desk/issues/{issue_id}/compose").text
    assert "Only drafts can be edited" in page
    assert "What was approved is forgotten, and it is no longer scheduled" in page
    editor.client.post(f"/desk/issues/{issue_id}/reopen", data={"form_token": token_in(page)})
    assert stored(site, issue_id).state is IssueState.DRAFT
    assert form.keys == compose_form(editor, issue_id).keys
    assert "Reopened" in editor.get(f"/desk/issues/{issue_id}/history").text
    approve(site, issue_id, Event.SEND)
    assert "cannot be edited" in editor.get(f"/desk/issues/{issue_id}/compose").text
    refused = editor.post(f"/desk/issues/{issue_id}/reopen")
    assert (refused.status_code, "it cannot reopen" in refused.text) == (409, True)


def test_an_earlier_version_is_restored_from_the_history(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = weekly_draft(site)
    assert "Nobody has changed this issue" in editor.get(f"/desk/issues/{issue_id}/history").text
    form = compose_form(editor, issue_id)
    form.fill("subject", "A mistake")
    form.press()
    page = editor.get(f"/desk/issues/{issue_id}/history").text
    assert "Compare or restore" in page
    compared = editor.get(f"/desk/issues/{issue_id}/history/1").text
    assert "From now back to version 1" in compared
    assert "A mistake</del>" in compared
    assert "says now what it said then" in editor.get(f"/desk/issues/{issue_id}/history/2").text
    assert editor.get(f"/desk/issues/{issue_id}/history/9").status_code == 404
    path = f"/desk/issues/{issue_id}/history/1/restore"
    done = editor.post(path, {"version": "2"})
    assert "It says again what it said in version 1" in done.text
    assert stored(site, issue_id).subject == "Africa This Week #1: The essay"
    assert editor.post(path, {"version": "2"}).status_code == 409


def test_a_draft_is_dropped_and_its_pieces_and_number_go_to_the_next(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = weekly_draft(site)
    assert (
        f"/desk/issues/{issue_id}/send#cancel-title" in editor.get(f"/desk/issues/{issue_id}").text
    )
    page = editor.get(f"/desk/issues/{issue_id}/send").text
    assert "its pieces are due again in the next one, and its number goes to the next one" in page
    unsure = editor.post(f"/desk/issues/{issue_id}/send/cancel")
    assert "Tick the box first" in unsure.text
    dropped = editor.post(f"/desk/issues/{issue_id}/send/cancel", {"sure": "yes"})
    assert "The draft is dropped" in dropped.text
    assert stored(site, issue_id).state is IssueState.CANCELLED
    with site.runtime.database.transaction() as session:
        following = draft_issue(session, WEEKLY, clock=site.clock)
        assert (following.number, len(following.items)) == (1, 4)
        again = following.id
    # What was approved is called off, in its own words.
    approve(site, again)
    page = editor.get(f"/desk/issues/{again}/send").text
    assert "the issue ends here, and its number goes to the next one" in page


def test_ops_may_look_and_not_edit(site: RunningSite) -> None:
    issue_id = weekly_draft(site)
    with at_the_desk(site, Role.OPS) as ops:
        assert ops.get("/desk/issues").status_code == 200
        assert "Draft an issue now" not in ops.get("/desk/issues").text
        page = ops.get(f"/desk/issues/{issue_id}/compose")
        assert page.status_code == 200
        assert "desk-compose.js" not in page.text
        form = form_on(ops, f"/desk/issues/{issue_id}/compose", page)
        assert form.press().status_code == 403
