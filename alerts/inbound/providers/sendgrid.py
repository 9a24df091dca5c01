"""SendGrid's event webhook: many events in a call, which is signed as a whole (ECDSA)."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from typing_extensions import override

from alerts.clock import Clock
from alerts.config_inbound import verification_key
from alerts.delivery.bounces import Bounce
from alerts.errors import Invalid
from alerts.inbound.providers.calls import Call, Event, NotTheirs, Provider, check_fresh
from alerts.inbound.providers.documents import Document, document_of, objects, part, text
from alerts.inbound.providers.making import NOTHING, bounce, bounced, complaint, unsubscribed
from alerts.inbound.reading.record import Reading

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_TOLD: Final = frozenset(
    {"bounce", "dropped", "deferred", "spamreport", "unsubscribe", "group_unsubscribe"}
)
# SendGrid's own classes of what servers said.
_CLASSES: Final = {
    "invalid address": Bounce.HARD,
    "content": Bounce.POLICY,
    "reputation": Bounce.POLICY,
    "technical": Bounce.SOFT,
    "frequency/volume": Bounce.SOFT,
    "frequency or volume too high": Bounce.SOFT,
    "mailbox unavailable": Bounce.SOFT,
}
# Why it did not even try, by how the reason begins.
_DROPPED: Final = {
    "bounced address": Bounce.HARD,
    "invalid": Bounce.HARD,
    "spam content": Bounce.POLICY,
    "recipient list over package quota": Bounce.POLICY,
}


class SendGrid(Provider):
    """Calls whose signature fits the public key that SendGrid shows in its settings."""

    def __init__(self, key: str, *, clock: Clock) -> None:
        self._key = verification_key(key)
        self._clock = clock

    @override
    def events(self, call: Call) -> Sequence[Event]:
        stamp = call.headers.get(TIMESTAMP, "")
        try:
            signature = base64.b64decode(call.headers.get(SIGNATURE, ""), validate=True)
            self._key.verify(signature, stamp.encode() + call.body, ECDSA(SHA256()))
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise NotTheirs("its signature does not fit ALERTS_WEBHOOK_SENDGRID_KEY") from error
        check_fresh(stamp, clock=self._clock)
        document = document_of(call.body)
        if not isinstance(document, list):
            raise Invalid("the document is no list of events")
        return [
            Event(_identity(event), json.dumps(event).encode())
            for event in objects(document)
            if text(event, "event") in _TOLD
        ]

    @staticmethod
    @override
    def read(raw: bytes) -> Reading:
        event = part(document_of(raw))
        address = text(event, "email")
        message_id = text(event, "envelope") or text(event, "smtp-id")
        match text(event, "event"):
            case "spamreport":
                return complaint((address,), message_id, "abuse")
            case "unsubscribe" | "group_unsubscribe":
                return unsubscribed(address, message_id)
            case "dropped":
                return _dropped(event, address, message_id)
            case "bounce" | "deferred" as name:
                return _bounced(event, address, message_id, late=name == "deferred")
            case _:
                return NOTHING


def _identity(event: Document) -> str:
    identifier = text(event, "sg_event_id")
    # Without one, the same words are the same event.
    return identifier or hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()


def _bounced(event: Document, address: str, message_id: str, *, late: bool) -> Reading:
    said = " ".join(one for one in (text(event, "reason"), text(event, "response")) if one)
    usual = _CLASSES.get(text(event, "bounce_classification").lower())
    if usual is None and text(event, "type") == "blocked":
        usual = Bounce.SOFT
    failure = bounced(address, text(event, "status"), said, usual=usual)
    return bounce((failure,), message_id, late=late)


def _dropped(event: Document, address: str, message_id: str) -> Reading:
    reason = text(event, "reason")
    low = reason.lower()
    if low.startswith("spam reporting address"):
        return complaint((address,), message_id)
    if low.startswith("unsubscribed address"):
        return unsubscribed(address, message_id)
    usual = next((one for begins, one in _DROPPED.items() if low.startswith(begins)), None)
    failure = bounced(
        address, text(event, "status"), f"dropped: {reason}", usual=usual, certain=usual is not None
    )
    return bounce((failure,), message_id)
