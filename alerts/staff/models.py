"""Tables of the staff: accounts, what they log in with, sessions, API tokens, the audit log."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from alerts.database import Base, BigKey, JsonColumn, UtcDateTime, state_column
from alerts.staff.permissions import Role

DIGEST_LENGTH = 64


class SessionStage(enum.StrEnum):
    """How far a log-in has come; with the second factor outstanding a session may do nothing."""

    SECOND_FACTOR = "second factor"
    FULL = "full"


class TryOutcome(enum.StrEnum):
    """What became of one try to prove who one is."""

    STARTED = "started"
    ACCEPTED = "accepted"
    WRONG = "wrong"
    UNKNOWN = "unknown account"
    LOCKED = "locked"


class TryKind(enum.StrEnum):
    """With what somebody tried."""

    PASSWORD = "password"  # noqa: S105 - the word, no password
    CODE = "code"
    RECOVERY = "recovery code"


class ActorKind(enum.StrEnum):
    """Who acts: a person at the desk, a program with a token, the command line, or ourselves."""

    ACCOUNT = "account"
    TOKEN = "api token"  # noqa: S105 - the word, no token
    COMMAND_LINE = "command line"
    PROGRAM = "program"


class StaffAccount(Base):
    """One of the staff.

    After removal the row stays for the audit log, without anything that tells the person. Two
    accounts never share an address: `email_key` is its form for comparison. `totp_sealed` is the
    secret of the second factor under the program's key, `totp_pending` one that was not proven
    yet; `totp_counter` is the interval of the last code that was used.
    """

    __tablename__ = "staff_accounts"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    email: Mapped[str | None] = mapped_column(String(320))
    email_key: Mapped[str | None] = mapped_column(String(320), unique=True)
    name: Mapped[str | None] = mapped_column(String(300))
    role: Mapped[Role] = mapped_column(state_column(Role), index=True)
    password_hash: Mapped[str | None] = mapped_column(String(300))
    password_set_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    totp_sealed: Mapped[str | None] = mapped_column(Text)
    totp_pending: Mapped[str | None] = mapped_column(Text)
    totp_counter: Mapped[int | None] = mapped_column(BigKey)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_log_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def has_second_factor(self) -> bool:
        """Whether a password alone does not let this person in."""
        return self.totp_sealed is not None

    @property
    def shown(self) -> str:
        """What a log calls this account, removed ones too."""
        return self.email or f"former staff {self.id}"


class PasswordLink(Base):
    """A one-time right to set an account's password; an account has one at most."""

    __tablename__ = "staff_password_links"

    account_id: Mapped[int] = mapped_column(ForeignKey("staff_accounts.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(DIGEST_LENGTH), unique=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RecoveryCode(Base):
    """One way in without the device that shows codes; only its digest is kept, used once."""

    __tablename__ = "staff_recovery_codes"

    account_id: Mapped[int] = mapped_column(ForeignKey("staff_accounts.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(DIGEST_LENGTH), primary_key=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StaffSession(Base):
    """A browser that somebody logged in with; the row goes when the session ends.

    `confirmed_at` is when the person last proved who they are: dangerous acts ask for it anew.
    """

    __tablename__ = "staff_sessions"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    digest: Mapped[str] = mapped_column(String(DIGEST_LENGTH), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("staff_accounts.id"), index=True)
    stage: Mapped[SessionStage] = mapped_column(state_column(SessionStage))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    confirmed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    network: Mapped[str | None] = mapped_column(String(64))
    browser: Mapped[str | None] = mapped_column(String(200))


class LogInTry(Base):
    """One try to log in, whatever came of it.

    An address that belongs to nobody is kept as a keyed hash: people type passwords there.
    """

    __tablename__ = "staff_log_in_tries"
    __table_args__ = (Index("ix_staff_log_in_tries_account_id", "account_id", "id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    kind: Mapped[TryKind] = mapped_column(state_column(TryKind))
    outcome: Mapped[TryOutcome] = mapped_column(state_column(TryOutcome))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("staff_accounts.id"))
    typed: Mapped[str | None] = mapped_column(String(DIGEST_LENGTH))
    network: Mapped[str | None] = mapped_column(String(64))


class Lock(Base):
    """How often something was tried in vain of late, and until when nothing more is tried."""

    __tablename__ = "staff_locks"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ApiToken(Base):
    """A program's right to act for an account; only the digest of the token is kept."""

    __tablename__ = "staff_api_tokens"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    digest: Mapped[str] = mapped_column(String(DIGEST_LENGTH), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("staff_accounts.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    hint: Mapped[str] = mapped_column(String(12))
    scopes: Mapped[list[str]] = mapped_column(JsonColumn)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_network: Mapped[str | None] = mapped_column(String(64))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditEntry(Base):
    """One act: who, what, on what, when, from where; triggers in the database keep it as it is.

    It holds numbers of accounts and tokens, no addresses: what is said of people goes with them.
    """

    __tablename__ = "staff_audit_entries"
    __table_args__ = (
        Index("ix_staff_audit_entries_subject", "subject_kind", "subject_id", "id"),
        Index("ix_staff_audit_entries_actor", "account_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[ActorKind] = mapped_column(state_column(ActorKind))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("staff_accounts.id"))
    token_id: Mapped[int | None] = mapped_column(ForeignKey("staff_api_tokens.id"))
    act: Mapped[str] = mapped_column(String(64))
    subject_kind: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[str] = mapped_column(String(200))
    network: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[dict[str, Any]] = mapped_column(JsonColumn)
