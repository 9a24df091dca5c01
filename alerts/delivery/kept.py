"""What is counted once and kept with its time: a look at an audience, the figures of a report."""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import ForeignKey, delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from alerts.database import Base, Database, JsonColumn, UtcDateTime

log = structlog.get_logger(__name__)


class AudienceLook(Base):
    """Who would get an approved issue, as counted at a moment before it was sent.

    `readers` are all of its audience, `mailed` those with an edition, in `variants` of them.
    """

    __tablename__ = "audience_looks"

    issue_id: Mapped[int] = mapped_column(
        ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True
    )
    readers: Mapped[int]
    mailed: Mapped[int]
    variants: Mapped[int]
    counted_at: Mapped[datetime] = mapped_column(UtcDateTime)


class KeptReport(Base):
    """The ledger's figures of an issue that is over, counted once.

    They hold for the end that they were counted after: an issue that is tried again ends anew.
    """

    __tablename__ = "issue_reports"

    issue_id: Mapped[int] = mapped_column(
        ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True
    )
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    counted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    figures: Mapped[dict[str, Any]] = mapped_column(JsonColumn)


def keep(database: Database, row: AudienceLook | KeptReport) -> None:
    """Keep what was counted in place of what was kept before.

    Two who counted at the same moment counted the same: the one that comes second is let go.
    """
    try:
        with database.transaction() as session:
            session.merge(row)
    except IntegrityError:
        log.info("kept_elsewhere", issue=row.issue_id)


def forget_report(session: Session, issue_id: int) -> None:
    """Have an issue's report counted anew: its ledger says more than when it was kept."""
    session.execute(
        delete(KeptReport)
        .where(KeptReport.issue_id == issue_id)
        .execution_options(synchronize_session=False)
    )
