"""For how long rows of the staff are kept once they are over."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_

from alerts.staff.models import AuditEntry, Lock, LogInTry, PasswordLink, StaffSession

_TRIES_KEPT = timedelta(days=90)
_LOCKS_KEPT = timedelta(days=1)


def ended_sessions(now: datetime, *, idle: timedelta) -> ColumnElement[bool]:
    """Return the condition that a session is over, or was not used for so long."""
    return or_(StaffSession.expires_at <= now, StaffSession.last_seen_at <= now - idle)


def ended_links(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a link to set a password no longer serves."""
    return PasswordLink.expires_at <= now


def old_locks(now: datetime) -> ColumnElement[bool]:
    """Return the condition that nobody tried for a day where a lock counts tries."""
    return Lock.last_at <= now - _LOCKS_KEPT


def old_tries(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a try to log in was 90 days ago."""
    return LogInTry.at <= now - _TRIES_KEPT


def old_entries(before: datetime) -> ColumnElement[bool]:
    """Return the condition that an entry of the audit log is from before a moment.

    Entries of the last year are kept by the database itself, whatever is asked for.
    """
    return AuditEntry.at < before
