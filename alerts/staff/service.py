"""The use cases of accounts: adding, promoting, letting go."""

from datetime import timedelta

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import NotFound, Refused
from alerts.staff.addresses import clean_name, parse_email
from alerts.staff.audit import Actor, Subject, record
from alerts.staff.models import (
    ApiToken,
    LogInTry,
    PasswordLink,
    RecoveryCode,
    StaffAccount,
    StaffSession,
)
from alerts.staff.opaque import digest, new_secret
from alerts.staff.permissions import Role
from alerts.staff.queries import held, held_admins

LINK_LASTS = timedelta(hours=48)


def subject_of(account_id: int) -> Subject:
    """Return what the audit log calls an account as the subject of an act."""
    return Subject("account", account_id)


def add_account(
    session: Session,
    *,
    email: str,
    role: Role,
    name: str | None = None,
    password_hash: str | None = None,
    actor: Actor,
    clock: Clock,
) -> StaffAccount:
    """Add an account; without a password `make_password_link` lets the person set one.

    Raises Invalid for a wrong address or name, and Refused when the address has an account.
    """
    shown, key = parse_email(email)
    account = StaffAccount(
        email=shown,
        email_key=key,
        name=clean_name(name),
        role=role,
        password_hash=password_hash,
        password_set_at=None if password_hash is None else clock.now(),
        created_at=clock.now(),
    )
    try:
        with session.begin_nested():
            session.add(account)
    except IntegrityError as error:
        raise Refused(f"{shown} has an account already; see `alerts staff list`") from error
    record(session, actor, "account.added", subject_of(account.id), clock=clock, role=role)
    return account


def make_password_link(
    session: Session, account: StaffAccount, *, actor: Actor, clock: Clock
) -> str:
    """Return a one-time secret with which its holder may set the password, for 48 hours.

    Whatever was given out before no longer serves. The secret is shown once and not kept. Raises
    NotFound when the account was removed meanwhile.
    """
    secret = new_secret()
    _hold(session, account)
    session.merge(
        PasswordLink(
            account_id=account.id,
            digest=digest(secret),
            expires_at=clock.now() + LINK_LASTS,
        )
    )
    session.flush()
    record(session, actor, "account.password_link_made", subject_of(account.id), clock=clock)
    return secret


def password_url(base_url: str, secret: str) -> str:
    """Return the page on which the holder of a secret sets a password."""
    return f"{base_url}/desk/password/{secret}"


def change_role(
    session: Session, account: StaffAccount, role: Role, *, actor: Actor, clock: Clock
) -> bool:
    """Give an account another role and end its sessions; False when it has that role already.

    Raises Refused for the last admin, NotFound when the account was removed meanwhile.
    """
    if role is not Role.ADMIN:
        _refuse_last_admin(session, account, "made less than that")
    _hold(session, account)
    if account.role is role:
        return False
    before, account.role = account.role, role
    end_all_sessions(session, account.id)
    what = subject_of(account.id)
    record(session, actor, "account.role_changed", what, clock=clock, before=before, after=role)
    return True


def remove_account(session: Session, account: StaffAccount, *, actor: Actor, clock: Clock) -> None:
    """Let somebody go: nothing of theirs lets anybody in, and nothing tells who they were.

    The row and the log of what they did stay, without the person. Raises Refused for the last
    admin, NotFound when they were removed already.
    """
    _refuse_last_admin(session, account, "removed")
    _hold(session, account)
    end_all_sessions(session, account.id)
    for table in (PasswordLink, RecoveryCode):
        session.execute(delete(table).where(table.account_id == account.id))
    session.execute(
        update(ApiToken)
        .where(ApiToken.account_id == account.id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )
    session.execute(
        update(LogInTry).where(LogInTry.account_id == account.id).values(typed=None, network=None)
    )
    account.removed_at = clock.now()
    account.email = account.email_key = account.name = account.password_hash = None
    account.totp_sealed = account.totp_pending = account.totp_counter = None
    record(session, actor, "account.removed", subject_of(account.id), clock=clock)
    session.flush()


def end_all_sessions(session: Session, account_id: int, *, but: int | None = None) -> int:
    """End all sessions of an account, but for one if it is named; return how many there were."""
    query = delete(StaffSession).where(StaffSession.account_id == account_id)
    if but is not None:
        query = query.where(StaffSession.id != but)
    return session.connection().execute(query).rowcount


def _hold(session: Session, account: StaffAccount) -> None:
    if held(session, account.id) is None:
        raise NotFound(f"there is no account {account.id} any more")


def _refuse_last_admin(session: Session, account: StaffAccount, what: str) -> None:
    """Raise Refused when without this account no admin could get in.

    An admin who never set a password counts beside another such one only.
    """
    admins = held_admins(session)
    mine = next((one for one in admins if one.id == account.id), None)
    if mine is None:
        return
    others = [one for one in admins if one is not mine]
    if not any(one.password_hash or not mine.password_hash for one in others):
        raise Refused(
            f"{account.shown} is the last admin and cannot be {what}; make somebody else admin"
            " first, who has set a password"
        )
