"""The staff's station for tests: a guard with cheap hashes, people, devices, acts at once."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pyotp
from argon2 import PasswordHasher
from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.errors import AlertsError
from alerts.staff import service
from alerts.staff.audit import COMMAND_LINE
from alerts.staff.codes import begin_second_factor, finish_second_factor
from alerts.staff.guard import Guard
from alerts.staff.logging_in import log_in
from alerts.staff.models import AuditEntry, LogInTry, StaffAccount
from alerts.staff.passwords import Passwords
from alerts.staff.permissions import Role
from alerts.staff.seal import Seal
from alerts.staff.sessions import NewSession, Visit, visit_of

AMA = "ama@example.org"
GOOD = "seven herons wade"
OTHER = "eight storks fish"
HOST = "192.0.2.7"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
KEYS = ("a-key-for-tests-only-of-more-than-32-characters",)


class StaffRoom:
    """The use cases, for one newsroom; its clock stands still until it is moved."""

    def __init__(self, database: Database, clock: FixedClock) -> None:
        self.database, self.clock = database, clock
        self.guard = Guard(database, clock, Passwords(CHEAP), Seal(KEYS))

    def add(self, email: str = AMA, role: Role = Role.EDITOR, password: str | None = GOOD) -> int:
        hashed = None if password is None else self.guard.passwords.hash(password)
        with self.database.transaction() as session:
            return service.add_account(
                session,
                email=email,
                role=role,
                password_hash=hashed,
                actor=COMMAND_LINE,
                clock=self.clock,
            ).id

    def account(self, account_id: int) -> StaffAccount:
        with self.database.read() as session:
            found = session.get(StaffAccount, account_id)
        assert found is not None
        return found

    def link(self, account_id: int) -> str:
        with self.database.transaction() as session:
            account = session.get_one(StaffAccount, account_id)
            return service.make_password_link(
                session, account, actor=COMMAND_LINE, clock=self.clock
            )

    def log_in(self, password: str = GOOD, email: str = AMA, host: str = HOST) -> NewSession:
        return log_in(self.guard, email=email, password=password, address=host, browser="Firefox")

    def visit(self, new: NewSession) -> Visit:
        visit = visit_of(self.guard, new.secret, address=HOST)
        assert visit is not None
        return visit

    def device(self, visit: Visit) -> tuple[pyotp.TOTP, tuple[str, ...]]:
        """Set up a device with the code it shows now; return it and the recovery codes."""
        enrolment = begin_second_factor(self.guard, visit, issuer="GP Alerts")
        totp = pyotp.TOTP(enrolment.secret)
        codes = finish_second_factor(self.guard, visit, totp.at(self.clock.now()))
        self.clock.advance(timedelta(seconds=30))
        return totp, codes

    def acts(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)))

    def outcomes(self) -> list[str]:
        with self.database.read() as session:
            rows = session.execute(select(LogInTry).order_by(LogInTry.id)).scalars()
            return [f"{row.kind}: {row.outcome}" for row in rows]


def at_once(times: int, act: Callable[[], object]) -> list[object]:
    """Do something several times at the same moment; return what came of each, errors too."""
    results: list[object] = []
    gate = threading.Barrier(times)

    def run() -> None:
        gate.wait()
        try:
            results.append(act())
        except AlertsError as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == times
    return results
