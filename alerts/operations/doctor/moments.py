"""This machine's clock against those of others. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from alerts.operations.doctor.findings import Check, Finding

_NOTED, _WRONG = timedelta(seconds=5), timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Reading:
    """What another clock showed when ours showed `ours`."""

    whose: str
    theirs: datetime
    ours: datetime


def check_clock(readings: Sequence[Reading]) -> list[Finding]:
    """Judge each clock: more than 5 seconds apart is a note, more than 60 an error."""
    if not readings:
        return [Finding.unknown(Check.CLOCK, "no other clock could be read")]
    return [_judged(reading) for reading in readings]


def _judged(reading: Reading) -> Finding:
    apart = reading.theirs - reading.ours
    seconds = abs(apart.total_seconds())
    way = "ahead of" if apart > timedelta() else "behind"
    what = f"the clock of {reading.whose} is {seconds:,.0f} s {way} this machine's"
    mend = "Have both keep time by NTP (`timedatectl set-ntp true`): signatures carry it."
    if abs(apart) > _WRONG:
        return Finding.error(Check.CLOCK, what, mend)
    if abs(apart) > _NOTED:
        return Finding.note(Check.CLOCK, what, mend)
    return Finding.ok(Check.CLOCK, f"the clock of {reading.whose} agrees with this machine's")


def in_greeting(text: str) -> datetime | None:
    """Return the date at the end of an SMTP greeting, as sendmail and Exchange have it."""
    words = text.split()
    for length in (6, 5):
        try:
            found = parsedate_to_datetime(" ".join(words[-length:]))
        except (ValueError, IndexError):
            continue
        if found.tzinfo is not None:
            return found
    return None
