"""The second factor of an account: enrolled, used once a code, taken off."""

from dataclasses import dataclass

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.errors import Invalid, NotFound, Refused
from alerts.staff.audit import Actor, record
from alerts.staff.guard import Guard
from alerts.staff.models import RecoveryCode, StaffAccount
from alerts.staff.queries import held
from alerts.staff.second_factor import (
    enrolment_uri,
    looks_like_totp,
    matching_counter,
    new_recovery_codes,
    new_totp_secret,
    qr_svg,
    recovery_digest,
)
from alerts.staff.service import end_all_sessions, subject_of
from alerts.staff.sessions import Visit, require_recent


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a person needs to set up a device: a QR code, or the secret to type."""

    secret: str
    uri: str
    qr_svg: str


def begin_second_factor(guard: Guard, visit: Visit, *, issuer: str) -> Enrolment:
    """Make a secret for a device; it counts once a code of it was given.

    A device in use stays so until then. Raises ConfirmFirst.
    """
    require_recent(visit, guard.clock)
    secret = new_totp_secret()
    uri = enrolment_uri(secret, email=visit.email, issuer=issuer)
    with guard.database.transaction() as session:
        account = _account(session, visit.account_id)
        account.totp_pending = guard.seal.close(secret)
    return Enrolment(secret, uri, qr_svg(uri, title=f"QR code for {visit.email}"))


def finish_second_factor(guard: Guard, visit: Visit, code: str) -> tuple[str, ...]:
    """Put the device in force with its first code; return ten recovery codes, shown once.

    Ends all other sessions of the account. Raises ConfirmFirst, Refused when no set-up is under
    way, and Invalid for a wrong code.
    """
    require_recent(visit, guard.clock)
    with guard.database.transaction() as session:
        account = _account(session, visit.account_id)
        if account.totp_pending is None:
            raise Refused("no device is being set up; begin with the QR code")
        secret = guard.seal.open(account.totp_pending)
        counter = matching_counter(secret, code, guard.clock.now(), after=None)
        if counter is None:
            raise Invalid("this is not the code the device shows now; is its clock right?")
        account.totp_sealed, account.totp_counter = guard.seal.close(secret), counter
        account.totp_pending = None
        codes = _replace_recovery_codes(session, account)
        end_all_sessions(session, account.id, but=visit.session_id)
        what = subject_of(account.id)
        record(session, visit.actor, "account.second_factor_set", what, clock=guard.clock)
    return codes


def renew_recovery_codes(guard: Guard, visit: Visit) -> tuple[str, ...]:
    """Return ten new recovery codes, shown once; the old ones no longer serve.

    Raises ConfirmFirst, and Refused for an account without a second factor.
    """
    require_recent(visit, guard.clock)
    with guard.database.transaction() as session:
        account = _account(session, visit.account_id)
        if account.totp_sealed is None:
            raise Refused("there is no second factor yet; set up a device first")
        codes = _replace_recovery_codes(session, account)
        what = subject_of(account.id)
        record(session, visit.actor, "account.recovery_codes_made", what, clock=guard.clock)
    return codes


def take_off_second_factor(
    session: Session,
    account: StaffAccount,
    *,
    actor: Actor,
    clock: Clock,
    but: int | None = None,
) -> bool:
    """Let a password suffice again, and end the account's sessions but for the one named.

    For whoever lost the device and the recovery codes; False when there was no second factor.
    """
    found = _account(session, account.id)
    if found.totp_sealed is None:
        return False
    found.totp_sealed = found.totp_pending = found.totp_counter = None
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == found.id))
    end_all_sessions(session, found.id, but=but)
    record(session, actor, "account.second_factor_taken_off", subject_of(found.id), clock=clock)
    return True


def use_code(session: Session, guard: Guard, account: StaffAccount, code: str) -> bool:
    """Use up a code of the device or a recovery code; False when it is wrong or was used.

    The account's row has to be held.
    """
    if account.totp_sealed is None:
        return False
    if looks_like_totp(code):
        return _use_totp_code(guard, account, account.totp_sealed, code)
    return _use_recovery_code(session, guard, account, code)


def _use_totp_code(guard: Guard, account: StaffAccount, sealed: str, code: str) -> bool:
    secret = guard.seal.open(sealed)
    counter = matching_counter(secret, code, guard.clock.now(), after=account.totp_counter)
    if counter is None:
        return False
    # The secret moves to the newest of the program's keys by the way.
    account.totp_counter, account.totp_sealed = counter, guard.seal.close(secret)
    return True


def _use_recovery_code(session: Session, guard: Guard, account: StaffAccount, code: str) -> bool:
    used = (
        update(RecoveryCode)
        .where(
            RecoveryCode.account_id == account.id,
            RecoveryCode.digest == recovery_digest(code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=guard.clock.now())
    )
    return session.connection().execute(used).rowcount == 1


def _replace_recovery_codes(session: Session, account: StaffAccount) -> tuple[str, ...]:
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account.id))
    codes = new_recovery_codes()
    session.add_all(
        RecoveryCode(account_id=account.id, digest=recovery_digest(code)) for code in codes
    )
    return codes


def _account(session: Session, account_id: int) -> StaffAccount:
    account = held(session, account_id)
    if account is None:
        raise NotFound(f"there is no account {account_id} any more")
    return account
