"""Rows of the staff that nobody needs any longer."""

from datetime import datetime, timedelta

from sqlalchemy import Delete, delete, or_
from sqlalchemy.orm import Session

from alerts.errors import Invalid
from alerts.staff.guard import Guard
from alerts.staff.models import AuditEntry, Lock, LogInTry, PasswordLink, StaffSession

TRIES_KEPT = timedelta(days=90)
_LOCKS_KEPT = timedelta(days=1)
# The database itself keeps entries of a year; a leap year and a clock that is off go on top.
AUDIT_KEPT_AT_LEAST = timedelta(days=367)


def prune_staff(guard: Guard, *, tries_kept: timedelta = TRIES_KEPT) -> int:
    """Delete sessions and links that have ended, old locks and tries; return how many rows."""
    now = guard.clock.now()
    queries: list[Delete] = [
        delete(StaffSession).where(
            or_(StaffSession.expires_at <= now, StaffSession.last_seen_at <= now - guard.idle)
        ),
        delete(PasswordLink).where(PasswordLink.expires_at <= now),
        delete(Lock).where(Lock.last_at <= now - _LOCKS_KEPT),
        delete(LogInTry).where(LogInTry.at <= now - tries_kept),
    ]
    with guard.database.transaction() as session:
        return sum(session.connection().execute(query).rowcount for query in queries)


def prune_audit(session: Session, *, before: datetime, now: datetime) -> int:
    """Delete entries of the audit log from before a moment; return how many.

    Raises Invalid for a moment less than 367 days ago: the log of a year is kept whatever happens.
    """
    if now - before < AUDIT_KEPT_AT_LEAST:
        raise Invalid("the audit log keeps a year at least; name a day 367 days ago or earlier")
    query = delete(AuditEntry).where(AuditEntry.at < before)
    return session.connection().execute(query).rowcount
