"""Who may do what: the whole table, and scopes that never go beyond it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.errors import Invalid
from alerts.staff.permissions import (
    Permission,
    Role,
    in_force,
    may,
    parse_role,
    parse_scopes,
    permissions_of,
)

# Written out by hand: a change of the table has to be meant. e editor, o ops; admin may all.
TABLE = {
    "articles.read": "eo",
    "articles.write": "e",
    "sources.edit": "eo",
    "issues.read": "eo",
    "issues.edit": "e",
    "issues.approve": "e",
    "issues.send": "eo",
    "newsletters.edit": "e",
    "schedules.edit": "eo",
    "subscribers.read": "eo",
    "subscribers.write": "o",
    "subscribers.erase": "o",
    "reports.read": "eo",
    "operations.read": "o",
    "operations.write": "o",
    "audit.read": "o",
    "staff.manage": "",
}


def test_the_table_is_the_one_that_is_meant() -> None:
    assert set(TABLE) == set(Permission)
    for permission in Permission:
        roles = {Role.EDITOR: "e", Role.OPS: "o"}
        for role, letter in roles.items():
            assert may(role, permission) == (letter in TABLE[permission]), (role, permission)
        assert may(Role.ADMIN, permission)


@given(st.sets(st.sampled_from([*Permission, "issues.fold", ""])), st.sampled_from(Role))
def test_a_token_may_what_it_was_given_and_its_owner_may(scopes: set[str], role: Role) -> None:
    allowed = in_force(scopes, role)
    assert allowed == {p for p in Permission if p in scopes and p in permissions_of(role)}


def test_names_are_read_or_refused() -> None:
    assert parse_role(" Ops ") is Role.OPS
    with pytest.raises(Invalid, match="editor, ops, admin would be right"):
        parse_role("owner")
    assert parse_scopes(["issues.send", "Articles.read ", "issues.send"]) == (
        Permission.ARTICLES_READ,
        Permission.ISSUES_SEND,
    )
    with pytest.raises(Invalid, match=r"'issues\.\*' is no scope"):
        parse_scopes(["issues.*"])
