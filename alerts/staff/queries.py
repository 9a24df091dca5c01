"""Looking up staff, and taking their rows for a change."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.errors import NotFound
from alerts.staff.addresses import parse_email
from alerts.staff.models import ApiToken, LogInTry, RecoveryCode, StaffAccount, StaffSession
from alerts.staff.permissions import Role


def find_account(session: Session, email: str) -> StaffAccount:
    """Return the account with an address, however it is written; raises NotFound."""
    shown, key = parse_email(email)
    account = by_email_key(session, key)
    if account is None:
        raise NotFound(f"{shown} has no account; `alerts staff list` shows who has")
    return account


def by_email_key(session: Session, key: str) -> StaffAccount | None:
    """Return the account whose address has this form for comparison."""
    return session.scalars(select(StaffAccount).where(StaffAccount.email_key == key)).first()


def get_account(session: Session, account_id: int) -> StaffAccount:
    """Return an account that was not removed, by its number; raises NotFound."""
    account = session.get(StaffAccount, account_id)
    if account is None or account.removed_at is not None:
        raise NotFound(f"there is no account {account_id}")
    return account


def list_accounts(session: Session, *, removed: bool = False) -> Sequence[StaffAccount]:
    """Return the staff by address; with `removed` also whoever left."""
    query = select(StaffAccount).order_by(StaffAccount.email_key, StaffAccount.id)
    if not removed:
        query = query.where(StaffAccount.removed_at.is_(None))
    return session.scalars(query).all()


def held(session: Session, account_id: int) -> StaffAccount | None:
    """Return an account as it is now, its row held until the transaction ends; None if removed.

    On PostgreSQL rows that refer to it may still be added (FOR NO KEY UPDATE): a try is written
    down while its counters are held, and whoever holds the account goes on to these counters.
    """
    return session.scalars(
        select(StaffAccount)
        .where(StaffAccount.id == account_id, StaffAccount.removed_at.is_(None))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).first()


def held_admins(session: Session) -> Sequence[StaffAccount]:
    """Return all admins as they are now, their rows held: two that go at once must not be all."""
    return session.scalars(
        select(StaffAccount)
        .where(StaffAccount.role == Role.ADMIN, StaffAccount.removed_at.is_(None))
        .order_by(StaffAccount.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()


def sessions_of(
    session: Session, account_id: int, *, now: datetime, seen_since: datetime
) -> Sequence[StaffSession]:
    """Return an account's sessions in force, the one seen last first."""
    return session.scalars(
        select(StaffSession)
        .where(
            StaffSession.account_id == account_id,
            StaffSession.expires_at > now,
            StaffSession.last_seen_at > seen_since,
        )
        .order_by(StaffSession.last_seen_at.desc(), StaffSession.id.desc())
    ).all()


def tokens_of(session: Session, account_id: int | None = None) -> Sequence[ApiToken]:
    """Return an account's API tokens, or everybody's, the newest first."""
    query = select(ApiToken).order_by(ApiToken.id.desc())
    if account_id is not None:
        query = query.where(ApiToken.account_id == account_id)
    return session.scalars(query).all()


def tries_of(session: Session, account_id: int, *, limit: int) -> Sequence[LogInTry]:
    """Return the latest tries to log in to an account, the newest first."""
    query = select(LogInTry).where(LogInTry.account_id == account_id)
    return session.scalars(query.order_by(LogInTry.id.desc()).limit(limit)).all()


def recovery_codes_left(session: Session, account_id: int) -> int:
    """Return how many recovery codes an account has not used yet."""
    count = session.scalar(
        select(func.count())
        .select_from(RecoveryCode)
        .where(RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None))
    )
    return count or 0
