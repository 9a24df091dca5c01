"""Accounts, tokens and the log in the form that scripts read; times are RFC 3339 in UTC."""

from typing import Any

from alerts.clock import rfc3339
from alerts.staff.audit import AuditLine
from alerts.staff.models import ApiToken, StaffAccount


def account_json(account: StaffAccount) -> dict[str, Any]:
    """Return an account; `state` is `invited` (no password yet), `active` or `removed`."""
    return {
        "id": account.id,
        "email": account.email,
        "name": account.name,
        "role": account.role.value,
        "state": _state(account),
        "second_factor": account.has_second_factor,
        "created_at": rfc3339(account.created_at),
        "password_set_at": rfc3339(account.password_set_at),
        "last_log_in_at": rfc3339(account.last_log_in_at),
        "removed_at": rfc3339(account.removed_at),
    }


def token_json(row: ApiToken) -> dict[str, Any]:
    """Return an API token's row; the token itself is known to its holder alone."""
    return {
        "id": row.id,
        "name": row.name,
        "hint": row.hint,
        "scopes": row.scopes,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at),
        "last_used_at": rfc3339(row.last_used_at),
        "last_network": row.last_network,
        "revoked_at": rfc3339(row.revoked_at),
    }


def audit_json(line: AuditLine) -> dict[str, Any]:
    """Return an entry of the log, with what its actor is called now."""
    entry = line.entry
    return {
        "id": entry.id,
        "at": rfc3339(entry.at),
        "actor": entry.actor.value,
        "account": line.account,
        "token": line.token,
        "act": entry.act,
        "subject": {"kind": entry.subject_kind, "id": entry.subject_id},
        "network": entry.network,
        "details": entry.details,
    }


def _state(account: StaffAccount) -> str:
    if account.removed_at is not None:
        return "removed"
    return "active" if account.password_hash else "invited"
