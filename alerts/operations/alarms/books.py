"""The book of alarms: opened once, told once, reminded of daily, closed when all is well again."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from alerts.clock import Clock, rfc3339
from alerts.errors import Invalid, NotFound, Refused
from alerts.operations.alarms.kinds import TRIAL, TRIAL_WORDS, WORDS, Kind, Trouble
from alerts.operations.models import LONGEST_WORDS, Alarm, AlarmNote, Occasion
from alerts.staff.audit import Actor, Subject, record

# What comes and goes within minutes is one trouble.
_CLEAR_AFTER = timedelta(minutes=5)
_REMIND_EVERY = timedelta(days=1)
_LONGEST_SILENCE = timedelta(days=30)
WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Settled:
    """What changed in the book: numbers of alarms."""

    opened: tuple[int, ...]
    closed: tuple[int, ...]


def settle(
    session: Session,
    troubles: Iterable[Trouble],
    *,
    targets: Sequence[str],
    now: datetime,
    watching_since: datetime | None = None,
    unknown: Collection[tuple[Kind, str]] = (),
) -> Settled:
    """Hold what is broken now against the book; write notes to the targets where one is due.

    Safe to do twice: an alarm that is open is seen again, and a note is unique. Nothing is over
    because nobody looked: only time that somebody watched, since `watching_since`, counts, and
    what is `unknown` now, by kind and subject, is not over.
    """
    opened, closed = [], []
    seen = set()
    for trouble in troubles:
        alarm, is_new = _open(session, trouble, now)
        seen.add(alarm.id)
        if is_new:
            opened.append(alarm.id)
        _note_if_due(session, alarm, targets, now)
    for alarm in open_alarms(session):
        if (alarm.kind, alarm.subject) in unknown:
            continue
        unseen_since = max(alarm.last_seen_at, watching_since or alarm.last_seen_at)
        if alarm.id not in seen and now - unseen_since >= _CLEAR_AFTER:
            alarm.closed_at = now
            closed.append(alarm.id)
            # Whoever never heard of it need not hear that it is over.
            if alarm.noted_at is not None and not _is_silent(alarm, now):
                _note(session, alarm, Occasion.OVER, 0, targets, now)
    return Settled(tuple(opened), tuple(closed))


def open_alarms(session: Session) -> Sequence[Alarm]:
    """Return the alarms that are open, the oldest first."""
    return session.scalars(select(Alarm).where(Alarm.closed_at.is_(None)).order_by(Alarm.id)).all()


def past_alarms(session: Session, *, limit: int) -> Sequence[Alarm]:
    """Return the alarms that were closed last."""
    return session.scalars(
        select(Alarm)
        .where(Alarm.closed_at.is_not(None))
        .order_by(Alarm.closed_at.desc(), Alarm.id.desc())
        .limit(limit)
    ).all()


def silence(
    session: Session, alarm_id: int, *, span: timedelta, reason: str, actor: Actor, clock: Clock
) -> Alarm:
    """Tell nobody of an open alarm for a span of time; raises NotFound, Refused and Invalid."""
    alarm = _open_alarm(session, alarm_id)
    said = " ".join(reason.split())
    if not said:
        raise Invalid("a reason is needed, such as “the new relay comes on Monday”")
    if len(said) > LONGEST_WORDS:
        raise Invalid(f"the reason is longer than {LONGEST_WORDS} characters")
    if not timedelta(0) < span <= _LONGEST_SILENCE:
        raise Invalid("between a minute and 30 days would be right, such as 8 hours")
    alarm.silenced_until = clock.now() + span
    alarm.silence_reason = said
    until = alarm.silenced_until
    subject = Subject("alarm", alarm_id)
    record(session, actor, "alarm.silenced", subject, clock=clock, until=until, reason=said)
    return alarm


def end_silence(session: Session, alarm_id: int, *, actor: Actor, clock: Clock) -> Alarm:
    """Have an open alarm told again from now on; raises NotFound and Refused."""
    alarm = _open_alarm(session, alarm_id)
    if alarm.silenced_until is not None:
        alarm.silenced_until, alarm.silence_reason = None, ""
        record(session, actor, "alarm.unsilenced", Subject("alarm", alarm_id), clock=clock)
    return alarm


def alarm_json(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm in the form that scripts read."""
    return {
        "id": alarm.id,
        "kind": alarm.kind,
        "title": title_of(alarm),
        "subject": alarm.subject,
        "about": about_of(alarm) or None,
        "what": alarm.what,
        "mend": alarm.mend,
        "opened_at": rfc3339(alarm.opened_at),
        "last_seen_at": rfc3339(alarm.last_seen_at),
        "told_at": rfc3339(alarm.told_at),
        "closed_at": rfc3339(alarm.closed_at),
        "silenced_until": rfc3339(alarm.silenced_until),
        "silence_reason": alarm.silence_reason or None,
    }


