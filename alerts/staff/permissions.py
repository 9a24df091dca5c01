"""Who may do what: one table, and the one place that decides. Pure."""

import enum
from collections.abc import Collection, Iterable

from alerts.errors import Invalid


class Role(enum.StrEnum):
    """What somebody is in the newsroom."""

    EDITOR = "editor"
    OPS = "ops"
    ADMIN = "admin"


class Permission(enum.StrEnum):
    """One thing that may be done; API tokens name their scopes by the same words."""

    ARTICLES_READ = "articles.read"
    ARTICLES_WRITE = "articles.write"
    SOURCES_EDIT = "sources.edit"
    ISSUES_READ = "issues.read"
    ISSUES_EDIT = "issues.edit"
    ISSUES_APPROVE = "issues.approve"
    ISSUES_SEND = "issues.send"
    NEWSLETTERS_EDIT = "newsletters.edit"
    SCHEDULES_EDIT = "schedules.edit"
    SUBSCRIBERS_READ = "subscribers.read"
    SUBSCRIBERS_WRITE = "subscribers.write"
    SUBSCRIBERS_ERASE = "subscribers.erase"
    REPORTS_READ = "reports.read"
    OPERATIONS_READ = "operations.read"
    OPERATIONS_WRITE = "operations.write"
    AUDIT_READ = "audit.read"
    STAFF_MANAGE = "staff.manage"


_P = Permission
# What both editors and ops look at, and where articles come from.
_SHARED = frozenset({_P.ARTICLES_READ, _P.ISSUES_READ, _P.REPORTS_READ, _P.SOURCES_EDIT})

# Editors decide what is published; ops see to it that it arrives, and answer for readers' data.
# A sending that goes wrong is stopped by whoever sees it first: `issues.send` is in both.
_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.EDITOR: _SHARED
    | {
        _P.ARTICLES_WRITE,
        _P.ISSUES_EDIT,
        _P.ISSUES_APPROVE,
        _P.ISSUES_SEND,
        _P.NEWSLETTERS_EDIT,
        _P.SCHEDULES_EDIT,
        _P.SUBSCRIBERS_READ,
    },
    Role.OPS: _SHARED
    | {
        _P.ISSUES_SEND,
        _P.SCHEDULES_EDIT,
        _P.SUBSCRIBERS_READ,
        _P.SUBSCRIBERS_WRITE,
        _P.SUBSCRIBERS_ERASE,
        _P.OPERATIONS_READ,
        _P.OPERATIONS_WRITE,
        _P.AUDIT_READ,
    },
    Role.ADMIN: frozenset(_P),
}


def may(role: Role, permission: Permission) -> bool:
    """Tell whether somebody with a role may do something."""
    return permission in _PERMISSIONS[role]


def permissions_of(role: Role) -> frozenset[Permission]:
    """Return all that somebody with a role may do."""
    return _PERMISSIONS[role]


def parse_role(text: str) -> Role:
    """Return the role of a name; raises Invalid."""
    try:
        return Role(text.strip().lower())
    except ValueError as error:
        raise Invalid(f"{text!r} is no role; {', '.join(Role)} would be right") from error


def parse_scopes(names: Iterable[str]) -> tuple[Permission, ...]:
    """Return the permissions of these names, sorted, each once; raises Invalid for another."""
    found = set()
    for name in names:
        try:
            found.add(Permission(name.strip().lower()))
        except ValueError as error:
            raise Invalid(f"{name!r} is no scope; there are {', '.join(Permission)}") from error
    return tuple(sorted(found))


def in_force(scopes: Collection[str], role: Role) -> frozenset[Permission]:
    """Return what a token with these scopes may do for an owner with this role.

    Never more than the owner may at this moment; scopes that no longer exist count for nothing.
    """
    return frozenset(p for p in _PERMISSIONS[role] if p.value in scopes)
