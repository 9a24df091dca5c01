"""An approved issue becomes a draft again: what was approved, and made of it, is forgotten."""

from sqlalchemy import delete
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.newsletters.editing.composing import composition_of
from alerts.newsletters.editing.versions import keep_first, note_change
from alerts.newsletters.issues import get_issue, move
from alerts.newsletters.lifecycle import Event
from alerts.newsletters.models import Issue, VersionKind
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.rendering.models import Edition
from alerts.staff.audit import Actor, Subject, record


def reopen_issue(session: Session, issue_id: int, *, actor: Actor, clock: Clock) -> Issue:
    """Make an approved or scheduled issue a draft that can be edited, and has to be approved again.

    It is no longer scheduled, and its editions are forgotten. Raises Refused for an issue in any
    other state, Conflict when its state changed at the same moment.
    """
    issue = get_issue(session, issue_id)
    was = issue.state
    definition = definition_of(get_newsletter(session, issue.newsletter))
    forget_approval(session, issue, clock=clock)
    keep_first(session, issue, composition_of(issue, definition))
    note_change(session, issue, definition, VersionKind.REOPENED, actor=actor, clock=clock)
    record(session, actor, "issue.reopened", Subject("issue", issue_id), clock=clock, was=was)
    return issue


def forget_approval(session: Session, issue: Issue, *, clock: Clock) -> None:
    """Move an issue back to a draft, and delete the editions that were made of it."""
    move(session, issue.id, Event.REOPEN, clock=clock)
    session.execute(delete(Edition).where(Edition.issue_id == issue.id))
