"""What becomes of runs that nobody made in time, since the program was not running. Pure."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from alerts.durations import duration_text, parse_duration
from alerts.errors import Invalid

# A tick that comes a little late is no outage: the worker was busy, the machine started again.
IN_TIME = timedelta(minutes=10)
USUAL = "send if less than 24 hours late"
_LONGEST = timedelta(days=31)
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
