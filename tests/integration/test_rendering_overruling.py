"""Warnings that may stand, until what they are about changes."""

from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.clock import FixedClock
from alerts.delivery.publishing import approve_issue, lint_issue
from alerts.errors import Conflict, Invalid, NotFound, Refused
from alerts.newsletters.issues import draft_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue
from alerts.newsletters.service import ensure_built_in
from alerts.rendering.lint import Finding, LinkVerdict, fingerprint
from alerts.rendering.reviewing.links import ask_for
from alerts.rendering.reviewing.overruling import Checked, overrule, take_back, with_overrulings
from alerts.rendering.reviewing.serialise import checked_json
from alerts.staff.audit import COMMAND_LINE
from alerts.staff.models import AuditEntry
from tests.factories import RENDERER, SETTINGS, an_article


def drafted(session: Session, clock: FixedClock, title: str = "A test for democracy") -> Issue:
    ensure_built_in(session, clock=clock)
    an_article(session, clock, title=title, standfirst="What it says.")
    issue = draft_issue(session, "gp-alert", clock=clock)
    issue.subject = "Test"
    session.flush()
    return issue


def checked(session: Session, issue: Issue) -> list[Checked]:
    findings = lint_issue(session, issue, settings=SETTINGS, renderer=RENDERER)
    return with_overrulings(session, issue.id, findings)


def named(session: Session, issue: Issue, rule: str) -> Checked:
    return next(one for one in checked(session, issue) if one.finding.rule == rule)


def let_stand(
    session: Session, issue: Issue, finding: Finding, clock: FixedClock, reason: str = "It is meant"
) -> None:
    overrule(session, issue.id, finding, reason=reason, by="Ama", actor=COMMAND_LINE, clock=clock)


def test_a_warning_stays_overruled_until_its_text_changes(
    session: Session, clock: FixedClock
) -> None:
    issue = drafted(session, clock)
    found = named(session, issue, "subject-leftover")
    assert found.stands
    let_stand(session, issue, found.finding, clock)
    again = named(session, issue, "subject-leftover")
    assert again.overruling is not None
    assert (again.stands, again.overruling.by, again.overruling.reason) == (
        False,
        "Ama",
        "It is meant",
    )
    document = checked_json(again)
    assert document["overruled"]["by"] == "Ama"
    assert {"level", "rule", "message", "fix"} <= document.keys()
    issue.subject = "Test, once more"
    assert named(session, issue, "subject-leftover").stands
    issue.subject = "Test"
    assert not named(session, issue, "subject-leftover").stands
    [entry] = session.scalars(select(AuditEntry))
    assert (entry.act, entry.subject_id) == ("issue.warning_overruled", str(issue.id))
    assert entry.details["reason"] == "It is meant"


def test_what_is_overruled_in_one_issue_counts_in_the_next(
    session: Session, clock: FixedClock
) -> None:
    issue = drafted(session, clock)
    let_stand(session, issue, named(session, issue, "subject-leftover").finding, clock)
    other = drafted(session, clock, title="Another")
    assert named(session, other, "subject-leftover").stands


def test_taking_it_back(session: Session, clock: FixedClock) -> None:
    issue = drafted(session, clock)
    found = named(session, issue, "subject-leftover")
    let_stand(session, issue, found.finding, clock)
    take_back(session, issue.id, found.fingerprint, actor=COMMAND_LINE, clock=clock)
    assert named(session, issue, "subject-leftover").stands
    with pytest.raises(NotFound):
        take_back(session, issue.id, found.fingerprint, actor=COMMAND_LINE, clock=clock)


@pytest.mark.parametrize("reason", ["", "  ", "ok", "x" * 501])
def test_a_reason_is_wanted(session: Session, clock: FixedClock, reason: str) -> None:
    issue = drafted(session, clock)
    with pytest.raises(Invalid, match="reason"):
        let_stand(session, issue, named(session, issue, "subject-leftover").finding, clock, reason)


def test_an_error_cannot_be_overruled_and_stops_approval(
    session: Session, clock: FixedClock
) -> None:
    issue = drafted(session, clock)
    issue.subject = " "
    found = named(session, issue, "subject-empty")
    with pytest.raises(Refused, match="cannot be overruled"):
        let_stand(session, issue, found.finding, clock)
    # Not even by what was said when it was a warning.
    let_stand(session, issue, replace(found.finding, level="warning"), clock)
    assert named(session, issue, "subject-empty").stands
    with pytest.raises(Refused, match="no subject"):
        approve_issue(
            session, issue.id, by="ama", settings=SETTINGS, renderer=RENDERER, clock=clock
        )


def test_two_at_once(session: Session, clock: FixedClock) -> None:
    issue = drafted(session, clock)
    found = named(session, issue, "subject-leftover").finding
    let_stand(session, issue, found, clock)
    with pytest.raises(Conflict):
        let_stand(session, issue, found, clock)
    assert fingerprint(found) != fingerprint(replace(found, content="other"))


def test_an_article_that_was_sent_before_and_a_dead_link(
    session: Session, clock: FixedClock
) -> None:
    issue = drafted(session, clock, title="Piece")
    issue.subject = "A subject"
    article = issue.items[0].article
    approve_issue(session, issue.id, by="ama", settings=SETTINGS, renderer=RENDERER, clock=clock)
    move(session, issue.id, Event.SEND, clock=clock)
    again = draft_issue(session, "gp-alert", article_ids=[article.id], clock=clock)
    found = named(session, again, "sent-before").finding
    assert "issue 1 of 23 November 2026" in found.message
    assert "sent-before" not in {one.finding.rule for one in checked(session, issue)}
    assert article.url
    ask_for(session, [article.url], clock=clock)
    assert "link-dead" not in {one.finding.rule for one in checked(session, again)}
    check = next(iter(ask_for(session, [article.url], clock=clock).states.values()))
    check.verdict, check.words = LinkVerdict.DEAD, "the page is gone (404)"
    session.flush()
    dead = named(session, again, "link-dead").finding
    assert (dead.level, dead.about) == ("warning", article.url)
