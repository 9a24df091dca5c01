"""Logging in, on both databases: passwords, codes, locks, sessions, races for what serves once."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select

from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.errors import Invalid, Refused
from alerts.operations.pruning import prune
from alerts.staff import service
from alerts.staff.audit import COMMAND_LINE
from alerts.staff.codes import (
    begin_second_factor,
    finish_second_factor,
    renew_recovery_codes,
    take_off_second_factor,
)
from alerts.staff.logging_in import WrongCredentials, confirm_again, give_code, log_in
from alerts.staff.models import (
    Lock,
    LogInTry,
    PasswordLink,
    SessionStage,
    StaffAccount,
    StaffSession,
)
from alerts.staff.password_changes import (
    BadLink,
    change_password,
    set_password_by_link,
    unlock_account,
)
from alerts.staff.passwords import Passwords
from alerts.staff.permissions import Permission, Role
from alerts.staff.queries import recovery_codes_left, tries_of
from alerts.staff.sessions import (
    ConfirmFirst,
    NewSession,
    NotAllowed,
    end_session,
    end_sessions,
    half_way,
    log_out,
    open_sessions,
    require,
    require_recent,
    visit_of,
)
from alerts.staff.tries import Locked
from tests.staff_world import AMA, GOOD, HOST, OTHER, StaffRoom, at_once


@pytest.fixture
def room(database: Database, clock: FixedClock) -> StaffRoom:
    return StaffRoom(database, clock)


def test_a_password_lets_in_and_every_try_is_written_down(room: StaffRoom) -> None:
    ama = room.add()
    room.add("li@example.org", password=None)
    for email, password in ((AMA, OTHER), ("nobody", GOOD), ("li@example.org", GOOD), (AMA, "")):
        with pytest.raises(WrongCredentials, match=r"^address or password is wrong$"):
            room.log_in(password, email)
    visit = room.visit(room.log_in(email=" AMA@Example.org "))
    assert (visit.account_id, visit.email, visit.network) == (ama, AMA, HOST)
    assert visit.may(Permission.ISSUES_EDIT)
    with pytest.raises(NotAllowed, match="editor may not do this"):
        require(visit, Permission.STAFF_MANAGE)
    assert room.account(ama).last_log_in_at == room.clock.now()
    wrong = ["password: wrong", "password: unknown account", "password: wrong", "password: wrong"]
    assert room.outcomes() == [*wrong, "password: accepted"]
    with room.database.read() as session:
        tries = session.scalars(select(LogInTry).order_by(LogInTry.id)).all()
        assert [row.typed is None for row in tries] == [True, False, True, True, True]
        assert [row.id for row in tries_of(session, ama, limit=2)] == [tries[4].id, tries[3].id]
        [row] = session.scalars(select(StaffSession)).all()
        assert (row.network, row.browser) == (HOST, "Firefox")


@pytest.mark.parametrize("email", [AMA, "nobody@example.org"])
def test_tries_in_vain_lock_an_address_for_ever_longer(room: StaffRoom, email: str) -> None:
    ama = room.add()
    for wait in (0, 0, 0, 0, 0, 30, 60):
        for _ in range(2 if wait else 0):
            with pytest.raises(Locked) as locked:
                room.log_in(GOOD, email, host="198.51.100.1")
            assert (locked.value.until - room.clock.now()).total_seconds() == wait
        room.clock.advance(timedelta(seconds=wait))
        with pytest.raises(WrongCredentials):
            room.log_in(OTHER, email)
    with pytest.raises(Locked, match="in 2 minutes"):
        room.log_in(GOOD, email)
    assert room.outcomes()[-1] == "password: locked"
    with room.database.transaction() as session:
        account = session.get_one(StaffAccount, ama)
        unlock_account(room.guard, session, account, actor=COMMAND_LINE)
    if email == AMA:
        room.log_in()
    else:
        with pytest.raises(Locked):
            room.log_in(GOOD, email)


def test_a_network_is_locked_whatever_accounts_it_tries(room: StaffRoom) -> None:
    room.add()
    for number in range(30):
        with pytest.raises(WrongCredentials):
            room.log_in(OTHER, f"reader{number}@example.org")
        if number < 29:
            # A good log-in of somebody there takes back itself, nothing else.
            room.log_in()
    with pytest.raises(Locked):
        room.log_in()
    room.log_in(host="192.0.2.8")
    room.clock.advance(timedelta(seconds=30))
    room.log_in()


def test_anything_can_be_typed_into_the_form(room: StaffRoom) -> None:
    room.add()
    odd = "a\0b\ud800\u202e@example.org"
    for email, password in ((odd, GOOD), (AMA, odd), ("x" * 5000, "y" * 5000), ("", "")):
        with pytest.raises(WrongCredentials):
            log_in(room.guard, email=email, password=password, address=odd, browser=odd)
    room.device(room.visit(room.log_in()))
    half = room.log_in()
    for code in (odd, "", "9" * 5000):
        with pytest.raises(WrongCredentials):
            give_code(room.guard, half.secret, code, address=odd)
    for secret in (odd, "z" * 5000):
        assert visit_of(room.guard, secret) is None
        with pytest.raises(BadLink):
            set_password_by_link(room.guard, secret, GOOD)


def test_guesses_at_the_same_moment_are_all_counted(room: StaffRoom) -> None:
    room.add()
    results = at_once(10, lambda: room.log_in(OTHER))
    assert sum(isinstance(result, WrongCredentials) for result in results) == 5
    assert sum(isinstance(result, Locked) for result in results) == 5


def test_hashes_of_former_parameters_are_renewed(room: StaffRoom) -> None:
    ama = room.add()
    before = room.account(ama).password_hash
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    guard = replace(room.guard, passwords=stronger)
    for _ in range(2):
        log_in(guard, email=AMA, password=GOOD)
    after = room.account(ama).password_hash
    assert after != before
    assert after is not None
    assert not stronger.is_outdated(after)


def test_sessions_end_by_themselves_and_by_hand(room: StaffRoom) -> None:
    ama = room.add()
    new = room.log_in()
    for _ in range(3):
        room.clock.advance(timedelta(hours=11, minutes=59))
        assert room.visit(new).created_at < room.clock.now()
    room.clock.advance(timedelta(hours=12))
    assert visit_of(room.guard, new.secret) is None
    new = room.log_in()
    for _ in range(14 * 3 - 1):
        room.clock.advance(timedelta(hours=8))
        assert visit_of(room.guard, new.secret) is not None
    room.clock.advance(timedelta(hours=8))
    for secret in (new.secret, "made up", "", None):
        assert visit_of(room.guard, secret) is None
    assert pruned(room) >= 2
    first, second, third = room.log_in(), room.log_in(), room.log_in()
    log_out(room.guard, first.secret)
    kept = room.visit(third)
    with room.database.transaction() as session:
        assert len(open_sessions(room.guard, session, ama)) == 2
        number = room.visit(second).session_id
        other = {"actor": COMMAND_LINE, "clock": room.clock}
        assert not end_session(session, ama + 1, number, **other)  # type: ignore[arg-type]  # said once
        assert end_session(session, ama, number, **other)  # type: ignore[arg-type]  # said once
    room.log_in()
    with room.database.transaction() as session:
        left = {"but": kept.session_id, "actor": kept.actor, "clock": room.clock}
        assert end_sessions(session, ama, **left) == 1  # type: ignore[arg-type]  # said once
    assert visit_of(room.guard, third.secret) == replace(kept, network=None)
    again = log_in(room.guard, email=AMA, password=GOOD, previous=third.secret)
    assert visit_of(room.guard, third.secret) is None
    assert again.secret != third.secret


def pruned(room: StaffRoom) -> int:
    """Prune; return how many rows of those that let somebody in, or keep them out, are gone."""

    def rows() -> int:
        with room.database.read() as session:
            counted = [
                session.scalar(select(func.count()).select_from(model)) or 0
                for model in (StaffSession, PasswordLink, Lock, LogInTry)
            ]
        return sum(counted)

    before = rows()
    prune(room.database, Settings(), clock=room.clock)
    return before - rows()


def test_what_is_over_is_pruned(room: StaffRoom) -> None:
    ama = room.add()
    room.log_in()
    with pytest.raises(WrongCredentials):
        room.log_in(OTHER)
    room.link(ama)
    assert pruned(room) == 0
    # The idle session, the counters of the account and of the network.
    room.clock.advance(timedelta(days=1))
    assert pruned(room) == 3
    room.clock.advance(timedelta(days=1))
    assert pruned(room) == 1
    room.clock.advance(timedelta(days=88))
    assert pruned(room) == 2
    assert room.outcomes() == []
    room.log_in()


def test_dangerous_acts_ask_for_the_password_once_more(room: StaffRoom) -> None:
    room.add()
    new = room.log_in()
    require_recent(room.visit(new), room.clock)
    room.clock.advance(timedelta(minutes=15))
    visit = room.visit(new)
    with pytest.raises(ConfirmFirst):
        require_recent(visit, room.clock)
    with pytest.raises(WrongCredentials):
        confirm_again(room.guard, visit, OTHER)
    with pytest.raises(ConfirmFirst):
        begin_second_factor(room.guard, room.visit(new), issuer="GP Alerts")
    confirm_again(room.guard, visit, GOOD)
    require_recent(room.visit(new), room.clock)


def test_with_a_device_a_password_alone_can_do_nothing(room: StaffRoom) -> None:
    ama = room.add()
    first, elsewhere = room.log_in(), room.log_in()
    totp, codes = room.device(room.visit(first))
    assert len(codes) == 10
    assert visit_of(room.guard, elsewhere.secret) is None
    half = room.log_in()
    assert half.stage is SessionStage.SECOND_FACTOR
    assert visit_of(room.guard, half.secret) is None
    assert half_way(room.guard, half.secret) is not None
    stored = room.account(ama).totp_sealed
    assert stored is not None
    assert totp.secret not in stored
    with pytest.raises(WrongCredentials):
        give_code(room.guard, first.secret, totp.at(room.clock.now()))
    whole = give_code(room.guard, half.secret, totp.at(room.clock.now()), address=HOST)
    assert whole.secret != half.secret
    assert room.visit(whole).has_second_factor
    assert half_way(room.guard, half.secret) is None
    half = room.log_in()
    with pytest.raises(WrongCredentials, match="was used"):
        give_code(room.guard, half.secret, totp.at(room.clock.now()))
    room.clock.advance(timedelta(minutes=10))
    with pytest.raises(WrongCredentials, match="took too long"):
        give_code(room.guard, half.secret, totp.at(room.clock.now()))


def test_codes_cannot_be_guessed_nor_a_password_open_their_lock(room: StaffRoom) -> None:
    ama = room.add()
    totp, codes = room.device(room.visit(room.log_in()))
    half = room.log_in()
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            give_code(room.guard, half.secret, "000000")
    half = room.log_in()
    with pytest.raises(Locked):
        give_code(room.guard, half.secret, totp.at(room.clock.now()))
    room.clock.advance(timedelta(seconds=30))
    give_code(room.guard, half.secret, f"  {codes[3].upper()}")
    with pytest.raises(WrongCredentials):
        give_code(room.guard, room.log_in().secret, codes[3])
    assert room.acts()[-1] == "account.recovery_code_used"
    with room.database.read() as session:
        assert recovery_codes_left(session, ama) == 9


def test_recovery_codes_are_renewed_and_a_lost_device_is_taken_off(room: StaffRoom) -> None:
    ama = room.add()
    new = room.log_in()
    with pytest.raises(Refused, match="no second factor"):
        renew_recovery_codes(room.guard, room.visit(new))
    with pytest.raises(Refused, match="QR code"):
        finish_second_factor(room.guard, room.visit(new), "000000")
    begin_second_factor(room.guard, room.visit(new), issuer="GP Alerts")
    with pytest.raises(Invalid, match="clock"):
        finish_second_factor(room.guard, room.visit(new), "no")
    _, old = room.device(room.visit(new))
    fresh = renew_recovery_codes(room.guard, room.visit(new))
    half = room.log_in()
    with pytest.raises(WrongCredentials):
        give_code(room.guard, half.secret, old[0])
    give_code(room.guard, half.secret, fresh[0])
    with room.database.transaction() as session:
        account = session.get_one(StaffAccount, ama)
        arguments = {"actor": COMMAND_LINE, "clock": room.clock}
        assert take_off_second_factor(session, account, **arguments)  # type: ignore[arg-type]  # said once
        assert not take_off_second_factor(session, account, **arguments)  # type: ignore[arg-type]  # said once
        assert recovery_codes_left(session, ama) == 0
    assert visit_of(room.guard, new.secret) is None
    assert room.log_in().stage is SessionStage.FULL


def finish_one(room: StaffRoom, halves: list[str], code: str) -> NewSession:
    return give_code(room.guard, halves.pop(), code)


def test_one_code_and_one_link_serve_once_however_many_come_at_once(room: StaffRoom) -> None:
    ama = room.add()
    totp, codes = room.device(room.visit(room.log_in()))
    for code in (codes[0], totp.at(room.clock.now())):
        halves = [room.log_in().secret for _ in range(3)]
        results = at_once(3, partial(finish_one, room, halves, code))
        assert sum(isinstance(result, NewSession) for result in results) == 1
        assert sum(isinstance(result, WrongCredentials) for result in results) == 2
    secret = room.link(ama)
    results = at_once(3, lambda: set_password_by_link(room.guard, secret, OTHER))
    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, BadLink) for result in results) == 2
    assert room.log_in(OTHER).stage is SessionStage.SECOND_FACTOR


def test_a_link_sets_the_password_once_within_two_days(room: StaffRoom) -> None:
    ama = room.add(password=None)
    first = room.link(ama)
    second = room.link(ama)
    for useless in (first, "made up", ""):
        with pytest.raises(BadLink):
            set_password_by_link(room.guard, useless, GOOD)
    with pytest.raises(Invalid, match="at least 12"):
        set_password_by_link(room.guard, second, "short")
    room.clock.advance(timedelta(hours=47, minutes=59))
    set_password_by_link(room.guard, second, GOOD, address=HOST)
    new = room.log_in()
    late = room.link(ama)
    room.clock.advance(timedelta(hours=48))
    with pytest.raises(BadLink):
        set_password_by_link(room.guard, late, OTHER)
    assert visit_of(room.guard, new.secret) is None
    assert room.acts() == [
        *("account.added", "account.password_link_made", "account.password_link_made"),
        *("account.password_set", "account.password_link_made"),
    ]


def test_changing_a_password_ends_what_was_open_with_the_old_one(room: StaffRoom) -> None:
    room.add()
    here, elsewhere = room.log_in(), room.log_in()
    visit = room.visit(here)
    with pytest.raises(WrongCredentials):
        change_password(room.guard, visit, current=OTHER, new=OTHER)
    with pytest.raises(Invalid, match="email address"):
        change_password(room.guard, visit, current=GOOD, new=AMA)
    new = change_password(room.guard, visit, current=GOOD, new=OTHER)
    assert [visit_of(room.guard, one.secret) for one in (here, elsewhere)] == [None, None]
    assert room.visit(new).email == AMA
    with pytest.raises(WrongCredentials):
        room.log_in(GOOD)
    room.log_in(OTHER)


def test_another_role_and_removal_end_sessions(room: StaffRoom) -> None:
    ama = room.add()
    for change in ("role", "removal"):
        new = room.log_in()
        with room.database.transaction() as session:
            account = session.get_one(StaffAccount, ama)
            arguments = {"actor": COMMAND_LINE, "clock": room.clock}
            if change == "role":
                assert service.change_role(session, account, Role.OPS, **arguments)  # type: ignore[arg-type]  # said once
            else:
                service.remove_account(session, account, **arguments)  # type: ignore[arg-type]  # said once
        assert visit_of(room.guard, new.secret) is None
    with pytest.raises(WrongCredentials):
        room.log_in()
