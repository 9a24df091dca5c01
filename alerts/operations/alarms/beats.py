"""Signs of life: each part writes down that it runs, and whoever looks finds who does not."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.operations.alarms.kinds import SILENT_AFTER, TICKLESS_AFTER, Kind, Trouble, at
from alerts.operations.models import Beat
from alerts.operations.situation import TICK
from alerts.set_back import Moment

BEAT, WORKER = "beat", "worker"
BACKUP = "backup"
_CHECKED = "alarms"
# What a clock left ahead of all that was set back since: else nobody would check before it is over.
BEATS = (Moment(Beat.at),)
# A check a minute, whoever comes first.
_BETWEEN_CHECKS = timedelta(seconds=50)


def note_life(session: Session, name: str, *, now: datetime) -> None:
    """Write down that something runs, or happened, at this moment."""
    session.merge(Beat(name=name, at=now))


def beats(session: Session) -> dict[str, datetime]:
    """Return when each thing last happened."""
    return dict(session.execute(select(Beat.name, Beat.at)).all())


def take_turn(session: Session, *, now: datetime) -> bool:
    """Tell whether it is this process's turn to check; one of all is told so, once a minute."""
    taken = session.scalars(
        update(Beat)
        .where(Beat.name == _CHECKED, Beat.at <= now - _BETWEEN_CHECKS)
        .values(at=now)
        .returning(Beat.name)
        .execution_options(synchronize_session=False)
    ).all()
    if taken:
        return True
    if session.get(Beat, _CHECKED) is not None:
        return False
    try:
        with session.begin_nested():
            session.execute(insert(Beat).values(name=_CHECKED, at=now))
    except IntegrityError:
        return False
    return True


def silent_parts(
    found: Mapping[str, datetime], *, now: datetime, watching_since: datetime
) -> Iterator[Trouble]:
    """Return which parts do not run, as far as one who watches since a moment can tell. Pure.

    After the machine was off, or its clock was set, or when all start together, everybody gets
    their time.
    """

    def silent(name: str, after: timedelta) -> bool:
        return now - max(found.get(name, watching_since), watching_since) > after

    if silent(WORKER, SILENT_AFTER):
        yield Trouble(
            Kind.NO_WORKER,
            "all",
            f"no worker has given a sign of life{_last(found, WORKER)}: nothing is sent",
            "Start one: `alerts worker`, or the service of that name; its log says why it ended.",
        )
    if silent(BEAT, SILENT_AFTER):
        yield Trouble(
            Kind.NO_BEAT,
            "all",
            f"the beat has given no sign of life{_last(found, BEAT)}: no issue is made by schedule",
            "Start one: `alerts beat`, or the service of that name; its log says why it ended.",
        )
    elif not silent(WORKER, SILENT_AFTER) and silent(TICK, TICKLESS_AFTER):
        yield Trouble(
            Kind.NO_TICK,
            "all",
            "beat and worker run, but what is to be done each minute was not done"
            f"{_last(found, TICK)}: no issue is made by schedule",
            "See whether Redis takes tasks, with `alerts doctor`, and whether a worker takes the"
            " queue `periodic`.",
        )


def _last(found: Mapping[str, datetime], name: str) -> str:
    """Return since when; empty where it never was."""
    return f" since {at(found[name])}" if name in found else ""
