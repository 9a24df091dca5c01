"""A draft's numbers corrected by somebody: in the log, and as a version of the issue."""

from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.newsletters.editing.composing import composition_of
from alerts.newsletters.editing.versions import keep_first, note_change
from alerts.newsletters.issues import get_issue
from alerts.newsletters.models import VersionKind
from alerts.newsletters.numbering import Numbers
from alerts.newsletters.numbers import Renumbered, renumber
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.staff.audit import Actor, Subject, record


def renumber_issue(
    session: Session,
    issue_id: int,
    wanted: Numbers,
    *,
    seen: Numbers | None = None,
    actor: Actor,
    clock: Clock,
) -> Renumbered:
    """Correct the numbers of a draft as `renumber` does, and raise what it raises.

    Whoever is composing the issue meanwhile is told: its subject may follow the numbers.
    """
    issue = get_issue(session, issue_id)
    definition = definition_of(get_newsletter(session, issue.newsletter))
    before = composition_of(issue, definition)
    done = renumber(session, issue_id, wanted, seen=seen)
    if done.before != done.after:
        keep_first(session, issue, before)
        note_change(session, issue, definition, VersionKind.SAVED, actor=actor, clock=clock)
        record(
            session,
            actor,
            "issue.renumbered",
            Subject("issue", issue_id),
            clock=clock,
            before=done.before.label if done.before else "",
            after=done.after.label,
        )
    return done
