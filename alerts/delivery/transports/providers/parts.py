"""A message taken apart, for providers that take its parts and not its bytes."""

from dataclasses import dataclass
from email import message_from_bytes
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage
from email.policy import SMTP

from typing_extensions import override

from alerts.delivery.transports.providers.provider import Unsuited

# These the provider writes itself, from the parts it is given or for itself.
_NOT_PASSED_ON = frozenset(
    {
        "bcc",
        "cc",
        "content-transfer-encoding",
        "content-type",
        "date",
        "dkim-signature",
        "from",
        "mime-version",
        "received",
        "reply-to",
        "return-path",
        "subject",
        "to",
        "x-sg-eid",
        "x-sg-id",
    }
)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A name, or none, and an address."""

    name: str
    address: str

    @override
    def __str__(self) -> str:
        """Return the mailbox as a header field has it, before any encoding (RFC 5322)."""
        return str(Address(self.name, addr_spec=self.address)) if self.name else self.address


@dataclass(frozen=True, slots=True)
class Parts:
    """What a message consists of; `headers` are the fields that have no place of their own."""

    sender: Mailbox
    recipient: Mailbox
    reply_to: Mailbox | None
    subject: str
    text: str
    html: str
    headers: tuple[tuple[str, str], ...]


def parts_of(content: bytes, *, recipient: str) -> Parts:
    """Take a message apart; `recipient` is whom it goes to, whatever stands in its To field.

    Raises Unsuited when it holds more than a text and an HTML body: nothing of what was approved
    may get lost on the way.
    """
    message = message_from_bytes(content, _class=EmailMessage, policy=SMTP)
    sender = _mailbox(message, "From")
    if sender is None:
        raise Unsuited("the message has no sender")
    shown = _mailbox(message, "To")
    headers = [
        (name, " ".join(str(value).split()))
        for name, value in message.items()
        if name.lower() not in _NOT_PASSED_ON
    ]
    bodies = _bodies(message)
    return Parts(
        sender=sender,
        recipient=Mailbox(shown.name if shown else "", recipient),
        reply_to=_mailbox(message, "Reply-To"),
        subject=str(message["Subject"] or ""),
        text=bodies.get("text/plain", ""),
        html=bodies.get("text/html", ""),
        headers=tuple(headers),
    )


def _bodies(message: EmailMessage) -> dict[str, str]:
    bodies: dict[str, str] = {}
    for part in message.walk():
        if part.is_multipart():
            continue
        kind = part.get_content_type()
        if kind not in {"text/plain", "text/html"} or kind in bodies or part.is_attachment():
            raise Unsuited(f"a part of type {kind} cannot be handed over")
        bodies[kind] = part.get_content()
    return bodies


def _mailbox(message: EmailMessage, field: str) -> Mailbox | None:
    value = message[field]
    found = value.addresses if isinstance(value, AddressHeader) else ()
    if not found or not found[0].addr_spec:
        return None
    return Mailbox(found[0].display_name, found[0].addr_spec)
