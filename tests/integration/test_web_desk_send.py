"""Sending from the desk: test mails, when an issue leaves, undo, and what stops it."""

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from alerts.delivery.books import audit
from alerts.delivery.catcher import CatcherStore
from alerts.delivery.outcome import refusal
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.sweeper import sweep
from alerts.newsletters.issues import move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import IssueState
from alerts.subscribers.interests import Interests
from alerts.subscribers.segments.service import Segments
from alerts.task_queue import Queue, Task
from tests.data.delivery.house import House
from tests.data.web.running import RunningSite
from tests.desk_world import Browser, fields_in
from tests.factories import RENDERER, SETTINGS, add_readers
from tests.issues_world import acts, confirmed, ready, send_page, stored
from tests.staff_world import at_once


def test_what_is_sent_now_can_be_taken_back_and_no_worker_starts_before(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = ready(site)
    page = confirmed(editor, issue_id, when="now")
    assert "leaves in a moment" in page.text
    issue = stored(site, issue_id)
    assert (issue.state, issue.send_at) == (
        IssueState.SCHEDULED,
        site.clock.now() + timedelta(seconds=30),
    )
    assert site.queue.enqueued == []
    site.clock.advance(timedelta(seconds=29))
    with site.runtime.database.transaction() as session:
        assert sweep(session, clock=site.clock) == []
    page = editor.post(send_page(issue_id, "/undo"))
    assert "Taken back: nothing has left." in page.text
    assert stored(site, issue_id).state is IssueState.APPROVED
    site.clock.advance(timedelta(hours=1))
    with site.runtime.database.transaction() as session:
        assert sweep(session, clock=site.clock) == []
    assert acts(site, issue_id) == ["issue.scheduled", "issue.undone"]


def test_after_the_grace_it_starts_and_is_no_longer_taken_back(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = ready(site)
    confirmed(editor, issue_id, when="now")
    site.clock.advance(timedelta(seconds=30))
    with site.runtime.database.transaction() as session:
        [due] = sweep(session, clock=site.clock)
    assert (due.task, due.id) == (Task.PREPARE_ISSUE, issue_id)
    page = editor.post(send_page(issue_id, "/undo"))
    assert "no longer taken back" in page.text
    assert stored(site, issue_id).state is IssueState.SENDING


def test_without_a_grace_it_leaves_at_once(site: RunningSite, editor: Browser) -> None:
    issue_id = ready(site, grace="none")
    page = confirmed(editor, issue_id, when="now")
    assert "on its way" in page.text
    assert site.queue.enqueued == [(Task.PREPARE_ISSUE, (issue_id,), Queue.PREPARATION)]
    assert acts(site, issue_id) == ["issue.sent"]


def test_it_says_to_how_many_in_how_many_variants_and_until_when(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = ready(site, readers=120, rate="1/m", time_zone="Asia/Kolkata")
    with site.runtime.database.transaction() as session:
        now = site.clock.now()
        add_readers(session, ["french"], now=now, wish=Interests(language="fr").text)
        add_readers(session, ["asia"], now=now, wish=Interests(regions=("east-asia",)).text)
    page = editor.get(send_page(issue_id, "/confirm?when=now")).text
    assert "121 readers" in page
    assert "1 more get nothing" in page
    assert "2 variants" in page
    assert "2 hours 1 minute" in page
    assert "the newsletter’s own limit" in page or "the newsletter&#39;s own limit" in page
    assert "(Kolkata time)" in page
    with site.runtime.database.transaction() as session:
        add_readers(session, ["late"], now=site.clock.now())
    assert "121 readers" in editor.get(send_page(issue_id, "/confirm?when=now")).text
    again = editor.post(
        send_page(issue_id, "/count"), {"when": "now"}, page=send_page(issue_id, "/confirm")
    )
    assert "122 readers" in again.text


@pytest.mark.parametrize(
    ("day", "time", "field", "said"),
    [
        ("2027-03-28", "02:30", "time", "skip 02:30 on that day; 03:00 would be the next"),
        ("2026-11-23", "06:59", "time", "That moment is over"),
        ("2026-11-22", "12:00", "day", "That moment is over"),
        ("2029-01-01", "08:00", "day", "more than a year away"),
        ("tomorrow", "08:00", "day", "Name a day such as"),
        ("2026-11-30", "8", "time", "Name a time such as"),
        ("2026-11-30", "", "time", "Name a time such as"),
    ],
)
def test_a_moment_that_will_not_do_is_told_at_its_field_and_kept(
    site: RunningSite, editor: Browser, day: str, time: str, field: str, said: str
) -> None:
    issue_id = ready(site, time_zone="Europe/Paris")
    query = urlencode({"when": "later", "day": day, "time": time})
    page = editor.get(send_page(issue_id, f"/confirm?{query}"))
    assert page.status_code == 422
    found = re.search(rf'<p class="problem" id="{field}-problem">([^<]+)</p>', page.text)
    assert found
    assert said in found[1]
    kept = fields_in(page.text)
    assert (kept["day"], kept["time"]) == (day, time)
    assert stored(site, issue_id).state is IssueState.APPROVED


def test_it_is_planned_on_the_newsletters_wall_clock(site: RunningSite, editor: Browser) -> None:
    issue_id = ready(site, time_zone="Europe/Paris")
    page = confirmed(editor, issue_id, when="later", day="2027-03-29", time="08:00")
    assert "Monday 29 March, 08:00 (Paris time)" in page.text
    send_at = stored(site, issue_id).send_at
    assert send_at
    assert send_at.isoformat() == "2027-03-29T06:00:00+00:00"
    # Once more, at another time: it is one plan.
    confirmed(editor, issue_id, when="later", day="2026-12-01", time="09:00")
    again = stored(site, issue_id).send_at
    assert again
    assert again.isoformat() == "2026-12-01T08:00:00+00:00"


def test_a_test_mail_goes_to_an_address_and_to_a_group(
    site: RunningSite, editor: Browser, tmp_path: Path
) -> None:
    issue_id = ready(site, test_group=("ama@example.org", "birago@example.org"))
    with site.runtime.database.transaction() as session:
        Segments(session, clock=site.clock).create("nearby", "email is reader1@example.org")
    page = editor.post(send_page(issue_id, "/test"), {"to": "carol@example.org"})
    assert "A test mail went to carol@example.org." in page.text
    page = editor.post(send_page(issue_id, "/test"), {"group": "test group"})
    assert "A test mail went to 2 addresses." in page.text
    page = editor.post(send_page(issue_id, "/test"), {"group": "nearby"})
    assert "A test mail went to reader1@example.org." in page.text
    store = CatcherStore(tmp_path)
    caught = store.newest(limit=10)
    store.close()
    assert sorted(mail.recipient for mail in caught) == [
        "ama@example.org",
        "birago@example.org",
        "carol@example.org",
        "reader1@example.org",
    ]
    assert all(mail.subject.startswith("[Test]") for mail in caught)
    assert acts(site, issue_id) == ["issue.tested"] * 3
    assert stored(site, issue_id).state is IssueState.APPROVED


@pytest.mark.parametrize(
    ("form", "field", "said"),
    [
        ({"to": "nobody"}, "to", "is no email address"),
        ({"group": "test group"}, "group", "has no test group"),
        ({"group": "missing"}, "group", "There is no segment"),
        ({"group": "everybody"}, "group", "more than 25 readers"),
    ],
)
def test_a_test_mail_that_goes_nowhere_says_why_at_its_field(
    site: RunningSite, editor: Browser, form: dict[str, str], field: str, said: str
) -> None:
    issue_id = ready(site, readers=26)
    with site.runtime.database.transaction() as session:
        Segments(session, clock=site.clock).create("everybody", "domain is example.org")
    page = editor.post(send_page(issue_id, "/test"), form)
    assert page.status_code == 422
    found = re.search(rf'id="{field}-problem">([^<]+)<', page.text)
    assert found
    assert said in found[1]


def test_an_issue_on_its_way_is_paused_goes_on_and_is_called_off(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = ready(site, grace="none")
    confirmed(editor, issue_id, when="now")
    assert "is paused" in editor.post(send_page(issue_id, "/pause")).text
    assert stored(site, issue_id).state is IssueState.PAUSED
    # Pressed twice, it says how it is, and changes nothing.
    assert "cannot pause" in editor.post(send_page(issue_id, "/pause")).text
    assert "goes on" in editor.post(send_page(issue_id, "/resume")).text
    unsure = editor.post(send_page(issue_id, "/cancel"))
    assert (unsure.status_code, "Tick the box first" in unsure.text) == (422, True)
    assert stored(site, issue_id).state is IssueState.SENDING
    assert (
        "Nobody else gets it" in editor.post(send_page(issue_id, "/cancel"), {"sure": "yes"}).text
    )
    assert stored(site, issue_id).state is IssueState.CANCELLED
    assert acts(site, issue_id) == [
        "issue.sent",
        "issue.paused",
        "issue.resumed",
        "issue.cancelled",
    ]


def test_the_overview_leads_to_what_is_under_way(site: RunningSite, editor: Browser) -> None:
    issue_id = ready(site)
    assert f'href="{send_page(issue_id)}"' in editor.get("/desk/").text


def test_those_that_failed_are_tried_again_by_reason(
    site: RunningSite, editor: Browser, tmp_path: Path
) -> None:
    house = House(site.runtime.database, site.clock, tmp_path)
    house.send_to("fine", "nobody", "spam")
    house.transport.answers = {
        "nobody": [refusal(550, "5.1.1 no such user")],
        "spam": [refusal(554, "5.7.1 not from you")],
    }
    house.work()
    path = send_page(house.issue_id)
    page = editor.get(path).text
    assert "1: refused 5.1.1" in page
    assert "1: refused 5.7.1" in page
    none = editor.post(f"{path}/retry")
    assert (none.status_code, "Tick at least one reason" in none.text) == (422, True)
    assert "1 reader tried again" in editor.post(f"{path}/retry", {"reason": "refused 5.7.1"}).text
    assert site.queue.enqueued == [(Task.SWEEP, (), Queue.PERIODIC)]
    house.work()
    assert house.transport.got == {"fine": 1, "spam": 1}
    assert "refused 5.7.1" not in editor.get(path).text
    assert acts(site, house.issue_id) == ["issue.retried"]


def test_set_off_by_several_at_the_same_moment_it_starts_once(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = ready(site, grace="none")
    path = send_page(issue_id, "/confirm")
    token = editor.token(path)
    database = site.runtime.database

    def at_the_desk() -> object:
        form = {"form_token": token, "when": "now"}
        return editor.client.post(send_page(issue_id, "/start"), data=form).status_code

    def by_command() -> object:
        with database.transaction() as session:
            return move(session, issue_id, Event.SEND, clock=site.clock).state

    outcomes = [
        outcome for _ in range(2) for outcome in at_once(2, by_command) + at_once(2, at_the_desk)
    ]
    assert outcomes.count(IssueState.SENDING) + outcomes.count(303) == 1
    assert acts(site, issue_id).count("issue.sent") == outcomes.count(303)
    started = stored(site, issue_id).started_at
    for _ in range(2):
        prepare_issue(
            database,
            issue_id,
            renderer=RENDERER,
            base_url=SETTINGS.base_url,
            clock=site.clock,
            queue=site.queue,
        )
    with database.read() as session:
        assert audit(session, issue_id).audience == 3
    assert started == stored(site, issue_id).started_at
