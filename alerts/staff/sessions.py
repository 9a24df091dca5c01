"""Sessions: a browser's secret here, its digest in the database; begun, looked up, ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import Refused
from alerts.staff import queries
from alerts.staff.addresses import clean_browser, network_of
from alerts.staff.audit import Actor, record
from alerts.staff.guard import Guard
from alerts.staff.models import ActorKind, SessionStage, StaffAccount, StaffSession
from alerts.staff.opaque import digest, new_secret
from alerts.staff.permissions import Permission, Role, may
from alerts.staff.service import end_all_sessions, subject_of

# How long the page that asks for the code waits for it.
CODE_WITHIN = timedelta(minutes=10)
# How long after proving who one is dangerous acts ask for nothing more.
RECENTLY = timedelta(minutes=15)
# That a session is in use is written down this often: a write for each request would be too many.
_TOUCHED_EVERY = timedelta(minutes=1)


class NotAllowed(Refused):
    """This person may not do this, now or ever."""


class ConfirmFirst(Refused):
    """A dangerous act: the person has to give the password once more."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session as it is handed to the browser; the secret is kept nowhere else."""

    secret: str
    stage: SessionStage
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody logged in, as they are at this moment; `network` is where this request came from."""

    session_id: int
    account_id: int
    email: str
    name: str | None
    role: Role
    has_second_factor: bool
    created_at: datetime
    confirmed_at: datetime
    expires_at: datetime
    network: str | None

    @property
    def actor(self) -> Actor:
        """Who acts, for the audit log."""
        return Actor(ActorKind.ACCOUNT, account_id=self.account_id, network=self.network)

    def may(self, permission: Permission) -> bool:
        """Tell whether this person may do something."""
        return may(self.role, permission)


def visit_of(guard: Guard, secret: str | None, *, address: str | None = None) -> Visit | None:
    """Return who a browser's secret stands for; None when it is not, or not fully, logged in.

    With the second factor outstanding it is None too: such a session can do nothing.
    """
    return _look_up(guard, secret, SessionStage.FULL, address)


def half_way(guard: Guard, secret: str | None, *, address: str | None = None) -> Visit | None:
    """Return who has given the password and owes the code; None for everybody else."""
    return _look_up(guard, secret, SessionStage.SECOND_FACTOR, address)


def require(visit: Visit, permission: Permission) -> None:
    """Raise NotAllowed when this person may not do something."""
    if not visit.may(permission):
        raise NotAllowed(f"{visit.role} may not do this ({permission}); ask an admin")


def recently_confirmed(visit: Visit, clock: Clock) -> bool:
    """Tell whether this person proved who they are in the last 15 minutes."""
    return clock.now() - visit.confirmed_at < RECENTLY


def require_recent(visit: Visit, clock: Clock) -> None:
    """Raise ConfirmFirst unless this person proved who they are in the last 15 minutes."""
    if not recently_confirmed(visit, clock):
        raise ConfirmFirst("give your password once more, then this can be done")


def begin_session(
    session: Session,
    guard: Guard,
    account: StaffAccount,
    *,
    stage: SessionStage,
    network: str | None,
    browser: str | None,
) -> NewSession:
    """Begin a session of an account whose row is held, and return its secret."""
    now = guard.clock.now()
    lasts = guard.longest if stage is SessionStage.FULL else CODE_WITHIN
    secret = new_secret()
    session.add(
        StaffSession(
            digest=digest(secret),
            account_id=account.id,
            stage=stage,
            created_at=now,
            last_seen_at=now,
            expires_at=now + lasts,
            confirmed_at=now,
            network=network,
            browser=clean_browser(browser),
        )
    )
    if stage is SessionStage.FULL:
        account.last_log_in_at = now
    return NewSession(secret, stage, now + lasts)


def end_by_secret(session: Session, secret: str | None) -> int:
    """End the session of a secret, if there is one; return how many ended: 1 or 0."""
    if not secret:
        return 0
    query = delete(StaffSession).where(StaffSession.digest == digest(secret))
    return session.connection().execute(query).rowcount


def log_out(guard: Guard, secret: str | None) -> None:
    """End the session of a browser; without one it does nothing."""
    with guard.database.transaction() as session:
        end_by_secret(session, secret)


def open_sessions(guard: Guard, session: Session, account_id: int) -> Sequence[StaffSession]:
    """Return an account's sessions in force, the one seen last first."""
    now = guard.clock.now()
    return queries.sessions_of(session, account_id, now=now, seen_since=now - guard.idle)


def end_session(
    session: Session, account_id: int, session_id: int, *, actor: Actor, clock: Clock
) -> bool:
    """End one session of an account, by its number; False when there is none such."""
    query = delete(StaffSession).where(
        StaffSession.account_id == account_id, StaffSession.id == session_id
    )
    ended = session.connection().execute(query).rowcount == 1
    if ended:
        record(session, actor, "account.session_ended", subject_of(account_id), clock=clock)
    return ended


def end_sessions(
    session: Session, account_id: int, *, but: int | None = None, actor: Actor, clock: Clock
) -> int:
    """End all sessions of an account, but for the one named; return how many ended."""
    ended = end_all_sessions(session, account_id, but=but)
    what = subject_of(account_id)
    record(session, actor, "account.sessions_ended", what, clock=clock, ended=ended)
    return ended


def _look_up(
    guard: Guard, secret: str | None, stage: SessionStage, address: str | None
) -> Visit | None:
    if not secret:
        return None
    now = guard.clock.now()
    query = (
        select(StaffSession, StaffAccount)
        .join(StaffAccount, StaffAccount.id == StaffSession.account_id)
        .where(
            StaffSession.digest == digest(secret),
            StaffSession.stage == stage,
            StaffSession.expires_at > now,
            StaffSession.last_seen_at > now - guard.idle,
            StaffAccount.removed_at.is_(None),
        )
    )
    with guard.database.read() as session:
        found = session.execute(query).one_or_none()
    if found is None:
        return None
    row, account = found
    if now - row.last_seen_at >= _TOUCHED_EVERY:
        _touch(guard, row.id, now)
    return Visit(
        session_id=row.id,
        account_id=account.id,
        email=account.email or "",
        name=account.name,
        role=account.role,
        has_second_factor=account.has_second_factor,
        created_at=row.created_at,
        confirmed_at=row.confirmed_at,
        expires_at=min(row.expires_at, now + guard.idle),
        network=network_of(address),
    )


def _touch(guard: Guard, session_id: int, now: datetime) -> None:
    with guard.database.transaction() as session:
        session.execute(
            update(StaffSession).where(StaffSession.id == session_id).values(last_seen_at=now)
        )
