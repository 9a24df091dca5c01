"""Approving at the desk: who may, whose second look is wanted, and what changed meanwhile."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from alerts.delivery.publishing import approve_issue
from alerts.errors import Refused
from alerts.newsletters.editing.service import change_composition
from alerts.newsletters.models import Issue, IssueState
from alerts.staff.audit import COMMAND_LINE, Actor, Subject, record
from alerts.staff.models import ActorKind, AuditEntry
from alerts.staff.permissions import Role
from tests.data.web.running import RunningSite
from tests.desk_world import Browser, at_the_desk
from tests.factories import RENDERER, SETTINGS
from tests.issues_world import a_draft, change_newsletter, confirmed, send_page, stored

BIRAGO = "birago@example.org"


def test_approving_freezes_and_is_told(site: RunningSite, editor: Browser) -> None:
    issue_id = a_draft(site)
    page = editor.post(send_page(issue_id, "/approve"))
    assert "The issue is approved. Nothing has left yet." in page.text
    assert "Approved by ama@example.org" in page.text
    issue = stored(site, issue_id)
    assert issue.state is IssueState.APPROVED
    assert issue.content_checksum
    assert (
        "The issue is approved: it cannot approve"
        in editor.post(send_page(issue_id, "/approve")).text
    )


def test_what_somebody_else_changed_meanwhile_is_not_approved(
    site: RunningSite, editor: Browser
) -> None:
    issue_id = a_draft(site)
    page = editor.get(send_page(issue_id)).text
    seen = re.search(r'name="version" value="(\d+)"', page)
    assert seen
    with site.runtime.database.transaction() as session:
        change_composition(
            session,
            issue_id,
            lambda now, _: replace(now, subject="Something else"),
            actor=COMMAND_LINE,
            clock=site.clock,
        )
    refused = editor.post(send_page(issue_id, "/approve"), {"version": seen[1]})
    assert refused.status_code == 422
    assert "was changed since you opened this page" in refused.text
    assert stored(site, issue_id).state is IssueState.DRAFT
    now = re.search(r'name="version" value="(\d+)"', refused.text)
    assert now
    assert "is approved" in editor.post(send_page(issue_id, "/approve"), {"version": now[1]}).text


def edited_by(site: RunningSite, issue_id: int, account_id: int) -> None:
    with site.runtime.database.transaction() as session:
        actor = Actor(ActorKind.ACCOUNT, account_id=account_id)
        record(session, actor, "issue.changed", Subject("issue", issue_id), clock=site.clock)


def account_of(site: RunningSite, issue_id: int) -> int:
    with site.runtime.database.read() as session:
        found = session.scalar(
            select(AuditEntry.account_id)
            .where(AuditEntry.subject_id == str(issue_id), AuditEntry.subject_kind == "issue")
            .order_by(AuditEntry.id.desc())
        )
    assert found
    return found


def test_a_second_person_approves_what_the_first_one_changed(
    site: RunningSite, editor: Browser
) -> None:
    change_newsletter(site, approval="second")
    issue_id = a_draft(site)
    editor.post(send_page(issue_id, "/test"), {"to": "ama@example.org"})
    edited_by(site, issue_id, account_of(site, issue_id))
    assert "wants a second person" in editor.get(send_page(issue_id)).text
    refused = editor.post(send_page(issue_id, "/approve"))
    assert (refused.status_code, "wants a second person" in refused.text) == (422, True)
    assert stored(site, issue_id).state is IssueState.DRAFT
    with at_the_desk(site, Role.EDITOR, BIRAGO) as other:
        assert "is approved" in other.post(send_page(issue_id, "/approve")).text
    # Two have looked at it: whoever may send sends it.
    assert "leaves in a moment" in confirmed(editor, issue_id, when="now").text


def test_who_lets_a_warning_stand_has_changed_nothing_and_may_approve(
    site: RunningSite, editor: Browser
) -> None:
    change_newsletter(site, approval="second")
    issue_id = a_draft(site)
    editor.post(send_page(issue_id, "/test"), {"to": "ama@example.org"})
    edited_by(site, issue_id, account_of(site, issue_id))
    with site.runtime.database.transaction() as session:
        values = {"subject": "A test"}
        session.execute(update(Issue).where(Issue.id == issue_id).values(values))
    with at_the_desk(site, Role.EDITOR, BIRAGO) as other:
        checks = f"/desk/issues/{issue_id}/checks"
        warnings = other.get(checks).text.partition('id="warnings-title"')[2]
        found = re.search(r'name="finding" value="([^"]+)"', warnings)
        assert found
        stands = {"finding": found[1], "reason": "It is meant"}
        assert "Overruled, with your name" in other.post(f"{checks}/overrule", stands).text
        assert "is approved" in other.post(send_page(issue_id, "/approve")).text


def test_what_nobody_changed_is_approved_by_one_and_sent_by_another(
    site: RunningSite, editor: Browser
) -> None:
    change_newsletter(site, approval="second")
    issue_id = a_draft(site)
    assert "is approved" in editor.post(send_page(issue_id, "/approve")).text
    editor.get(send_page(issue_id, "/confirm"))
    refused = editor.post(send_page(issue_id, "/start"), {"when": "now"})
    assert "nobody else has looked at it" in refused.text
    assert stored(site, issue_id).state is IssueState.APPROVED
    with at_the_desk(site, Role.EDITOR, BIRAGO) as other:
        assert "leaves in a moment" in confirmed(other, issue_id, when="now").text


def test_who_may_do_what(site: RunningSite, editor: Browser) -> None:
    issue_id = a_draft(site)
    with at_the_desk(site, Role.OPS, BIRAGO) as ops:
        page = ops.get(send_page(issue_id)).text
        assert "Approve the issue" not in page
        assert "Send a test mail" in page
        assert ops.post(send_page(issue_id, "/approve")).status_code == 403
    assert stored(site, issue_id).state is IssueState.DRAFT
    assert editor.client.get("/desk/issues/999/send").status_code == 404
    assert site.client.get(send_page(issue_id)).status_code == 303


def test_the_command_line_is_nobody_where_two_people_are_wanted(site: RunningSite) -> None:
    change_newsletter(site, approval="second")
    issue_id = a_draft(site)
    with (
        site.runtime.database.transaction() as session,
        pytest.raises(Refused, match="wants two people behind each issue"),
    ):
        approve_issue(
            session,
            issue_id,
            by="root",
            settings=SETTINGS,
            renderer=RENDERER,
            clock=site.clock,
        )
