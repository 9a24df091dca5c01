"""Accounts, the last admin, API tokens and the audit log, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from alerts.clock import FixedClock, SystemClock
from alerts.config import Settings
from alerts.database import Database
from alerts.errors import Invalid, NotFound, Refused
from alerts.operations.pruning import prune
from alerts.staff import service
from alerts.staff.api_tokens import (
    make_token,
    revoke_token,
    token_visit_of,
)
from alerts.staff.audit import COMMAND_LINE, Actor, Subject, audit_page, record
from alerts.staff.models import (
    ActorKind,
    ApiToken,
    AuditEntry,
    LogInTry,
    StaffAccount,
    StaffSession,
)
from alerts.staff.permissions import Permission, Role
from alerts.staff.queries import find_account, list_accounts
from tests.staff_world import AMA, HOST, StaffRoom, at_once

LI = "li@example.org"


@pytest.fixture
def room(database: Database, clock: FixedClock) -> StaffRoom:
    return StaffRoom(database, clock)


def remove(room: StaffRoom, email: str) -> None:
    with room.database.transaction() as session:
        account = find_account(session, email)
        service.remove_account(session, account, actor=COMMAND_LINE, clock=room.clock)


def give(room: StaffRoom, email: str, role: Role) -> bool:
    with room.database.transaction() as session:
        account = find_account(session, email)
        return service.change_role(session, account, role, actor=COMMAND_LINE, clock=room.clock)


def test_an_address_has_one_account(room: StaffRoom) -> None:
    room.add()
    with pytest.raises(Refused, match="has an account already"):
        room.add("AMA@example.org")
    added = at_once(4, lambda: room.add(LI, password=None))
    assert sum(isinstance(result, int) for result in added) == 1
    with room.database.read() as session:
        assert [account.email for account in list_accounts(session)] == [AMA, LI]
        with pytest.raises(NotFound, match=r"zoe@example[.]org has no account"):
            find_account(session, "zoe@example.org")


def test_the_last_admin_stays(room: StaffRoom) -> None:
    room.add(role=Role.ADMIN)
    room.add(LI, role=Role.ADMIN, password=None)
    for act in (lambda: remove(room, AMA), lambda: give(room, AMA, Role.EDITOR)):
        with pytest.raises(Refused, match="last admin"):
            act()
    # Whoever was added by mistake and never set a password can go.
    remove(room, LI)
    room.add(LI, role=Role.ADMIN)
    assert give(room, AMA, Role.OPS)
    assert not give(room, AMA, Role.OPS)
    with pytest.raises(Refused, match="last admin"):
        remove(room, LI)


def test_two_admins_who_remove_each_other_at_once_are_not_both_gone(room: StaffRoom) -> None:
    room.add(role=Role.ADMIN)
    room.add(LI, role=Role.ADMIN)
    emails = [AMA, LI]
    results = at_once(2, lambda: remove(room, emails.pop()))
    assert sum(isinstance(result, Refused) for result in results) == 1
    with room.database.read() as session:
        assert len(list_accounts(session)) == 1


def test_who_was_removed_leaves_what_was_done_and_nothing_of_themselves(room: StaffRoom) -> None:
    ama = room.add()
    visit = room.visit(room.log_in())
    with room.database.transaction() as session:
        account = session.get_one(StaffAccount, ama)
        account.name = "Ama"
        record(session, visit.actor, "issue.approved", Subject("issue", 7), clock=room.clock)
    remove(room, AMA)
    gone = room.account(ama)
    assert (gone.email, gone.email_key, gone.name, gone.password_hash) == (None,) * 4
    with room.database.read() as session:
        assert session.scalar(select(func.count()).select_from(StaffSession)) == 0
        assert session.scalars(select(LogInTry.network)).all() == [None]
        [line] = audit_page(session, subject=Subject("issue", 7)).lines
        assert line.account == f"former staff {ama}"
        assert list_accounts(session) == []
        assert [account.id for account in list_accounts(session, removed=True)] == [ama]
    with pytest.raises(NotFound):
        remove(room, AMA)
    assert room.add() != ama


def test_a_token_may_no_more_than_its_owner_may_now(room: StaffRoom) -> None:
    ama = room.add()
    with room.database.transaction() as session:
        account = session.get_one(StaffAccount, ama)
        given = {"actor": COMMAND_LINE, "clock": room.clock}
        for wrong, name, life, reason in (
            (["subscribers.erase"], "x", 90, "ama@example.org is editor and may not"),
            (["issues.fold"], "x", 90, "is no scope"),
            ([], "x", 90, "needs a scope"),
            (["issues.read"], " ", 90, "needs a name"),
            (["issues.read"], "x", 367, "a year at most"),
        ):
            with pytest.raises(Invalid, match=reason):
                make_token(
                    session,
                    account,
                    name=name,
                    scopes=wrong,
                    life=timedelta(days=life),
                    **given,  # type: ignore[arg-type]  # said once
                )
        scopes = ["articles.write", "issues.read"]
        token, row = make_token(session, account, name="CMS", scopes=scopes, **given)  # type: ignore[arg-type]  # said once
    assert token not in str(vars(row))
    visit = token_visit_of(room.guard, token, address=HOST)
    assert visit is not None
    assert visit.actor == Actor(ActorKind.TOKEN, ama, row.id, HOST)
    assert visit.permissions == {Permission.ARTICLES_WRITE, Permission.ISSUES_READ}
    with room.database.read() as session:
        used = session.get_one(ApiToken, row.id)
        assert (used.last_used_at, used.last_network) == (room.clock.now(), HOST)
    give(room, AMA, Role.OPS)
    visit = token_visit_of(room.guard, token)
    assert visit is not None
    assert visit.permissions == {Permission.ISSUES_READ}
    for wrong_token in (token[:-1] + ("0" if token[-1] != "0" else "1"), "", token + "x", "é"):
        assert token_visit_of(room.guard, wrong_token) is None
    room.clock.advance(timedelta(days=90))
    assert token_visit_of(room.guard, token) is None


def test_tokens_end_when_they_are_revoked_or_their_owner_goes(room: StaffRoom) -> None:
    ama, li = room.add(), room.add(LI)
    made = []
    for owner in (ama, li):
        with room.database.transaction() as session:
            made.append(
                make_token(
                    session,
                    session.get_one(StaffAccount, owner),
                    name="CMS",
                    scopes=["issues.read"],
                    actor=COMMAND_LINE,
                    clock=room.clock,
                )
            )
    number = made[0][1].id
    with room.database.transaction() as session:
        with pytest.raises(NotFound):
            revoke_token(session, li, number, actor=COMMAND_LINE, clock=room.clock)
        assert revoke_token(session, ama, number, actor=COMMAND_LINE, clock=room.clock)
        assert not revoke_token(session, None, number, actor=COMMAND_LINE, clock=room.clock)
    assert token_visit_of(room.guard, made[0][0]) is None
    assert token_visit_of(room.guard, made[1][0]) is not None
    remove(room, LI)
    assert token_visit_of(room.guard, made[1][0]) is None


def test_the_log_is_read_by_the_page(room: StaffRoom) -> None:
    ama = room.add()
    start = room.clock.now()
    with room.database.transaction() as session:
        for number in range(5):
            room.clock.advance(timedelta(minutes=1))
            actor = Actor(ActorKind.ACCOUNT, ama, network=HOST) if number % 2 else COMMAND_LINE
            what = Subject("issue", number // 2)
            record(session, actor, "issue.edited", what, clock=room.clock, number=number)
    with room.database.read() as session:
        first = audit_page(session, limit=4)
        assert [line.entry.details.get("number") for line in first.lines] == [4, 3, 2, 1]
        rest = audit_page(session, limit=4, before=first.next)
        assert [line.entry.act for line in rest.lines] == ["issue.edited", "account.added"]
        assert rest.next is None
        for asked, numbers in (
            ({"subject": Subject("issue", 1)}, [3, 2]),
            ({"account_id": ama}, [3, 1]),
            ({"actor": ActorKind.COMMAND_LINE, "subject_kind": "issue"}, [4, 2, 0]),
            ({"since": start + timedelta(minutes=4)}, [4, 3]),
            ({"until": start + timedelta(minutes=2), "subject_kind": "issue"}, [0]),
        ):
            page = audit_page(session, **asked)
            assert [line.entry.details["number"] for line in page.lines] == numbers
        assert [line.account for line in audit_page(session, account_id=ama).lines] == [AMA] * 2


def test_details_are_small_and_any_database_keeps_them(room: StaffRoom) -> None:
    details = {
        "long": "x" * 900,
        "odd": "a\0b\ud800",
        "many": range(3),
        "list": list(range(30)),
        "set": {"b", "a"},
        "number": float("nan"),
        "at": room.clock.now(),
        "none": None,
    }
    with room.database.transaction() as session:
        what = Subject("article", "x" * 300)
        record(session, COMMAND_LINE, "article.added", what, clock=room.clock, **details)
        for wrong in ("approved", "Issue.approved", "issue approved", ""):
            with pytest.raises(ValueError, match="dotted verb"):
                record(session, COMMAND_LINE, wrong, what, clock=room.clock)
        many = {f"d{number}": 1 for number in range(21)}
        with pytest.raises(ValueError, match="too many"):
            record(session, COMMAND_LINE, "article.added", what, clock=room.clock, **many)
    with room.database.read() as session:
        kept = audit_page(session).lines[0].entry
    assert kept.details["long"] == "x" * 500 + "…"
    assert kept.details["odd"] == "ab?"
    assert kept.details["list"][-1] == "and 10 more"
    assert (kept.details["set"], kept.details["number"]) == (["a", "b"], "nan")
    assert (kept.details["at"], kept.details["none"]) == ("2026-11-23T06:00:00+00:00", None)


def test_entries_are_neither_changed_nor_deleted_within_a_year(room: StaffRoom) -> None:
    # The database looks at its own clock.
    now = SystemClock().now()
    old, young = now - timedelta(days=400), now - timedelta(days=300)
    with room.database.transaction() as session:
        for at in (old, young):
            what = Subject("issue", at.year)
            record(session, COMMAND_LINE, "issue.approved", what, clock=FixedClock(at))
    for query in (update(AuditEntry).values(act="issue.folded"), delete(AuditEntry)):
        with (
            pytest.raises(DBAPIError, match="stay as they are"),
            room.database.transaction() as session,
        ):
            session.execute(query)
    if not room.database.is_sqlite:
        with pytest.raises(DBAPIError, match="stay"), room.database.transaction() as session:
            session.execute(text("TRUNCATE staff_audit_entries"))
    for keep, left in ((None, [young, old]), (timedelta(days=367), [young])):
        prune(room.database, Settings(keep_log=keep), clock=FixedClock(now))
        with room.database.read() as session:
            assert [line.entry.at for line in audit_page(session).lines] == left
