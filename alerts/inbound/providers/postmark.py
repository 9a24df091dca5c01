"""Postmark's webhooks: a password that we gave it, since it signs nothing."""

from collections.abc import Sequence
from typing import Final

from typing_extensions import override

from alerts.delivery.bounces import Bounce
from alerts.errors import Invalid
from alerts.inbound.providers.calls import Call, Event, NotTheirs, Provider, same
from alerts.inbound.providers.documents import Document, document_of, part, text
from alerts.inbound.providers.making import NOTHING, bounce, bounced, complaint, unsubscribed
from alerts.inbound.reading.record import Kind, Reading

# Types of bounces, by what they are to us; those that are no bounce stand in neither table.
_CLASSES: Final = {
    "HardBounce": Bounce.HARD,
    "BadEmailAddress": Bounce.HARD,
    "ManuallyDeactivated": Bounce.HARD,
    "AddressChange": Bounce.HARD,
    "SoftBounce": Bounce.SOFT,
    "Transient": Bounce.SOFT,
    "DnsError": Bounce.SOFT,
    "Undeliverable": Bounce.SOFT,
    "Blocked": Bounce.POLICY,
    "SpamNotification": Bounce.POLICY,
    "VirusNotification": Bounce.POLICY,
    "DMARCPolicy": Bounce.POLICY,
    "TemplateRenderingFailed": Bounce.POLICY,
}
_FINAL: Final = frozenset({"HardBounce", "BadEmailAddress", "ManuallyDeactivated", "AddressChange"})
_COMPLAINTS: Final = frozenset({"SpamComplaint"})
_ANSWERS: Final = frozenset({"AutoResponder", "ChallengeVerification"})
_TOLD: Final = frozenset({"Bounce", "SpamComplaint", "SubscriptionChange"})


class Postmark(Provider):
    """Calls that show the secret: as the password of basic authentication, or in their URL."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    @override
    def events(self, call: Call) -> Sequence[Event]:
        if not same(call.secret, self._secret):
            raise NotTheirs("it does not show ALERTS_WEBHOOK_POSTMARK_SECRET")
        document = part(document_of(call.body))
        record = text(document, "RecordType")
        if not record:
            raise Invalid("the document has no RecordType")
        if record not in _TOLD:
            return ()
        return (Event(_identity(document), call.body),)

    @staticmethod
    @override
    def read(raw: bytes) -> Reading:
        event = part(document_of(raw))
        message_id = text(event, "Metadata", "envelope")
        if text(event, "RecordType") == "SubscriptionChange":
            return _changed(event, message_id)
        address, kind = text(event, "Email"), text(event, "Type")
        if kind in _COMPLAINTS or text(event, "RecordType") in _COMPLAINTS:
            return complaint((address,), message_id, "abuse")
        if kind == "Unsubscribe":
            return unsubscribed(address, message_id)
        if kind in _ANSWERS:
            return Reading(Kind.AUTO_REPLY, sender=address)
        usual = _CLASSES.get(kind)
        if usual is None:
            return NOTHING
        said = " ".join(one for one in (text(event, "Details"), text(event, "Description")) if one)
        failure = bounced(address, "", said, usual=usual, certain=kind in _FINAL)
        return bounce((failure,), message_id)


def _identity(event: Document) -> str:
    """Return by what an event is known: bounces have a number, changes only what they say."""
    number = text(event, "ID") or " ".join(
        text(event, name) for name in ("MessageID", "Recipient", "ChangedAt", "SuppressSending")
    )
    return f"{text(event, 'RecordType')} {number}"


def _changed(event: Document, message_id: str) -> Reading:
    """Read a change of Postmark's own list of whom it does not write to."""
    if part(event).get("SuppressSending") is not True:
        return NOTHING
    address = text(event, "Recipient")
    match text(event, "SuppressionReason"):
        case "SpamComplaint":
            return complaint((address,), message_id, "abuse")
        case "ManualSuppression" if text(event, "Origin") == "Recipient":
            return unsubscribed(address, message_id)
        case "HardBounce":
            said = "Postmark has deactivated the address after a hard bounce"
            failure = bounced(address, "", said, usual=Bounce.HARD, certain=True)
            return bounce((failure,), message_id)
        case _:
            return NOTHING
