"""What becomes of runs that nobody made in time, since the program was not running. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from alerts.durations import duration_text, parse_duration
from alerts.errors import Invalid
from alerts.newsletters.wall_clock import Occurrence

# A tick that comes a little late is no outage: the worker was busy, the machine started again.
IN_TIME = timedelta(minutes=10)
USUAL = "send if less than 24 hours late"
_LONGEST = timedelta(days=31)
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_SEND = re.compile(
    r"send if (?:less than|within|under) (?P<span>\d+ ?[a-z]+?)(?: late)?"
    r"(?:,? (?:or )?else (?P<else>merge|skip))?(?: into the next)?",
    re.IGNORECASE,
)
_EXAMPLES = '"send if less than 6 hours late", "merge" or "skip"'

Fate = Literal["send", "merge", "skip"]


@dataclass(frozen=True, slots=True)
class MissedPolicy:
    """What becomes of a missed run: it is made while less than `within` late, and else `beyond`.

    `merge` leaves what it would have held to the next run; `skip` leaves that out for good.
    """

    within: timedelta
    beyond: Literal["merge", "skip"]

    @property
    def text(self) -> str:
        """The policy in canonical words, which are read as the same policy."""
        if not self.within:
            return self.beyond
        words = f"send if less than {_hours(self.within)} late"
        return words if self.beyond == "merge" else f"{words}, else skip"

    def fate(self, late: timedelta) -> Fate:
        """Tell what becomes of the newest run that is due, by how late it is."""
        if late <= IN_TIME or late < self.within:
            return "send"
        return self.beyond


def parse_missed(text: str) -> MissedPolicy:
    """Read what is to become of missed runs; raise Invalid that shows what would be right."""
    words = " ".join(text.lower().split())
    if words in {"skip", "merge", "merge into the next"}:
        return MissedPolicy(timedelta(0), "skip" if words == "skip" else "merge")
    match = _SEND.fullmatch(words)
    if match is None:
        raise Invalid(f"missed runs: {words[:80]!r} is not understood; {_EXAMPLES} would be right")
    within = parse_duration(match["span"])
    if not IN_TIME < within <= _LONGEST:
        shortest, longest = duration_text(IN_TIME), duration_text(_LONGEST)
        raise Invalid(
            f"missed runs: {duration_text(within)} is not between {shortest} and {longest}"
        )
    return MissedPolicy(within, "skip" if match["else"] == "skip" else "merge")


def _hours(span: timedelta) -> str:
    """Return a span, up to two days in hours, since that is how lateness is spoken of."""
    hours, rest = divmod(span, timedelta(hours=1))
    if rest or span > timedelta(days=2):
        return duration_text(span)
    return f"{hours} hour{'' if hours == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Planned:
    """A run that is due, what becomes of it, and why, in words for whoever runs the program."""

    occurrence: Occurrence
    fate: Fate | Literal["lost"]
    reason: str = ""


def plan_runs(
    due: Sequence[Occurrence],
    policy: MissedPolicy,
    *,
    now: datetime,
    following: Occurrence | None,
) -> list[Planned]:
    """Tell what becomes of each run that is due, the oldest first.

    The newest is made or not, by how late it is. Those before it go into the same run, as far as
    the schedule makes up for missed ones at all. Nothing is lost silently: what cannot be merged,
    since no run is to come, is `lost`.
    """
    newest = due[-1]
    fate = policy.fate(now - newest.at)
    earlier = (_earlier(one, newest, policy, fate, following, now) for one in due[:-1])
    return [*earlier, _newest(newest, fate, following, now)]


def late_text(span: timedelta) -> str:
    """Return how late something is, as one would say it: `90 minutes`, `30 hours`, `5 days`."""
    for unit, word, least in ((_DAY, "days", 3), (_HOUR, "hours", 2)):
        if span >= least * unit:
            return f"{span // unit} {word}"
    minutes = span // timedelta(minutes=1)
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def _newest(one: Occurrence, fate: Fate, following: Occurrence | None, now: datetime) -> Planned:
    late = now - one.at
    if fate == "send":
        return Planned(one, fate, f"made {late_text(late)} late" if late > IN_TIME else "")
    return _not_made(one, fate, following, now)


def _earlier(
    one: Occurrence,
    newest: Occurrence,
    policy: MissedPolicy,
    fate: Fate,
    following: Occurrence | None,
    now: datetime,
) -> Planned:
    skips = policy.beyond == "skip" and now - one.at >= max(policy.within, IN_TIME)
    if fate == "send" and not skips:
        late = late_text(now - one.at)
        return Planned(one, "merge", f"{late} late; merged into the run of {newest.period}")
    return _not_made(one, "skip" if skips else fate, following, now)


def _not_made(one: Occurrence, fate: Fate, following: Occurrence | None, now: datetime) -> Planned:
    late = late_text(now - one.at)
    if fate == "skip":
        return Planned(one, "skip", f"{late} late; the schedule does not make up for it")
    if following is None:
        return Planned(one, "lost", f"{late} late, and no run is to come that it could go into")
    return Planned(one, "merge", f"{late} late; merged into the next run, {following.period}")
