"""Setting a password: by a one-time link, at the desk with the old one, or by the operator."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from alerts.errors import NotFound, Refused
from alerts.staff.addresses import network_of
from alerts.staff.audit import Actor, record
from alerts.staff.guard import Guard
from alerts.staff.logging_in import (
    WrongCredentials,
    check_own_password,
    code_door,
    password_door,
)
from alerts.staff.models import ActorKind, PasswordLink, SessionStage, StaffAccount
from alerts.staff.opaque import digest
from alerts.staff.passwords import check_password
from alerts.staff.queries import get_account, held
from alerts.staff.service import end_all_sessions, subject_of
from alerts.staff.sessions import NewSession, Visit, begin_session
from alerts.staff.tries import unlock


class BadLink(Refused):
    """The link was used, has expired, or is none; which of these is not told."""

    def __init__(self) -> None:
        super().__init__("this link has been used or has expired; ask an admin for a new one")


def account_of_link(guard: Guard, secret: str) -> StaffAccount:
    """Return the account whose password a link may set, without using it up; raises BadLink."""
    with guard.database.read() as session:
        account = session.scalars(
            select(StaffAccount)
            .join(PasswordLink, PasswordLink.account_id == StaffAccount.id)
            .where(
                PasswordLink.digest == digest(secret),
                PasswordLink.expires_at > guard.clock.now(),
                StaffAccount.removed_at.is_(None),
            )
        ).first()
    if account is None:
        raise BadLink
    return account


def set_password_by_link(
    guard: Guard, secret: str, password: str, *, address: str | None = None
) -> None:
    """Set the password of whoever holds a link; the link serves once, its sessions end.

    Nobody is logged in by it: a second factor is asked for as ever. Raises BadLink, and Invalid for
    a password that will not do, which leaves the link as it is.
    """
    found = account_of_link(guard, secret)
    check_password(password, email=found.email or "")
    hashed = guard.passwords.hash(password)
    with guard.database.transaction() as session:
        account = held(session, found.id)
        link = delete(PasswordLink).where(
            PasswordLink.digest == digest(secret), PasswordLink.expires_at > guard.clock.now()
        )
        if account is None or session.connection().execute(link).rowcount != 1:
            raise BadLink
        actor = Actor(ActorKind.ACCOUNT, account_id=account.id, network=network_of(address))
        _put(session, guard, account, hashed, actor)


def set_password(guard: Guard, account_id: int, password: str, *, actor: Actor) -> None:
    """Set a password without the old one, for the operator; raises Invalid and NotFound."""
    with guard.database.read() as session:
        email = get_account(session, account_id).email or ""
    check_password(password, email=email)
    hashed = guard.passwords.hash(password)
    with guard.database.transaction() as session:
        account = held(session, account_id)
        if account is None:
            raise NotFound(f"there is no account {account_id} any more")
        _put(session, guard, account, hashed, actor)


def change_password(
    guard: Guard, visit: Visit, *, current: str, new: str, browser: str | None = None
) -> NewSession:
    """Change somebody's own password; all their sessions end, and a new one is returned.

    Raises WrongCredentials or Locked for the current one, Invalid for the new one.
    """
    set_at = check_own_password(guard, visit, current)
    check_password(new, email=visit.email)
    hashed = guard.passwords.hash(new)
    with guard.database.transaction() as session:
        account = held(session, visit.account_id)
        if account is None or account.password_set_at != set_at:
            raise WrongCredentials("the password was changed at the same moment; log in again")
        _put(session, guard, account, hashed, visit.actor)
        return begin_session(
            session,
            guard,
            account,
            stage=SessionStage.FULL,
            network=visit.network,
            browser=browser,
        )


def _put(session: Session, guard: Guard, account: StaffAccount, hashed: str, actor: Actor) -> None:
    """Put a password in force: whatever was open with the old one is so no longer."""
    account.password_hash, account.password_set_at = hashed, guard.clock.now()
    session.execute(delete(PasswordLink).where(PasswordLink.account_id == account.id))
    end_all_sessions(session, account.id)
    unlock(session, password_door(guard, account.email_key or "").key)
    record(session, actor, "account.password_set", subject_of(account.id), clock=guard.clock)


def unlock_account(guard: Guard, session: Session, account: StaffAccount, *, actor: Actor) -> None:
    """Forget all tries in vain at an account, so that its owner need not wait."""
    unlock(session, password_door(guard, account.email_key or "").key, code_door(account.id).key)
    record(session, actor, "account.unlocked", subject_of(account.id), clock=guard.clock)
