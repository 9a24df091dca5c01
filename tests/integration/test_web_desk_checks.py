"""The checks of an issue at the desk: what is wrong, what may stand, which links were looked at."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.models import Issue, IssueState
from alerts.rendering.lint import LinkVerdict
from alerts.rendering.reviewing.models import LinkCheck, Overruling
from alerts.staff.models import AuditEntry
from alerts.staff.permissions import Role
from alerts.subscribers.models import Frequency
from alerts.task_queue import Queue, Task
from tests.data.rendering import samples
from tests.data.web.running import RunningSite, running_site
from tests.desk_world import Browser, at_the_desk
from tests.integration.test_web_desk_looking import words

HERE = "/desk/issues/1/checks"


@pytest.fixture
def site(database: Database, clock: FixedClock, tmp_path: Path) -> Iterator[RunningSite]:
    with running_site(database, clock, tmp_path) as site:
        content = replace(samples.gp_alert(), subject="Test of the alert")
        site.add_issue(content, 12, frequency=Frequency.IMMEDIATE, state=IssueState.APPROVED)
        yield site


def set_subject(site: RunningSite, subject: str) -> None:
    with site.runtime.database.transaction() as session:
        issue = session.scalars(select(Issue)).one()
        issue.subject = subject
        issue.content = (issue.content or {}) | {"subject": subject}


def finding_of(page: str, words: str) -> str:
    """Return the fingerprint in the form of the warning that says these words."""
    warning = page.partition(words)[2]
    found = re.search(r'name="finding" value="([0-9a-f]{64})"', warning)
    assert found
    return found[1]


def test_findings_are_told_by_level_with_a_way_to_mend_each(
    site: RunningSite, editor: Browser
) -> None:
    set_subject(site, "Test")
    page = words(editor.get(HERE).text)
    assert "Nothing stands against approval; 4 warnings want a look" in page
    assert "The subject holds the word 'Test'. Take the word out" in page
    assert "4 notes that ask for nothing" in page
    assert "KB of the 102 KB that Gmail shows" in page
    assert "No group’s edition is larger." in page
    set_subject(site, "")
    assert "1 error must be mended before this issue can be approved" in words(
        editor.get(HERE).text
    )


def test_a_warning_is_overruled_with_a_reason_and_comes_back_when_it_changes(
    site: RunningSite, editor: Browser
) -> None:
    set_subject(site, "Test")
    page = editor.get(HERE).text
    finding = finding_of(page, "holds the word")
    short = editor.post(f"{HERE}/overrule", {"finding": finding, "reason": "ok"})
    assert short.status_code == 422
    assert "Say why it may stand" in words(short.text)
    assert 'value="ok"' in short.text
    done = editor.post(f"{HERE}/overrule", {"finding": finding, "reason": "It is about a test"})
    told = words(done.text)
    assert "3 warnings want a look" in told
    assert "“It is about a test”, ama@example.org" in told
    assert told.index("Overruled") < told.index("“It is about a test”")
    set_subject(site, "Test again")
    assert "4 warnings want a look" in words(editor.get(HERE).text)
    set_subject(site, "Test")
    back = editor.post(f"{HERE}/restore", {"finding": finding})
    assert "4 warnings want a look" in words(back.text)
    with site.runtime.database.read() as session:
        assert session.scalars(select(Overruling)).all() == []
        acts = [
            entry.act for entry in session.scalars(select(AuditEntry)) if "warning" in entry.act
        ]
    assert acts == ["issue.warning_overruled", "issue.warning_restored"]


def test_a_warning_that_is_mended_meanwhile_cannot_be_overruled(
    site: RunningSite, editor: Browser
) -> None:
    set_subject(site, "Test")
    finding = finding_of(editor.get(HERE).text, "holds the word")
    set_subject(site, "A subject")
    gone = editor.post(f"{HERE}/overrule", {"finding": finding, "reason": "It is meant"})
    assert gone.status_code == 404
    assert "what it was about has changed" in gone.text


def test_ops_see_the_checks_and_overrule_nothing(site: RunningSite) -> None:
    with at_the_desk(site, Role.OPS) as ops:
        page = ops.get(HERE)
        assert page.status_code == 200
        assert "Overrule it" not in page.text
        refused = ops.post(f"{HERE}/overrule", {"finding": "x", "reason": "It is meant"})
        assert refused.status_code == 403


def test_links_are_asked_for_when_the_page_is_opened_and_told_when_known(
    site: RunningSite, editor: Browser
) -> None:
    first = words(editor.get(HERE).text)
    assert "7 links still being looked at" in first
    tasks = [task for task in site.queue.enqueued if task[0] is Task.CHECK_LINKS]
    assert [(len(ids), queue) for _, ids, queue in tasks] == [(1, Queue.PREPARATION)]
    editor.get(HERE)
    assert len([task for task in site.queue.enqueued if task[0] is Task.CHECK_LINKS]) <= 2
    with site.runtime.database.transaction() as session:
        for check in session.scalars(select(LinkCheck)):
            check.verdict, check.checked_at, check.due_at = LinkVerdict.FINE, site.clock.now(), None
            if "1250" in check.url:
                check.verdict, check.words = LinkVerdict.DEAD, "the page is gone (404)"
    page = words(editor.get(HERE).text)
    assert "still being looked at" not in page
    assert "is dead, the page is gone (404)" in page
    assert "1 reload" not in page
    again = words(editor.post(f"{HERE}/links").text)
    assert "7 links to be looked at; reload in a moment." in again
    with site.runtime.database.read() as session:
        assert all(check.due_at for check in session.scalars(select(LinkCheck)))


def test_dead_links_of_one_site_are_one_warning_that_is_overruled_once(
    site: RunningSite, editor: Browser
) -> None:
    editor.get(HERE)
    with site.runtime.database.transaction() as session:
        for check in session.scalars(select(LinkCheck)):
            check.verdict, check.checked_at, check.due_at = LinkVerdict.DEAD, site.clock.now(), None
            check.words = "the page is gone (404)"
    page = editor.get(HERE).text
    several = re.search(r"(\d+) links to ([\w.]+) are dead\.", page)
    assert several
    within = page.partition('class="finding-parts"')[2].partition("</ul>")[0]
    assert within.count("<li>") == int(several[1]) >= 3
    assert within.count('href="/desk/articles/') == int(several[1])
    answer = {"finding": finding_of(page, several[0]), "reason": "The site moves today"}
    after = editor.post(f"{HERE}/overrule", answer).text
    assert several[0] not in after.partition(">Overruled<")[0]
    assert several[0] in after.partition(">Overruled<")[2]


def test_an_issue_that_is_not_there(editor: Browser) -> None:
    assert editor.get("/desk/issues/99/checks").status_code == 404
