"""The doctor's visit as a piece of work: asked for at the desk, done by a worker, kept."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import Database
from alerts.operations.doctor.ports import Ports
from alerts.operations.doctor.service import diagnose
from alerts.operations.models import DoctorReport

_KEPT = 10
# A visit whose worker died is asked for anew.
_LOST_AFTER = timedelta(minutes=10)


def ask_for_examination(session: Session, *, clock: Clock) -> tuple[DoctorReport, bool]:
    """Return the visit that is to be made, and whether it is a new one: one at a time is enough."""
    now = clock.now()
    under_way = session.scalars(
        select(DoctorReport)
        .where(DoctorReport.done_at.is_(None), DoctorReport.asked_at > now - _LOST_AFTER)
        .order_by(DoctorReport.id.desc())
    ).first()
    if under_way is not None:
        return under_way, False
    report = DoctorReport(asked_at=now)
    session.add(report)
    session.flush()
    newest = select(DoctorReport.id).order_by(DoctorReport.id.desc()).limit(_KEPT)
    session.execute(delete(DoctorReport).where(DoctorReport.id.not_in(newest)))
    return report, True


def last_examinations(session: Session) -> tuple[DoctorReport | None, DoctorReport | None]:
    """Return the newest visit that is done, and the one under way, where there are any."""
    newest = session.scalars(select(DoctorReport).order_by(DoctorReport.id.desc()).limit(_KEPT))
    reports = newest.all()
    done = next((one for one in reports if one.done_at is not None), None)
    waiting = reports[0] if reports and reports[0].done_at is None else None
    return done, waiting


def examine(
    database: Database,
    report_id: int,
    *,
    settings: Settings,
    clock: Clock,
    ports: Callable[[Settings, Clock], Ports] = Ports.real,
) -> bool:
    """Look at everything and keep what is found; False when it is kept already. Safe to repeat."""
    with database.read() as session:
        report = session.get(DoctorReport, report_id)
        if report is None or report.done_at is not None:
            return False
    found = diagnose(settings, ports(settings, clock)).as_json()
    with database.transaction() as session:
        kept = session.scalars(
            update(DoctorReport)
            .where(DoctorReport.id == report_id, DoctorReport.done_at.is_(None))
            .values(done_at=clock.now(), result=found)
            .returning(DoctorReport.id)
            .execution_options(synchronize_session=False)
        )
        return bool(kept.all())
