"""What is understood of a mail that came back: plain records, nothing more. Pure."""

import enum
from dataclasses import dataclass

from alerts.delivery.bounces import Bounce


class Kind(enum.StrEnum):
    """What a mail is to us."""

    BOUNCE = "bounce"
    DELAY = "delay"
    COMPLAINT = "complaint"
    COMMAND = "command"
    AUTO_REPLY = "auto-reply"
    REPLY = "reply"
    UNKNOWN = "unknown"


class Command(enum.StrEnum):
    """What a reader asks for by mail."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    HELP = "help"
    PREFERENCES = "preferences"


@dataclass(frozen=True, slots=True)
class Failure:
    """What a report says of one recipient.

    `address` is the one the message was sent to; `final` is where it failed, if that is another.
    `bounce` is None for a delay. `code` is an enhanced status code (RFC 3463), else a reply code.
    """

    address: str
    bounce: Bounce | None
    code: str | None = None
    diagnostic: str = ""
    final: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A mail as it was understood.

    `failures` has an entry for each recipient of a bounce or a delay; `readers` are those who
    complained. `sender` is who wrote, as the mail claims. `message_ids` are those of our messages
    that the mail speaks of, the likeliest first. `truncated` says that its end was not looked at.
    """

    kind: Kind
    failures: tuple[Failure, ...] = ()
    readers: tuple[str, ...] = ()
    command: Command | None = None
    sender: str | None = None
    written_to: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    feedback_type: str | None = None
    bounce: Bounce | None = None
    code: str | None = None
    truncated: bool = False

    @property
    def recipients(self) -> tuple[str, ...]:
        """The readers that a bounce, a delay or a complaint is about."""
        return tuple(failure.address for failure in self.failures) or self.readers

    def to_json(self, source: str) -> dict[str, object]:
        """Return the fields that `alerts inbound read --json` prints."""
        return {
            "source": source,
            "kind": str(self.kind),
            "class": None if self.bounce is None else str(self.bounce),
            "code": self.code,
            "recipients": list(self.recipients),
            "command": None if self.command is None else str(self.command),
            "sender": self.sender,
            "message_ids": list(self.message_ids),
            "feedback_type": self.feedback_type,
            "truncated": self.truncated,
            "failures": [failure_json(failure) for failure in self.failures],
        }


def failure_json(failure: Failure) -> dict[str, str | None]:
    """Return one recipient's failure as it is printed."""
    return {
        "address": failure.address,
        "final": failure.final,
        "class": None if failure.bounce is None else str(failure.bounce),
        "code": failure.code,
        "diagnostic": failure.diagnostic,
    }
