"""What an alarm can be about: things that are broken, never things that are busy. No I/O."""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta


class Kind(enum.StrEnum):
    """Every kind of alarm; the value is also the anchor of its section in the documentation."""

    RUN_LATE = "run-late"
    RUN_FAILED = "run-failed"
    ISSUE_LATE = "issue-late"
    ISSUE_SLOW = "issue-slow"
    ISSUE_STALLED = "issue-stalled"
    ISSUE_HALTED = "issue-halted"
    RELAY_REFUSES = "relay-refuses"
    RELAY_SICK = "relay-sick"
    BOUNCE_RATE = "bounce-rate"
    POLICY_BLOCKS = "policy-blocks"
    SOURCE_DEAD = "source-dead"
    MAILBOX_DEAD = "mailbox-dead"
    MAIL_WAITS = "mail-waits"
    CANARY_MISSING = "canary-missing"
    DISK_SHORT = "disk-short"
    REMOVAL_FAILS = "removal-fails"
    NO_BEAT = "no-beat"
    NO_WORKER = "no-worker"
    NO_TICK = "no-tick"


WORDS = {
    Kind.RUN_LATE: "A scheduled issue is late",
    Kind.RUN_FAILED: "A scheduled issue could not be made",
    Kind.ISSUE_LATE: "An issue has not started",
    Kind.ISSUE_SLOW: "An issue will end late",
    Kind.ISSUE_STALLED: "An issue has stopped moving",
    Kind.ISSUE_HALTED: "An issue has paused by itself",
    Kind.RELAY_REFUSES: "The mail server refuses our mail",
    Kind.RELAY_SICK: "One of the mail servers is sick",
    Kind.BOUNCE_RATE: "More mail bounces than usual",
    Kind.POLICY_BLOCKS: "A mailbox provider refuses our mail",
    Kind.SOURCE_DEAD: "A source of articles is gone",
    Kind.MAILBOX_DEAD: "No mail can be fetched from a mailbox",
    Kind.MAIL_WAITS: "Mail that came back is not read",
    Kind.CANARY_MISSING: "The canary's copy has not arrived",
    Kind.DISK_SHORT: "The disk is nearly full",
    Kind.REMOVAL_FAILS: "Old data is not removed",
    Kind.NO_BEAT: "The beat does not run",
    Kind.NO_WORKER: "No worker runs",
    Kind.NO_TICK: "Nothing is done by schedule",
}
# No alarm; told in its place when somebody tries out who is reached.
TRIAL, TRIAL_WORDS = "trial", "Alarms reach you"

# For how long something has to be wrong before it is broken, and not just under way.
LATE_AFTER = timedelta(minutes=15)
STALLED_AFTER = timedelta(minutes=15)
# What a wrong password keeps back goes by itself no sooner than somebody has mended it.
REFUSED_AFTER = timedelta(minutes=3)
# A mail server for which another stands in, tried again and again meanwhile.
SICK_FOR = timedelta(minutes=10)
# A batch that is held back for longer than this waits on purpose: a limit, a reader's hour.
WAITS_ON_PURPOSE = timedelta(minutes=5)
# Limits make an issue late when its last reader gets it after so large a part of the time for
# which it is worth sending: of a day six hours.
LATE_PART = 1 / 4
DEAD_AFTER = timedelta(days=1)
# Bounces that nobody reads cost the sender's name; a mail server that is restarted does not.
MAILBOX_DEAD_AFTER = timedelta(hours=1)
MAIL_WAITS_AFTER = timedelta(minutes=15)
SILENT_AFTER = timedelta(minutes=3)
# Workers that are all busy with large batches let ticks pass; that is no trouble for so long.
TICKLESS_AFTER = timedelta(minutes=15)
# What was due while the machine was off is not broken when it comes up: it is seen to first.
# Whoever has only begun to watch tells of none of these before.
COMING_UP = timedelta(minutes=3)
SEEN_TO_FIRST = frozenset(
    {
        Kind.RUN_LATE,
        Kind.ISSUE_LATE,
        Kind.ISSUE_STALLED,
        Kind.MAILBOX_DEAD,
        Kind.MAIL_WAITS,
        Kind.CANARY_MISSING,
        Kind.REMOVAL_FAILS,
    }
)
# A run that failed is told of until a later one did not, or for so long.
FAILED_FOR = timedelta(days=2)

# What makes a bounce rate a jump: so many messages, so many bounces, such a rate, so many times
# the usual one.
LEAST_DECIDED = 100
LEAST_BOUNCED = 10
LEAST_RATE = 0.02
TIMES_USUAL = 3.0
LEAST_BLOCKED = 10
LEAST_BLOCKED_RATE = 0.05

_GIBIBYTE = 1024**3
LEAST_FREE = _GIBIBYTE
LITTLE_FREE, LITTLE_SHARE = 10 * _GIBIBYTE, 0.05


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is broken now; `subject` tells it from others of its kind."""

    kind: Kind
    subject: str
    what: str
    mend: str


def is_jump(decided: int, bounced: int, *, usual: float) -> bool:
    """Tell whether so many bounces among so many messages are more than the usual rate."""
    if decided < LEAST_DECIDED or bounced < LEAST_BOUNCED:
        return False
    return bounced / decided >= max(LEAST_RATE, TIMES_USUAL * usual)


def at(moment: datetime | None) -> str:
    """Return a moment (UTC) as alarms say it; empty where there is none."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def is_blocked(decided: int, refused: int) -> bool:
    """Tell whether so many refusals by policy among so many messages are a block."""
    return refused >= LEAST_BLOCKED and refused / max(decided, 1) >= LEAST_BLOCKED_RATE


def is_short(total: int, free: int) -> bool:
    """Tell whether a disk of so many bytes with so many free is nearly full."""
    return free < LEAST_FREE or (free < LITTLE_FREE and free < total * LITTLE_SHARE)
