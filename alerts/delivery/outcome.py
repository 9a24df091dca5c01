"""What can come of handing over one message, and what the ledger makes of it. Pure rules."""

import enum
import random
import re
from datetime import datetime, timedelta
from typing import NamedTuple

from alerts.delivery.models import DeliveryState
from alerts.delivery.waits import says_greylisted, wait_after

# A server that takes a message and then hangs up may do so every time, and its reader get a copy
# each time: after so many attempts nobody tries again.
_MOST_WITH_UNKNOWN_FATE = 3
_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_PERMANENT = 500
_SERVICE_CLOSING = 421
# RFC 3463: the mail system, the network and its routing, and policy.
_UNWELL = ("4.3.", "4.4.", "4.7.")
_LONGEST_REASON = 100
# Those that were put off together are to come back one by one, not hours later.
_LONGEST_SPREAD = timedelta(minutes=1)


class Fate(enum.Enum):
    """What happened to a message at the other side."""

    ACCEPTED = "accepted"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    # The connection broke between the end of the message and the answer: it may be either.
    UNKNOWN = "unknown"
    # A limit of ours, or of the other side's domain, kept it back before it was tried.
    POSTPONED = "postponed"


class Outcome(NamedTuple):
    """The fate of a message with the server's answer: its code (0 for none) and text.

    `wait` is for how many seconds a postponed message is to be left alone.
    """

    fate: Fate
    code: int = 0
    answer: str = ""
    wait: float = 0.0

    @property
    def reason(self) -> str:
        """A short reason to count by: the enhanced status code (RFC 3463), else the reply code."""
        enhanced = _ENHANCED.search(self.answer)
        if enhanced:
            return enhanced.group(1)
        return str(self.code) if self.code else "no answer"


class Verdict(NamedTuple):
    """What is written to the ledger; `not_before` (UTC) only for a delivery to be tried again."""

    state: DeliveryState
    reason: str | None = None
    not_before: datetime | None = None


def asks_for_less(outcome: Outcome) -> bool:
    """Tell whether a refusal says that too much comes at once, or that the other side is unwell.

    Not so a full mailbox, nor greylisting, which asks everybody to come a second time.
    """
    if outcome.fate is not Fate.TEMPORARY or not outcome.code:
        return False
    if says_greylisted(outcome.answer):
        return False
    return outcome.code == _SERVICE_CLOSING or outcome.reason.startswith(_UNWELL)


def refusal(code: int, answer: str) -> Outcome:
    """Return the outcome for a negative SMTP reply (RFC 5321 section 4.2.1)."""
    fate = Fate.PERMANENT if code >= _PERMANENT else Fate.TEMPORARY
    return Outcome(fate, code, answer)


def judge(  # noqa: PLR0911 - a table, a line for each end
    outcome: Outcome,
    *,
    attempts: int,
    now: datetime,
    give_up_at: datetime,
    hold_uncertain: bool,
    jitter: float | None = None,
) -> Verdict:
    """Decide where a delivery goes after an attempt.

    `attempts` counts this one. A temporary refusal is tried again after waits that follow from
    the answer (`waits.py`), spread by up to a quarter (`jitter` in 0..1, else drawn), until the
    issue is too old (`give_up_at`). A
    message that may have arrived never counts as failed: it is tried again, or stays uncertain.
    """
    match outcome.fate:
        case Fate.ACCEPTED:
            return Verdict(DeliveryState.SENT)
        case Fate.PERMANENT:
            return Verdict(DeliveryState.FAILED, f"refused {outcome.reason}")
        case Fate.UNKNOWN if hold_uncertain:
            return Verdict(DeliveryState.UNCERTAIN, "fate unknown, held")
        case Fate.UNKNOWN if attempts >= _MOST_WITH_UNKNOWN_FATE:
            return Verdict(DeliveryState.UNCERTAIN, "fate unknown, tried often enough")
    spread = random.random() if jitter is None else jitter  # noqa: S311 - no secret
    if outcome.fate is Fate.POSTPONED:
        wait = timedelta(seconds=outcome.wait)
        not_before = now + wait + min(wait / 4, _LONGEST_SPREAD) * spread
        if not_before <= give_up_at:
            why = f"waits: {outcome.answer}"[:_LONGEST_REASON]
            return Verdict(DeliveryState.PENDING, why, not_before)
        return Verdict(DeliveryState.FAILED, f"gave up: {outcome.answer}"[:_LONGEST_REASON])
    wait = wait_after(outcome.code, outcome.reason, outcome.answer, attempts=attempts)
    not_before = now + wait * (1 + spread / 4)
    if not_before <= give_up_at:
        return Verdict(DeliveryState.PENDING, f"deferred {outcome.reason}", not_before)
    if outcome.fate is Fate.UNKNOWN:
        return Verdict(DeliveryState.UNCERTAIN, "fate unknown, too late to try again")
    return Verdict(DeliveryState.FAILED, f"gave up after {outcome.reason}")
