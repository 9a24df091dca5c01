"""What a provider's HTTP answer means for a message, and for the way to it. Pure rules."""

import enum
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

_LONGEST_TEXT = 300
_TOO_MANY = 429
# Seconds since 1970, of this century.
_MOMENT = re.compile(r"[1-3][0-9]{9}")
# The other side's clock may be ahead of ours.
_SHORTEST_RESET = 1.0
_UNANSWERED_GATEWAYS = frozenset({502, 504})
# Request time-out, conflict, too early: passing troubles of the other side, not of the message.
_PASSING = frozenset({408, 409, 425})
# Paid up, allowed, found, the right method: none of it lies in the message.
_REFUSES_US = frozenset({401, 402, 403, 404, 405, 407, 410})


class Kind(enum.Enum):
    """What an answer says."""

    ACCEPTED = "accepted"
    # It refuses this reader: no such address, suppressed, inactive.
    READER = "reader"
    # It refuses this message, for no reason that is known to lie in the reader.
    MESSAGE = "message"
    # Too fast: nothing was taken.
    BUSY = "busy"
    # It refuses us: key, unpaid, unverified sender, paused. Nothing was taken.
    US = "us"
    # An error within the provider: nothing was taken.
    SICK = "sick"
    # Nobody can tell whether it was taken.
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer for one message: HTTP status (or 0), its text; `wait` in seconds if it asks."""

    kind: Kind
    code: int = 0
    text: str = ""
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: status, header fields (names in small letters), body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is one of success (RFC 9110 section 15.3)."""
        return self.status // 100 == 2  # noqa: PLR2004 - the class of the status

    def json(self) -> object:
        """Return the body as JSON; None where it is none."""
        try:
            document: object = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return document

    def field(self, name: str) -> str:
        """Return a text from the body's JSON object; empty where there is none."""
        document = self.json()
        value = document.get(name) if isinstance(document, dict) else None
        return value if isinstance(value, str) else ""


def answer(
    kind: Kind, reply: Reply, text: str, *, wait: float | None = None, code: int | None = None
) -> Answer:
    """Return an answer with the provider's text, in one line of bearable length."""
    shown = " ".join(text.split())[:_LONGEST_TEXT]
    return Answer(kind, reply.status if code is None else code, shown, wait)


def by_status(reply: Reply, text: str, *, now: datetime) -> Answer:
    """Read an answer by its HTTP status alone (RFC 9110 section 15), and `Retry-After`."""
    wait = asked_wait(reply, now=now)
    text = text or reply.body[:_LONGEST_TEXT].decode(errors="replace")
    if reply.ok:
        return answer(Kind.UNSURE, reply, f"not understood: {text}")
    kind = _kind(reply.status, asks_to_wait=wait is not None)
    return answer(kind, reply, text, wait=wait)


def _kind(status: int, *, asks_to_wait: bool) -> Kind:
    # RFC 6585 section 4 and RFC 9110 section 15.6.4.
    if status == _TOO_MANY or (status == 503 and asks_to_wait):  # noqa: PLR2004 - named above
        return Kind.BUSY
    if status in _UNANSWERED_GATEWAYS:
        return Kind.UNSURE
    if status >= 500 or status in _PASSING:  # noqa: PLR2004 - the class of the status
        return Kind.SICK
    # A redirect leads nowhere: the address is wrong.
    if status in _REFUSES_US or status < 400:  # noqa: PLR2004 - the class of the status
        return Kind.US
    return Kind.MESSAGE


def asked_wait(reply: Reply, *, now: datetime) -> float | None:
    """Return the seconds that an answer asks to wait; None where it does not ask.

    By `Retry-After`, or where a limit's span ends: `X-RateLimit-Reset`, as SendGrid and others
    state it, in seconds since 1970.
    """
    wait = retry_after(reply.headers.get("retry-after", ""), now=now)
    if wait is not None or reply.status != _TOO_MANY:
        return wait
    reset = reply.headers.get("x-ratelimit-reset", "")
    if not _MOMENT.fullmatch(reset):
        return None
    return max(_SHORTEST_RESET, int(reset) - now.timestamp())


def retry_after(value: str, *, now: datetime) -> float | None:
    """Return the seconds that `Retry-After` asks for (RFC 9110 section 10.2.3): number or date."""
    try:
        seconds = float(value)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        moment = parsedate_to_datetime(value)
        return max(0.0, (moment - now).total_seconds())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
