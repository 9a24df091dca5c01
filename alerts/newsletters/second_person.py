"""Two people behind an issue, where its newsletter asks for them (`approval = "second"`).

Whoever last changed an issue may not approve it. Where nobody at the desk changed it, as with one
that a schedule drafted, whoever approves it is the first to look at it, and may not send it. What
was approved cannot change any more, so after that two people have seen what leaves, and whoever
may send may send it.

Who did what is in the audit log. The command line has no accounts: it is nobody in particular, and
cannot be one of the two.
"""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from alerts.errors import Refused
from alerts.newsletters.models import Issue
from alerts.newsletters.service import definition_of, get_newsletter
from alerts.staff.audit import Actor
from alerts.staff.models import AuditEntry

SECOND = "second"
_APPROVED = "issue.approved"
# What is done with an issue without changing what it says; everything else is a change.
_NO_CHANGE = (
    _APPROVED,
    "issue.tested",
    "issue.scheduled",
    "issue.sent",
    "issue.undone",
    "issue.reopened",
    "issue.paused",
    "issue.resumed",
    "issue.cancelled",
    "issue.retried",
    "issue.warning_overruled",
    "issue.warning_restored",
)


def wants_second(session: Session, issue: Issue) -> bool:
    """Tell whether an issue's newsletter asks for two people."""
    return definition_of(get_newsletter(session, issue.newsletter)).approval == SECOND


def check_approver(session: Session, issue: Issue, actor: Actor | None) -> None:
    """Raise Refused where somebody may not approve an issue, since they last changed it."""
    if not wants_second(session, issue):
        return
    account_id = _account(actor, "approve", issue)
    if last_editor(session, issue.id) == account_id:
        raise Refused(
            f"you drafted issue {issue.id} or changed it last, and {issue.newsletter} wants a"
            " second person to look at it; ask somebody else to approve it"
        )


def check_sender(session: Session, issue: Issue, actor: Actor | None) -> None:
    """Raise Refused where somebody may not send an issue, since nobody else has looked at it."""
    if not wants_second(session, issue) or last_editor(session, issue.id) is not None:
        return
    account_id = _account(actor, "send", issue)
    if approver(session, issue.id) == account_id:
        raise Refused(
            f"you approved issue {issue.id}, nobody else has looked at it, and {issue.newsletter}"
            " wants a second person; ask somebody else to send it"
        )


def last_editor(session: Session, issue_id: int) -> int | None:
    """Return the account of whoever changed an issue last; None where nobody with one did."""
    return session.scalar(_actors(issue_id).where(AuditEntry.act.not_in(_NO_CHANGE)))


def approver(session: Session, issue_id: int) -> int | None:
    """Return the account of whoever approved an issue last; None for none."""
    return session.scalar(_actors(issue_id).where(AuditEntry.act == _APPROVED))


def _actors(issue_id: int) -> Select[int | None]:
    """Return the query for who, of those with an account, acted last on an issue."""
    return (
        select(AuditEntry.account_id)
        .where(AuditEntry.subject_kind == "issue", AuditEntry.subject_id == str(issue_id))
        .where(AuditEntry.account_id.is_not(None))
        .order_by(AuditEntry.id.desc())
        .limit(1)
    )


def _account(actor: Actor | None, verb: str, issue: Issue) -> int:
    if actor is None or actor.account_id is None:
        raise Refused(
            f"{issue.newsletter} wants two people behind each issue: {verb} issue {issue.id} at the"
            " desk, where it is known who you are"
        )
    return actor.account_id
