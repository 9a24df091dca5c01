"""How long to wait before a message is tried again, by what the answer says. Pure rules."""

import enum
import re
from datetime import timedelta

_SERVICE_CLOSING = 421
# RFC 3463: the mail system, its protocol's limits, policy; and the network with its routing.
_BUSY = ("4.3.", "4.5.", "4.7.")
_NETWORK = ("4.4.",)
_MAILBOX_FULL = "4.2.2"
# How a greylist answers a stranger whose words do not tell (Postgrey, Exim, milter-greylist).
_STRANGER_CODES = frozenset({450, 451})
_STRANGER_REASONS = frozenset({"4.7.1", "4.2.0"})
_GREY_WORDS = re.compile(r"gr[ae]y[- ]?list|postgrey", re.IGNORECASE)
_FULL_WORDS = re.compile(
    r"mailbox (?:is )?full|over ?quota|quota exceeded|exceeded .{0,40}quota", re.IGNORECASE
)
_BUSY_WORDS = re.compile(r"too (?:many|much|fast)|rate limit|throttl|busy|overload", re.IGNORECASE)
# "try again in 5 minutes", "greylisted for 300 seconds", "come back in 00:04:38".
_STATED = re.compile(
    r"\b(?:in|after|for)\s+(?:about\s+|at least\s+)?"
    r"(?:(?P<clock>\d{1,2}:\d\d:\d\d)"
    r"|(?P<count>\d{1,5})\s*(?P<unit>s|secs?|seconds?|m|mins?|minutes?|h|hours?))\b",
    re.IGNORECASE,
)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
# A server that asks for more is not believed.
_LONGEST_STATED = timedelta(hours=12)
# Whoever comes in the very second that was stated may be early by the other side's clock.
_MARGIN = timedelta(seconds=15)


class Ground(enum.Enum):
    """Why a message was not taken now, as far as the answer tells."""

    SILENT = "no answer"
    GREYLISTED = "greylisted"
    MAILBOX_FULL = "mailbox full"
    NETWORK = "network"
    BUSY = "busy"
    OTHER = "other"


# Minutes after the first, second, … try; the last one goes on.
_WAITS: dict[Ground, tuple[int, ...]] = {
    Ground.SILENT: (2, 5, 15, 30, 60, 120, 240),
    # Most greylists let in who comes back after five minutes.
    Ground.GREYLISTED: (6, 15, 30, 60, 120, 240),
    # Nobody tidies a mailbox within minutes.
    Ground.MAILBOX_FULL: (60, 120, 240, 360),
    Ground.NETWORK: (5, 10, 20, 40, 60, 120, 240),
    Ground.BUSY: (5, 15, 30, 60, 120),
    Ground.OTHER: (5, 15, 30, 60, 120, 240),
}


def says_greylisted(answer: str) -> bool:
    """Tell whether an answer says in words that everybody has to come a second time."""
    return _GREY_WORDS.search(answer) is not None


def ground_of(code: int, reason: str, answer: str, *, attempts: int) -> Ground:
    """Return what a temporary refusal is about.

    `code` is the reply code, 0 where no answer came; `reason` the enhanced code where there is
    one; `attempts` counts the refused one.
    """
    if not code:
        return Ground.SILENT
    stranger = code in _STRANGER_CODES and reason in _STRANGER_REASONS and attempts == 1
    if says_greylisted(answer) or (stranger and not _BUSY_WORDS.search(answer)):
        return Ground.GREYLISTED
    if reason == _MAILBOX_FULL or _FULL_WORDS.search(answer):
        return Ground.MAILBOX_FULL
    if reason.startswith(_NETWORK):
        return Ground.NETWORK
    if code == _SERVICE_CLOSING or reason.startswith(_BUSY) or _BUSY_WORDS.search(answer):
        return Ground.BUSY
    return Ground.OTHER


def wait_after(code: int, reason: str, answer: str, *, attempts: int) -> timedelta:
    """Return for how long a message is left alone, never less than the answer asks for."""
    minutes = _WAITS[ground_of(code, reason, answer, attempts=attempts)]
    usual = timedelta(minutes=minutes[min(attempts, len(minutes)) - 1])
    return max(usual, _stated(answer))


def _stated(answer: str) -> timedelta:
    match = _STATED.search(answer)
    if match is None:
        return timedelta(0)
    if match["clock"]:
        hours, minutes, seconds = map(int, match["clock"].split(":"))
        asked = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    else:
        asked = timedelta(seconds=int(match["count"]) * _SECONDS[match["unit"][0].lower()])
    return min(asked, _LONGEST_STATED) + _MARGIN
