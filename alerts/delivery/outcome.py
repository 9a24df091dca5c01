"""What can come of handing over one message, and what the ledger makes of it. Pure rules."""

import enum
import random
from datetime import datetime, timedelta
from typing import NamedTuple

from alerts.delivery.bounces import reason_of_refusal
from alerts.delivery.models import DeliveryState
from alerts.delivery.status_codes import enhanced_code
from alerts.delivery.waits import (
    Cause,
    cause_of,
    is_greylisting,
    is_too_much,
    stated_wait,
    wait_after,
)

# A server that takes a message and then hangs up may do so every time, and its reader get a copy
# each time: after so many attempts nobody tries again.
_MOST_WITH_UNKNOWN_FATE = 3
_PERMANENT = 500
_SERVICE_CLOSING = 421
# RFC 3463: the mail system, the network and its routing, and policy.
_UNWELL = ("4.3.", "4.4.", "4.7.")
# An address, a mailbox, and policy, which is mostly that of a domain.
_OF_READERS = ("4.1.", "4.2.", "4.7.")
# Of these, the one that is the server's own.
_SYSTEM = "4.3."
_LONGEST_REASON = 100
# How the reason of what waits for a limit or a server begins.
WAITS = "waits: "
# The reason of what may have arrived and is to be sent again all the same: until it ends nobody can
# say that its reader got nothing.
SENT_AGAIN = "fate unknown, to be sent again"
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
        return enhanced_code(self.answer) or (str(self.code) if self.code else "no answer")


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
    if is_greylisting(outcome.answer):
        return False
    if outcome.code == _SERVICE_CLOSING or outcome.reason.startswith(_UNWELL):
        return True
    # "454 Throttling failure: Maximum sending rate exceeded": without a code the words decide.
    return not enhanced_code(outcome.answer) and is_too_much(outcome.answer)


def is_about_us(outcome: Outcome) -> bool:
    """Tell whether a refusal for now is by a server that is unwell, or has enough of us.

    It is then no reader's, nor any domain's: the next message would fare no better.
    """
    unwell = outcome.code == _SERVICE_CLOSING or outcome.reason.startswith(_SYSTEM)
    return asks_for_less(outcome) and (unwell or is_too_much(outcome.answer))


def is_of_a_reader(outcome: Outcome) -> bool:
    """Tell whether a refusal for now speaks of a reader's address, mailbox or domain.

    A 421 that does so ends a connection, and yet it says nothing of the server: a relay that passes
    on what a domain answers is well.
    """
    if outcome.fate is not Fate.TEMPORARY or not outcome.code:
        return False
    return outcome.reason.startswith(_OF_READERS) or is_too_much(outcome.answer)


def refusal(code: int, answer: str) -> Outcome:
    """Return the outcome for a negative SMTP reply (RFC 5321 section 4.2.1)."""
    fate = Fate.PERMANENT if code >= _PERMANENT else Fate.TEMPORARY
    return Outcome(fate, code, answer)


def judge(
    outcome: Outcome,
    *,
    attempts: int,
    now: datetime,
    give_up_at: datetime,
    hold_uncertain: bool,
    jitter: float | None = None,
) -> Verdict:
    """Decide where a delivery goes after an attempt.

    `attempts` counts this one. What was refused for now is tried again after a wait that follows
    from the answer (`waits.py`), spread by up to a quarter (`jitter` in 0..1, else drawn), never
    sooner than the server asks and never after `give_up_at`, when the issue is too old. A message
    that may have arrived never counts as failed: it is tried again, or stays uncertain.
    """
    match outcome.fate:
        case Fate.ACCEPTED:
            return Verdict(DeliveryState.SENT)
        case Fate.PERMANENT:
            return Verdict(DeliveryState.FAILED, reason_of_refusal(outcome.code, outcome.answer))
        case Fate.UNKNOWN if hold_uncertain:
            return Verdict(DeliveryState.UNCERTAIN, "fate unknown, held")
        case Fate.UNKNOWN if attempts >= _MOST_WITH_UNKNOWN_FATE:
            return Verdict(DeliveryState.UNCERTAIN, "fate unknown, tried often enough")
    cause = _cause(outcome, attempts)
    wait, spread = _wait(outcome, cause, attempts)
    if wait > give_up_at - now:
        return _given_up(outcome, cause)
    drawn = random.random() if jitter is None else jitter  # noqa: S311 - no secret
    not_before = min(now + wait + spread * drawn, give_up_at)
    return Verdict(DeliveryState.PENDING, _why_later(outcome, cause), not_before)


def _cause(outcome: Outcome, attempts: int) -> Cause:
    if outcome.fate is Fate.TEMPORARY:
        return cause_of(outcome.code, outcome.answer, attempts=attempts)
    return Cause.NO_ANSWER


def _wait(outcome: Outcome, cause: Cause, attempts: int) -> tuple[timedelta, timedelta]:
    """Return how long to wait at least, and over which span to spread those who wait together."""
    if outcome.fate is Fate.POSTPONED:
        wait = timedelta(seconds=outcome.wait)
        return wait, min(wait / 4, _LONGEST_SPREAD)
    wait = wait_after(cause, attempts, stated=stated_wait(outcome.answer))
    return wait, wait / 4


def waiting_for(why: str) -> str:
    """Return the reason of a delivery that waits, for something that is not about its reader."""
    reason = f"{WAITS}{why}"
    fits = len(reason) <= _LONGEST_REASON
    # People read it at the desk: what is left out is seen to be left out.
    return reason if fits else f"{reason[: _LONGEST_REASON - 1].rstrip()}…"


def _why_later(outcome: Outcome, cause: Cause) -> str:
    if outcome.fate is Fate.POSTPONED:
        return waiting_for(outcome.answer)
    if outcome.fate is Fate.UNKNOWN:
        return SENT_AGAIN
    return f"deferred {_told(outcome, cause)}"


def _given_up(outcome: Outcome, cause: Cause) -> Verdict:
    match outcome.fate:
        case Fate.UNKNOWN:
            return Verdict(DeliveryState.UNCERTAIN, "fate unknown, too late to try again")
        case Fate.POSTPONED:
            reason = f"gave up after waiting: {outcome.answer}"[:_LONGEST_REASON]
        case _:
            reason = f"gave up after {_told(outcome, cause)}"
    return Verdict(DeliveryState.FAILED, reason)


def _told(outcome: Outcome, cause: Cause) -> str:
    """Return the reason to count by; where there is only a reply code, with what the text says."""
    if enhanced_code(outcome.answer) or cause not in {Cause.GREYLISTED, Cause.FULL}:
        return outcome.reason
    return f"{outcome.reason}: {cause.value}"
