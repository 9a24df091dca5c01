"""What the room Operations shows: the same as `/metrics`, in words, tables and charts."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from platform import python_version

from sqlalchemy.orm import Session

from alerts import __version__
from alerts.delivery.counting import OutcomeClass, outcome_totals, outcomes_by_hour
from alerts.migrations import HEAD
from alerts.operations.alarms.beats import BACKUP, BEAT, WORKER, beats
from alerts.operations.alarms.books import open_alarms, past_alarms, title_of
from alerts.operations.alarms.kinds import is_short
from alerts.operations.alarms.watching import space_of
from alerts.operations.doctor.machine import Space
from alerts.operations.examining import last_examinations
from alerts.operations.models import Alarm, DoctorReport
from alerts.operations.overview import Held, held_issues
from alerts.operations.removals import Removal, last_removal
from alerts.operations.situation import BOUNCES_OVER, TICK, Situation, look
from alerts.runtime import Runtime
from alerts.web.chart_shapes import ONE, Part
from alerts.web.charts import Bars, Columns, Row, Shares

_PAST = 10
_HOURS = 48
_GIBIBYTE = 1024**3
_FRESH = timedelta(minutes=3)
_OLD_BACKUP = timedelta(days=8)
_OUTCOMES = {
    OutcomeClass.SENT.value: "accepted",
    OutcomeClass.DEFERRED.value: "put off",
    OutcomeClass.SOFT.value: "bounced, soft",
    OutcomeClass.HARD.value: "bounced, hard",
    OutcomeClass.POLICY.value: "refused by policy",
    OutcomeClass.FAILED.value: "failed",
    OutcomeClass.UNCERTAIN.value: "unknown",
}
OUTCOMES = {name: Part(name, word) for name, word in _OUTCOMES.items()}
DUE = {
    "schedule": "Schedules whose issue is to be made",
    "run": "Issues being made",
    "issue": "Issues that are to start",
    "retry": "Batches to be tried again",
    "confirmation": "Confirmations to be mailed",
    "welcome": "Welcomes to be mailed",
    "poll": "Sources to be looked at",
}


@dataclass(frozen=True, slots=True)
class PartSign:
    """When a part of the program last showed itself, and whether that is lately enough."""

    words: str
    at: datetime | None
    is_well: bool


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """An alarm with its kind in words; nobody is told of one that is `is_silent`."""

    title: str
    alarm: Alarm
    is_silent: bool


@dataclass(frozen=True, slots=True)
class View:
    """Everything on the page, as it was at `situation.now` (UTC)."""

    situation: Situation
    held: Mapping[int, Held]
    alarms: Sequence[AlarmLine]
    past: Sequence[AlarmLine]
    signs: Sequence[PartSign]
    backup_at: datetime | None
    backup_is_old: bool
    space: Space | None
    examined: DoctorReport | None
    examining: DoctorReport | None
    removal: Removal | None

    @property
    def disk(self) -> str:
        """The room on the data folder's disk, in words."""
        if self.space is None:
            return "not known"
        free, total = (size / _GIBIBYTE for size in (self.space.free, self.space.total))
        return f"{free:.1f} of {total:.1f} GiB free"

    @property
    def disk_is_short(self) -> bool:
        """Whether somebody has to make room."""
        return self.space is not None and is_short(self.space.total, self.space.free)

    @property
    def versions(self) -> Mapping[str, str]:
        """What runs here."""
        return {
            "Program": __version__,
            "Schema": HEAD,
            "Python": f"{python_version()} ({sys.platform})",
        }

    @property
    def due(self) -> list[tuple[str, int, datetime | None]]:
        """What is due and since when, in words."""
        return [
            (DUE.get(kind, kind), work.count, work.since)
            for kind, work in self.situation.due.items()
        ]


def view_of(session: Session, runtime: Runtime) -> View:
    """Return how the system stands; costs the same at any number of readers."""
    now = runtime.clock.now()
    found = beats(session)
    examined, examining = last_examinations(session)
    backup_at = found.get(BACKUP)
    return View(
        situation=look(session, now=now),
        held={held.issue_id: held for held in held_issues(session, now=now)},
        alarms=[_line(alarm, now) for alarm in open_alarms(session)],
        past=[_line(alarm, now) for alarm in past_alarms(session, limit=_PAST)],
        signs=[
            _sign("Beat, which starts what is due", found.get(BEAT), now),
            _sign("Worker, which does it", found.get(WORKER), now),
            _sign("Last tick", found.get(TICK), now),
        ],
        backup_at=backup_at,
        backup_is_old=backup_at is not None and now - backup_at > _OLD_BACKUP,
        space=space_of(runtime.settings.data_dir),
        examined=examined,
        examining=examining,
        removal=last_removal(session, now=now),
    )


def answers_chart(session: Session, *, now: datetime) -> Shares:
    """Return what the last day's messages came to as a chart, a bar for each mailbox provider."""
    return Shares(_provider_rows(session, now=now), OUTCOMES)


def hours_chart(session: Session, *, now: datetime) -> Columns:
    """Return what messages came to in each of the last 48 hours as a chart."""
    return Columns(_hour_rows(session, now=now), OUTCOMES)


def queues_chart(lengths: Mapping[str, int]) -> Bars:
    """Return how many tasks lie in each queue as a chart, the most urgent first."""
    return Bars([Row(name, {"one": count}) for name, count in lengths.items()], ONE)


def _provider_rows(session: Session, *, now: datetime) -> list[Row]:
    """Return what the last day's messages came to, by mailbox provider, the largest first."""
    counts: dict[str, dict[str, int]] = {}
    for (provider, outcome), count in outcome_totals(session, since=now - BOUNCES_OVER).items():
        counts.setdefault(provider, {})[outcome] = count
    rows = [Row(_provider(name), parts) for name, parts in counts.items()]
    return sorted(rows, key=lambda row: (-row.total, row.label))


def _hour_rows(session: Session, *, now: datetime) -> list[Row]:
    """Return what messages came to in each of the last 48 hours, the oldest first."""
    first = (now - timedelta(hours=_HOURS - 1)).replace(minute=0, second=0, microsecond=0)
    counts: dict[datetime, dict[str, int]] = {
        first + timedelta(hours=number): {} for number in range(_HOURS)
    }
    for (hour, outcome), count in outcomes_by_hour(session, since=first).items():
        if hour in counts:
            counts[hour][outcome] = count
    return [Row(f"{hour:%a %H:%M}", parts) for hour, parts in counts.items()]


def _line(alarm: Alarm, now: datetime) -> AlarmLine:
    silent = alarm.silenced_until is not None and now < alarm.silenced_until
    return AlarmLine(title_of(alarm), alarm, silent)


def _sign(words: str, at: datetime | None, now: datetime) -> PartSign:
    return PartSign(words, at, at is not None and now - at <= _FRESH)


def _provider(name: str) -> str:
    return "all others" if name == "other" else name
