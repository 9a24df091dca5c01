"""A day and a time that somebody typed, on a newsletter's wall clock. Pure."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerts.newsletters.wall_clock import comes_twice, resolve
from alerts.web.words import moment_in_words

_FURTHEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed, and what it comes to: `at` (UTC), or `problems` by the field's name.

    `note` says what a person should know of the moment though it is good.
    """

    day: str
    time: str
    at: datetime | None = None
    problems: dict[str, str] = field(default_factory=dict)
    note: str = ""


def read_moment(day: str, time_: str, *, zone: str, now: datetime) -> Typed:
    """Read a day (`2026-11-30`) and a time (`08:00`) in a zone; what is wrong stands by its field.

    A time that the clocks skip is refused, one that they repeat means its first pass.
    """
    problems: dict[str, str] = {}
    found_day, found_time = _day(day), _time(time_)
    if found_day is None:
        problems["day"] = "Name a day such as 2026-11-30."
    if found_time is None:
        problems["time"] = "Name a time such as 08:00."
    if found_day is None or found_time is None:
        return Typed(day, time_, problems=problems)
    clock = ZoneInfo(zone)
    planned = datetime.combine(found_day, found_time)
    if not now - _FURTHEST < planned.replace(tzinfo=UTC) < now + _FURTHEST:
        far = "That is more than a year away." if planned.year >= now.year else "That day is over."
        return Typed(day, time_, problems={"day": far})
    due = resolve(planned, clock)
    if due.local.replace(tzinfo=None) != planned:
        why = (
            f"The clocks in {zone} skip {planned:%H:%M} on that day;"
            f" {due.local:%H:%M} would be the next time there is."
        )
        return Typed(day, time_, problems={"time": why})
    if due.at <= now:
        local = now.astimezone(clock)
        over = f"That moment is over: it is {moment_in_words(local)} now."
        is_today = found_day == local.date()
        return Typed(day, time_, problems={"time" if is_today else "day": over})
    note = ""
    if comes_twice(due.local):
        note = f"The clocks in {zone} show {planned:%H:%M} twice on that day; it is the first."
    return Typed(day, time_, at=due.at, note=note)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("2026-11-30") else None
    except ValueError:
        return None


def _time(text: str) -> time | None:
    if len(text) not in {len("08:00"), len("08:00:00")}:
        return None
    try:
        found = time.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(second=0) if found.tzinfo is None else None