def title_of(alarm: Alarm) -> str:
    """Return what kind of alarm this is, in words; one of another version by its name."""
    if alarm.kind == TRIAL:
        return TRIAL_WORDS
    return WORDS[Kind(alarm.kind)] if alarm.kind in set(Kind) else alarm.kind


def about_of(alarm: Alarm) -> str:
    """Return in a word or two what an alarm tells of, such as `issue 12`; empty where all is said.

    It tells apart the mails of several alarms of one kind.
    """
    sort, _, name = alarm.subject.partition(":")
    if sort in {"issue", "source", "mailbox"}:
        return f"{sort} {name}"
    if sort in {"provider", "relay"}:
        return "other providers" if name == "other" else name
    return ""


def _open(session: Session, trouble: Trouble, now: datetime) -> tuple[Alarm, bool]:
    """Return the open alarm about a trouble, and whether it was opened just now."""
    known = select(Alarm).where(
        Alarm.kind == trouble.kind, Alarm.subject == trouble.subject, Alarm.closed_at.is_(None)
    )
    words = {"what": _short(trouble.what), "mend": _short(trouble.mend), "last_seen_at": now}
    found = session.scalars(known).first()
    if found is None:
        values = {"kind": trouble.kind.value, "subject": trouble.subject, "opened_at": now}
        try:
            with session.begin_nested():
                session.execute(insert(Alarm).values(**values, **words, silence_reason=""))
        except IntegrityError:
            # Somebody else looked at the same moment.
            return session.scalars(known).one(), False
        return session.scalars(known).one(), True
    for name, value in words.items():
        setattr(found, name, value)
    return found, False


def _note_if_due(session: Session, alarm: Alarm, targets: Sequence[str], now: datetime) -> None:
    if _is_silent(alarm, now) or not targets:
        return
    if alarm.noted_at is None:
        _note(session, alarm, Occasion.OPENED, 0, targets, now)
    elif now - alarm.noted_at >= _REMIND_EVERY:
        number = (now - alarm.opened_at) // _REMIND_EVERY
        _note(session, alarm, Occasion.REMINDER, number, targets, now)


def _note(
    session: Session,
    alarm: Alarm,
    occasion: Occasion,
    number: int,
    targets: Sequence[str],
    now: datetime,
) -> None:
    alarm.noted_at = now
    for target in targets:
        about = {"alarm_id": alarm.id, "occasion": occasion, "number": number, "target": target}
        try:
            with session.begin_nested():
                session.execute(
                    insert(AlarmNote).values(
                        **about, made_at=now, not_before=now, attempts=0, failure=""
                    )
                )
        except IntegrityError:
            continue


def _is_silent(alarm: Alarm, now: datetime) -> bool:
    return alarm.silenced_until is not None and now < alarm.silenced_until


def _open_alarm(session: Session, alarm_id: int) -> Alarm:
    alarm = session.get(Alarm, alarm_id)
    if alarm is None:
        raise NotFound(f"there is no alarm {alarm_id}; see `alerts alarm list`")
    if alarm.closed_at is not None:
        raise Refused(f"alarm {alarm_id} is over since {alarm.closed_at:%Y-%m-%d %H:%M} UTC")
    return alarm


def _short(text: str) -> str:
    line = " ".join(text.replace("\0", "").split())
    return line if len(line) <= LONGEST_WORDS else f"{line[: LONGEST_WORDS - 1]}…"
