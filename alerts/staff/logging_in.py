"""Logging in: the password first, then the second factor where there is one."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from alerts.errors import Refused
from alerts.staff.addresses import network_of, typed_key
from alerts.staff.audit import record
from alerts.staff.codes import use_code
from alerts.staff.guard import Guard
from alerts.staff.lockout import ACCOUNT, CODE
from alerts.staff.models import SessionStage, StaffAccount, StaffSession, TryKind, TryOutcome
from alerts.staff.queries import by_email_key, held
from alerts.staff.second_factor import looks_like_totp
from alerts.staff.service import subject_of
from alerts.staff.sessions import (
    NewSession,
    Visit,
    begin_session,
    end_by_secret,
    half_way,
)
from alerts.staff.tries import Door, begin_try, end_try


class WrongCredentials(Refused):
    """What was given does not fit; whether the account exists is not told."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """A password that was looked at, and since when the one it was compared with is in force."""

    right: bool
    account_id: int | None
    set_at: datetime | None
    renewed: str | None


def password_door(guard: Guard, email_key: str) -> Door:
    """Return where tries of an address are counted, whether it has an account or not."""
    return Door(f"account:{guard.seal.digest(email_key)}", ACCOUNT)


def code_door(account_id: int) -> Door:
    """Return where tries of an account's codes are counted; no password opens it."""
    return Door(f"code:{account_id}", CODE)


def log_in(
    guard: Guard,
    *,
    email: str,
    password: str,
    address: str | None = None,
    browser: str | None = None,
    previous: str | None = None,
) -> NewSession:
    """Begin a session for an address and a password; its stage says whether a code is owed.

    `address` is the host the request came from, `browser` what it says of itself, `previous` the
    secret of the session it had, which ends. Raises WrongCredentials, after as much work for an
    address without an account, Locked, and Busy.
    """
    key, network = typed_key(email), network_of(address)
    door, typed = password_door(guard, key), guard.seal.digest(key)
    with guard.passwords.place():
        tried = begin_try(guard, TryKind.PASSWORD, door, network=network, typed=typed)
        checked = _check(guard, key, password)
    new = None
    with guard.database.transaction() as session:
        account = _still(held(session, checked.account_id or 0), checked)
        end_try(session, tried, _outcome(account, checked), account_id=checked.account_id)
        if account is not None:
            account.password_hash = checked.renewed or account.password_hash
            end_by_secret(session, previous)
            stage = SessionStage.SECOND_FACTOR if account.totp_sealed else SessionStage.FULL
            new = begin_session(
                session, guard, account, stage=stage, network=network, browser=browser
            )
    if new is None:
        raise WrongCredentials("address or password is wrong")
    return new


def give_code(
    guard: Guard, secret: str | None, code: str, *, address: str | None = None
) -> NewSession:
    """Finish a log-in with a code of the device or a recovery code; the secret is another then.

    Raises WrongCredentials for a code that is wrong or was used, or a log-in that began more than
    ten minutes ago, and Locked.
    """
    half = half_way(guard, secret, address=address)
    if half is None:
        raise WrongCredentials("this log-in took too long; begin again with the password")
    kind = TryKind.CODE if looks_like_totp(code) else TryKind.RECOVERY
    door = code_door(half.account_id)
    tried = begin_try(guard, kind, door, network=half.network, account_id=half.account_id)
    with guard.database.transaction() as session:
        new = _finished(session, guard, half, code)
        end_try(session, tried, TryOutcome.WRONG if new is None else TryOutcome.ACCEPTED)
        if new is not None and kind is TryKind.RECOVERY:
            what = subject_of(half.account_id)
            record(session, half.actor, "account.recovery_code_used", what, clock=guard.clock)
    if new is None:
        raise WrongCredentials("this code is wrong or was used; wait for the next one")
    return new


def _finished(session: Session, guard: Guard, half: Visit, code: str) -> NewSession | None:
    """Put a whole session in the place of one that owes a code; None when the code is no good."""
    account = held(session, half.account_id)
    row = session.get(StaffSession, half.session_id)
    if account is None or row is None or not use_code(session, guard, account, code):
        return None
    browser = row.browser
    session.delete(row)
    return begin_session(
        session, guard, account, stage=SessionStage.FULL, network=half.network, browser=browser
    )


def check_own_password(guard: Guard, visit: Visit, password: str) -> datetime | None:
    """Return since when the password of somebody logged in is the one given.

    Raises WrongCredentials, Locked and Busy: at an open desk no password can be guessed either.
    """
    key = typed_key(visit.email)
    door, number = password_door(guard, key), visit.account_id
    with guard.passwords.place():
        tried = begin_try(guard, TryKind.PASSWORD, door, network=visit.network, account_id=number)
        checked = _check(guard, key, password)
    with guard.database.transaction() as session:
        account = _still(held(session, visit.account_id), checked)
        end_try(session, tried, TryOutcome.WRONG if account is None else TryOutcome.ACCEPTED)
    if account is None:
        raise WrongCredentials("the password is wrong")
    return checked.set_at


def confirm_again(guard: Guard, visit: Visit, password: str) -> None:
    """Let somebody prove once more who they are, before a dangerous act.

    From now on `require_recent` lets the session pass, for 15 minutes. Raises WrongCredentials and
    Locked.
    """
    check_own_password(guard, visit, password)
    with guard.database.transaction() as session:
        session.execute(
            update(StaffSession)
            .where(StaffSession.id == visit.session_id, StaffSession.account_id == visit.account_id)
            .values(confirmed_at=guard.clock.now())
        )


def _check(guard: Guard, key: str, password: str) -> _Checked:
    """Compare a password outside of any transaction: it takes a tenth of a second on purpose."""
    with guard.database.read() as session:
        account = by_email_key(session, key)
    kept = None if account is None else account.password_hash
    right = guard.passwords.verify(kept, password)
    if account is None or kept is None or not right:
        return _Checked(False, None if account is None else account.id, None, None)
    renewed = guard.passwords.hash(password) if guard.passwords.is_outdated(kept) else None
    return _Checked(True, account.id, account.password_set_at, renewed)


def _still(account: StaffAccount | None, checked: _Checked) -> StaffAccount | None:
    """Return the account if the password was right and was not changed since it was compared."""
    if account is None or not checked.right or account.password_set_at != checked.set_at:
        return None
    return account


def _outcome(account: StaffAccount | None, checked: _Checked) -> TryOutcome:
    if account is not None:
        return TryOutcome.ACCEPTED
    return TryOutcome.UNKNOWN if checked.account_id is None else TryOutcome.WRONG
