"""Amazon SES, which tells over SNS: notifications, or events of a configuration set."""

from collections.abc import Sequence
from typing import Final

from typing_extensions import override

from alerts.delivery.bounces import Bounce
from alerts.delivery.transports.providers.ses_tags import from_tag
from alerts.errors import Invalid
from alerts.inbound.providers.calls import Call, Event, NotTheirs, Provider
from alerts.inbound.providers.documents import Document, document_of, objects, part, text
from alerts.inbound.providers.making import NOTHING, bounce, bounced, complaint
from alerts.inbound.providers.sns import Sns
from alerts.inbound.reading.record import Reading

_TOLD: Final = frozenset({"Bounce", "Complaint", "DeliveryDelay", "Reject"})
_CONFIRMATION: Final = "SubscriptionConfirmation"
_NOTIFICATION: Final = "Notification"
# Types of bounces, and of those that are for now what they are about.
_CLASSES: Final = {"Permanent": Bounce.HARD, "Transient": Bounce.SOFT}
_ABOUT_MAIL: Final = frozenset({"ContentRejected", "AttachmentRejected"})
_FINAL: Final = frozenset(
    {"NoEmail", "Suppressed", "OnAccountSuppressionList", "UnsubscribedRecipient"}
)


class Ses(Provider):
    """Messages of SNS topics that the settings name, each with Amazon's signature."""

    def __init__(self, topics: Sequence[str], sns: Sns) -> None:
        self._topics = frozenset(topics)
        self._sns = sns

    @override
    def events(self, call: Call) -> Sequence[Event]:
        message = part(document_of(call.body))
        topic = text(message, "TopicArn")
        if not topic:
            raise Invalid(
                "the document names no topic; switch raw message delivery off in the subscription"
            )
        if topic not in self._topics:
            raise NotTheirs("ALERTS_WEBHOOK_SES_TOPIC does not name its topic")
        self._sns.check(message)
        match text(message, "Type"):
            case name if name == _CONFIRMATION:
                self._sns.confirm(message)
                return ()
            case name if name == _NOTIFICATION and _kind(_inner(message)) in _TOLD:
                return (Event(text(message, "MessageId"), call.body),)
            case _:
                return ()

    @staticmethod
    @override
    def read(raw: bytes) -> Reading:
        told = _inner(part(document_of(raw)))
        message_id = _message_id(part(told, "mail"))
        match _kind(told):
            case "Bounce":
                return _bounced(part(told, "bounce"), message_id)
            case "Complaint":
                return _complained(part(told, "complaint"), message_id)
            case "Reject":
                return _rejected(told, message_id)
            case "DeliveryDelay":
                return _late(part(told, "deliveryDelay"), message_id)
            case _:
                return NOTHING


def _inner(message: Document) -> Document:
    """Return SES's document, which stands as a text in that of SNS."""
    words = message.get("Message")
    try:
        return part(document_of(words)) if isinstance(words, str) else {}
    except Invalid:
        # SNS tests a topic with a line of text.
        return {}


def _kind(told: Document) -> str:
    return text(told, "notificationType") or text(told, "eventType")


def _message_id(mail: Document) -> str:
    """Return our own Message-ID: from the tag, or from the fields as we wrote them."""
    tags = part(mail, "tags").get("envelope")
    if isinstance(tags, list) and tags and isinstance(tags[0], str):
        return from_tag(tags[0][:500])
    for header in objects(mail, "headers"):
        if text(header, "name").lower() == "message-id":
            return text(header, "value")
    return text(mail, "commonHeaders", "messageId")


def _bounced(told: Document, message_id: str) -> Reading:
    subtype = text(told, "bounceSubType")
    usual = _CLASSES.get(text(told, "bounceType"))
    if subtype in _ABOUT_MAIL:
        usual = Bounce.POLICY
    failures = tuple(
        bounced(
            text(one, "emailAddress"),
            text(one, "status"),
            text(one, "diagnosticCode"),
            usual=usual,
            certain=subtype in _FINAL,
        )
        for one in objects(told, "bouncedRecipients")
    )
    return bounce(failures, message_id)


def _complained(told: Document, message_id: str) -> Reading:
    kind = text(told, "complaintFeedbackType")
    if kind == "not-spam":
        return NOTHING
    readers = tuple(text(one, "emailAddress") for one in objects(told, "complainedRecipients"))
    return complaint(readers, message_id, kind)


def _rejected(told: Document, message_id: str) -> Reading:
    """Read a refusal of SES itself, as for a virus: about us, not the reader."""
    destination = part(told, "mail").get("destination")
    addresses = destination if isinstance(destination, list) else []
    said = f"SES refused it: {text(told, 'reject', 'reason')}"
    failures = tuple(
        bounced(one, "", said, usual=Bounce.POLICY, certain=True)
        for one in addresses[:50]
        if isinstance(one, str)
    )
    return bounce(failures, message_id)


def _late(told: Document, message_id: str) -> Reading:
    failures = tuple(
        bounced(
            text(one, "emailAddress"), text(one, "status"), text(one, "diagnosticCode"), usual=None
        )
        for one in objects(told, "delayedRecipients")
    )
    return bounce(failures, message_id, late=True)
