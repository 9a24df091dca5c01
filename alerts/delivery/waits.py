"""How long to wait after a temporary refusal, by what the answer says. Pure rules.

Whoever greylists wants to see us again in five minutes; a full mailbox is not emptied within the
hour; a busy server is helped by nobody who comes back at once.
"""

import enum
import re
from datetime import timedelta

from alerts.delivery.status_codes import enhanced_code, words_of


class Cause(enum.Enum):
    """Why a message was not taken for now."""

    GREYLISTED = "greylisted"
    FULL = "mailbox full"
    BUSY = "busy"
    NETWORK = "network"
    NO_ANSWER = "no answer"
    OTHER = "other"


# Minutes to wait after the first, second, … attempt; the last one goes on.
_MINUTES = {
    # Most greylists let in who comes back after five minutes.
    Cause.GREYLISTED: (6, 15, 30, 60, 120, 240),
    Cause.FULL: (60, 120, 240, 360),
    Cause.BUSY: (5, 15, 30, 60, 120),
    Cause.NETWORK: (5, 10, 20, 40, 60, 120, 240),
    Cause.NO_ANSWER: (2, 5, 15, 30, 60, 120, 240),
    Cause.OTHER: (5, 15, 30, 60, 120, 240),
}
# RFC 5321 section 3.8: the service is shutting down. RFC 6585: too many requests.
_BUSY_CODES = frozenset({421, 429})
# RFC 3463, subjects of the mail system and of the protocol's limits.
_UNWELL = ("3.", "5.")
# The two that refuse one recipient for now (RFC 5321 section 4.2.2): all who greylist use them.
_OF_GREYLISTS = frozenset({450, 451})
# What a greylist that does not call itself one says; others say it too, a second time.
_PERHAPS_GREYLISTED = frozenset({"7.1", "2.0"})
# Postgrey, milter-greylist and their like; Yahoo's GL01; Mimecast's words for it.
_GREYLIST = re.compile(
    r"gr[ea]y[-_ ]?list|postgrey|gr[ea]y ?trap|\[gl\d\d\]"
    r"|internal resources are temporarily unavailable"
)
_COME_AGAIN = re.compile(r"(?:try|retry)(?: it)?(?: again)? (?:later|in|after)\b|come back")
_FULL = re.compile(
    r"over ?-?quota|quota (?:is )?(?:exceeded|full)"
    r"|exceed(?:ed|s) (?:its |their |the )?(?:mailbox |storage |disk )?quota"
    r"|(?:mailbox|inbox|maildir)\b.{0,30}?\bfull\b"
)
_RATE = re.compile(
    r"\bbusy\b|too (?:many|much|quickly|fast|frequent)|\brates?\b|throttl|slow ?down|overload"
    r"|concurren|load average|congest|reputation|complaints|\[tss?\d+\]"
    r"|(?:limit|maximum)[a-z ]{0,30}exceeded|exceed(?:ed|s)[a-z ]{0,30}limit"
)
_TOO_MUCH = re.compile(
    r"too (?:many|much|quickly|fast)|throttl|slow ?down|\brates?\b[a-z ]{0,20}exceeded"
)
_NETWORK = re.compile(
    r"\bdns\b|name ?server|(?:host|domain)(?: name)? not found|\bresolv"
    r"|lookup (?:failed|failure|error)"
    r"|(?:connection|network|host)\b.{0,20}?\b(?:timed? ?out|unreachable|refused)"
)
# The words before a stated time; nothing but words may stand between.
_BEFORE_TIME = re.compile(
    r"(?:again|retry|come back|wait|later|gr[ea]y[-_ ]?list\w*|delayed|deferred)[^0-9]{0,60}(?=\d)"
)
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)(?![\d:])")
_PART = re.compile(
    r"(\d{1,6}) ?(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)\b(?:,? (?:and )?)?"
)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
# A server that asks for more is not believed.
_LONGEST_STATED = timedelta(hours=12)
# Whoever comes in the very second that was stated may be early by the other side's clock.
_MARGIN = timedelta(seconds=15)


def is_greylisting(answer: str) -> bool:
    """Tell whether an answer calls itself greylisting, which asks everybody to come twice."""
    return _GREYLIST.search(words_of(answer)) is not None


def is_too_much(answer: str) -> bool:
    """Tell whether an answer says in words that too much comes at once; not that it is busy."""
    return _TOO_MUCH.search(words_of(answer)) is not None


def cause_of(  # noqa: PLR0911 - a table, a line for each cause
    code: int, answer: str, *, attempts: int
) -> Cause:
    """Return why a server did not take a message now; `attempts` counts the one it answered."""
    if not code:
        return Cause.NO_ANSWER
    text = words_of(answer)
    # The class of the code says no more than the reply: subject and detail do (RFC 3463).
    detail = enhanced_code(answer).partition(".")[2]
    policy = detail.startswith("7.")
    if _GREYLIST.search(text):
        return Cause.GREYLISTED
    if detail == "2.2" or (not policy and _FULL.search(text)):
        return Cause.FULL
    if detail.startswith("4.") or (not policy and _NETWORK.search(text)):
        return Cause.NETWORK
    if code in _BUSY_CODES or detail.startswith(_UNWELL) or _RATE.search(text):
        return Cause.BUSY
    stranger = attempts <= 1 and code in _OF_GREYLISTS
    if stranger and (detail in _PERHAPS_GREYLISTED or _COME_AGAIN.search(text)):
        return Cause.GREYLISTED
    return Cause.BUSY if policy else Cause.OTHER


def stated_wait(answer: str) -> timedelta:
    """Return for how long an answer asks to be left alone; nothing where it states no time.

    With a margin for the other side's clock, and twelve hours at most.
    `greylisted for 300 seconds`, `try again in 5 minutes`, `come back in 00:04:32`.
    """
    text = words_of(answer)
    longest = timedelta()
    for before in _BEFORE_TIME.finditer(text):
        longest = max(longest, _span_at(text, before.end()))
    return min(longest, _LONGEST_STATED) + _MARGIN if longest else longest


def wait_after(cause: Cause, attempts: int, *, stated: timedelta) -> timedelta:
    """Return the wait after so many attempts: never shorter than the stated one."""
    minutes = _MINUTES[cause]
    return max(timedelta(minutes=minutes[min(attempts, len(minutes)) - 1]), stated)


def _span_at(text: str, start: int) -> timedelta:
    clock = _CLOCK.match(text, start)
    if clock:
        hours, minutes, seconds = (int(part) for part in clock.groups())
        return timedelta(hours=hours, minutes=minutes, seconds=seconds)
    seconds = 0
    while part := _PART.match(text, start):
        seconds += int(part.group(1)) * _SECONDS[part.group(2)[0]]
        start = part.end()
    return timedelta(seconds=seconds)
