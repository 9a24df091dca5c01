"""Mailgun's webhooks: an HMAC over a time and a token that is good once."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Final

from typing_extensions import override

from alerts.clock import Clock
from alerts.delivery.bounces import Bounce
from alerts.errors import Invalid
from alerts.inbound.providers.calls import Call, Event, NotTheirs, Provider, check_fresh, same
from alerts.inbound.providers.documents import Document, document_of, part, text
from alerts.inbound.providers.making import NOTHING, bounce, bounced, complaint, unsubscribed
from alerts.inbound.reading.record import Reading

# What its own list of addresses says of a message that it did not even try.
_SUPPRESSED: Final = {
    "suppress-bounce": Bounce.HARD,
    "suppress-complaint": None,
    "suppress-unsubscribe": None,
}
_TOLD = frozenset({"failed", "rejected", "complained", "unsubscribed"})


class Mailgun(Provider):
    """Events signed with the domain's HTTP webhook signing key.

    The signature does not cover the event: whoever saw one call could put another event to it. So
    a call is known by its token, which is good for one event.
    """

    def __init__(self, key: str, *, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    @override
    def events(self, call: Call) -> Sequence[Event]:
        document = document_of(call.body)
        signature = part(document, "signature")
        stamp, token = text(signature, "timestamp"), text(signature, "token")
        right = hmac.new(self._key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
        if not token or not same(text(signature, "signature"), right):
            raise NotTheirs("its signature is not made with ALERTS_WEBHOOK_MAILGUN_KEY")
        check_fresh(stamp, clock=self._clock)
        event = part(document, "event-data")
        if not event:
            raise Invalid("the document has no event-data; set up webhooks, not legacy ones")
        if text(event, "event") not in _TOLD:
            return ()
        return (Event(token, json.dumps(event).encode()),)

    @staticmethod
    @override
    def read(raw: bytes) -> Reading:
        event = part(document_of(raw))
        recipient = text(event, "recipient")
        message_id = text(event, "user-variables", "envelope") or text(
            event, "message", "headers", "message-id"
        )
        match text(event, "event"):
            case "complained":
                return complaint((recipient,), message_id, "abuse")
            case "unsubscribed":
                return unsubscribed(recipient, message_id)
            case "failed" | "rejected":
                return _failed(event, recipient, message_id)
            case _:
                return NOTHING


def _failed(event: Document, recipient: str, message_id: str) -> Reading:
    reason = text(event, "reason")
    if reason == "suppress-complaint":
        return complaint((recipient,), message_id)
    if reason == "suppress-unsubscribe":
        return unsubscribed(recipient, message_id)
    status = part(event, "delivery-status")
    said = " ".join(
        one
        for one in (
            text(status, "code"),
            text(status, "enhanced-code"),
            text(status, "message"),
            text(status, "description"),
            text(event, "reject", "reason"),
        )
        if one
    )
    refused_by_mailgun = text(event, "event") == "rejected" or reason == "espblock"
    usual = _SUPPRESSED.get(reason) or (Bounce.POLICY if refused_by_mailgun else None)
    failure = bounced(
        recipient, text(status, "enhanced-code"), said, usual=usual, certain=usual is not None
    )
    return bounce((failure,), message_id, late=text(event, "severity") == "temporary")
