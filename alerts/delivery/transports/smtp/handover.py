"""What a dialogue hands over, and whom it tells: the message, its group, and the desk."""

from typing import TYPE_CHECKING, Protocol

from alerts.delivery.outcome import Fate, Outcome, is_about_us, is_of_a_reader, refusal
from alerts.delivery.status_codes import unnamed
from alerts.delivery.strangers import REFUSES, stranger
from alerts.delivery.transports.base import Outgoing, TransportBusy, TransportDown
from alerts.delivery.transports.smtp.envelope import Envelope
from alerts.delivery.transports.smtp.replies import Reply
from alerts.delivery.transports.smtp.server import SmtpServer

if TYPE_CHECKING:
    from alerts.delivery.transports.smtp.dialogue import Dialogue


# How long a server that has enough of us is left alone: limits are mostly by the minute.
_LEFT_ALONE_SECONDS = 60.0
# How long a reader waits whom a relay refused for our sake; the settings may be mended any moment.
_HELD_SECONDS = 60.0


def refuses_us(server: SmtpServer, outcome: Outcome, *, what: str) -> TransportDown:
    """Return what a refusal that is about us, not about a reader, means for all who wait.

    `what` of ours it refuses, where it asks for no login: "sender", "mail".
    """
    if is_about_us(outcome):
        said = f"{outcome.code} {outcome.answer}"
        return TransportBusy(f"{server.name}: has enough of us: {said}", _LEFT_ALONE_SECONDS)
    return TransportDown(_why_refused(server, outcome, what))


def held_back(server: SmtpServer, outcome: Outcome) -> Outcome:
    """Return what comes of a message that a server refused for our sake: nobody's bounce."""
    why = _why_refused(server, outcome, "mail")
    return Outcome(Fate.POSTPONED, outcome.code, why, wait=_HELD_SECONDS)


def _why_refused(server: SmtpServer, outcome: Outcome, what: str) -> str:
    if stranger(outcome) is not None:
        what = "mail without a login" if server.username is None else "mail with this login"
    return f"{server.name}: {REFUSES}{what}: {outcome.code} {unnamed(outcome.answer)}"


class Handover:
    """A message on its way through one transport; `losses` counts envelopes that got no answer."""

    __slots__ = ("content", "envelope", "group", "losses", "message", "refused_at", "reply")

    def __init__(self, message: Outgoing, group: "Group") -> None:
        self.message = message
        self.group = group
        self.losses = 0
        self.content = b""
        self.envelope: Envelope | None = None
        self.refused_at = ""
        self.reply = Reply(0, "")

    @property
    def reader_refused(self) -> Outcome | None:
        """What was said at RCPT of the reader, or the reader's domain, for now; else None."""
        outcome = refusal(self.reply.code, self.reply.text)
        return outcome if self.refused_at == "rcpt" and is_of_a_reader(outcome) else None


class Group(Protocol):
    """The messages of one call; is told what became of each."""

    def started(self, handover: Handover) -> None:
        """Note that content is about to leave; raises TransportDown to keep it back."""
        ...

    def ended(self, handover: Handover, outcome: Outcome) -> None:
        """Note what came of it."""
        ...

    def returned(self, handover: Handover) -> None:
        """Take a message back that was not handed over."""
        ...

    def failed(self, handover: Handover, error: Exception) -> None:
        """Take a message back, and hand over no more of this group."""
        ...


class Desk(Protocol):
    """Gives a connection its work, and hears how the server behaves."""

    def take(self, dialogue: "Dialogue") -> Handover | None:
        """Return the next message, or None: `wake` is called when there is one."""
        ...

    def answered(self, dialogue: "Dialogue", handover: Handover, outcome: Outcome) -> None:
        """Hear of a message that was answered for."""
        ...

    def pushed_back(self, reason: str) -> None:
        """Hear that the server wants less of us."""
        ...

    def out_of_step(self, reason: str) -> None:
        """Hear that the server cannot be talked to ahead of its answers."""
        ...

    def closed(self, dialogue: "Dialogue", reason: str) -> None:
        """Hear that a connection is gone."""
        ...
