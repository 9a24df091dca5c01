"""The mark that a restored system carries: nothing is drafted or sent until a person lifts it.

A copy believes to be due whatever was due when it was made, and the system it was made of went on:
what the copy would mail, readers may have. So whoever drafts or sends by itself asks here first.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ColumnElement, SmallInteger, exists, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from alerts.database import Base, UtcDateTime
from alerts.errors import Refused


class Hold(Base):
    """The one row that says since when all sending waits, and of when the copy is."""

    __tablename__ = "holds"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    backup_of: Mapped[datetime] = mapped_column(UtcDateTime)


def hold_of(session: Session) -> Hold | None:
    """Return the hold, or None where the system is free to send."""
    return session.get(Hold, 1)


def is_held(session: Session) -> bool:
    """Tell whether all sending waits for a person; one look at a table of one row at most."""
    return bool(session.scalar(select(exists(select(Hold.id)))))


def not_held() -> ColumnElement[bool]:
    """Return the condition, for a statement that claims work, that nothing is held."""
    return ~exists(select(Hold.id))


def refuse_if_held(session: Session) -> None:
    """Raise Refused where all sending waits, with what ends that."""
    hold = hold_of(session)
    if hold is not None:
        raise Refused(
            f"this system was restored from a backup of {hold.backup_of:%Y-%m-%d %H:%M} UTC and"
            " sends nothing until somebody has looked at what is due: see `alerts release`"
        )


def put_on_hold(session: Session, *, since: datetime, backup_of: datetime) -> None:
    """Hold all sending back; a hold that stands already is replaced."""
    session.merge(Hold(id=1, since=since, backup_of=backup_of))


def lift_hold(session: Session) -> None:
    """Let the system send again."""
    hold = hold_of(session)
    if hold is not None:
        session.delete(hold)
