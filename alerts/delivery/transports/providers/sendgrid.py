"""SendGrid, API version 3: a message in parts, as JSON, one in a request.

All tracking is switched off, whatever the account's settings are: links must stay what was
approved, and the footer of its own that "subscription tracking" adds would take the place of ours.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime

from typing_extensions import override

from alerts.delivery.transports.base import Outgoing
from alerts.delivery.transports.providers.answers import Answer, Kind, Reply, answer, by_status
from alerts.delivery.transports.providers.parts import Mailbox, parts_of
from alerts.delivery.transports.providers.provider import Call, Mail, Provider

_UNTRACKED = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
}
_TAKEN, _BAD_REQUEST = 202, 400


class SendGrid(Provider):
    """SendGrid with an API key; `endpoint` is the base URL of its region."""

    name = "sendgrid"
    batch = 1
    largest_message = 30 << 20

    def __init__(self, *, key: str, endpoint: str) -> None:
        self._url = f"{endpoint}/v3/mail/send"
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    @override
    def group(self, outgoing: Outgoing) -> str:
        return ""

    @override
    def encode(self, mail: Mail) -> bytes:
        parts = parts_of(mail.content, recipient=mail.recipient)
        bodies = [("text/plain", parts.text), ("text/html", parts.html)]
        document: dict[str, object] = {
            "personalizations": [{"to": [_person(_plainly_named(parts.recipient))]}],
            "from": _person(parts.sender),
            "subject": parts.subject,
            # In this order; an empty one is refused.
            "content": [{"type": kind, "value": value} for kind, value in bodies if value],
            "headers": dict(parts.headers),
            "tracking_settings": _UNTRACKED,
        }
        if parts.reply_to:
            document["reply_to"] = _person(parts.reply_to)
        if mail.outgoing.envelope_id:
            document["custom_args"] = {"envelope": mail.outgoing.envelope_id}
        return json.dumps(document).encode()

    @override
    def call(self, parts: Sequence[bytes]) -> Call:
        [body] = parts
        return Call(self._url, self._headers, body)

    @override
    def read(self, reply: Reply, count: int, *, now: datetime) -> list[Answer]:
        return [self._read(reply, now)] * count

    def _read(self, reply: Reply, now: datetime) -> Answer:
        if reply.ok:
            # The body is empty; the id in a header field is what its receipts start with.
            number = reply.headers.get("x-message-id", "")
            taken = number or reply.status == _TAKEN
            return answer(Kind.ACCEPTED if taken else Kind.UNSURE, reply, number or "no id")
        place, text = _error(reply)
        if reply.status == _BAD_REQUEST and place.startswith("personalizations") and ".to" in place:
            return answer(Kind.READER, reply, text)
        if reply.status == _BAD_REQUEST and place.startswith("from"):
            return answer(Kind.US, reply, text)
        return by_status(reply, text, now=now)


def _plainly_named(reader: Mailbox) -> Mailbox:
    # It refuses the message of a reader whose name holds one of these.
    return Mailbox(" ".join(re.sub("[,;]", " ", reader.name).split()), reader.address)


def _person(mailbox: Mailbox) -> dict[str, str]:
    named = {"name": mailbox.name} if mailbox.name else {}
    return {"email": mailbox.address, **named}


def _error(reply: Reply) -> tuple[str, str]:
    """Return the first error's field and message."""
    document = reply.json()
    errors = document.get("errors") if isinstance(document, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return "", ""
    return str(first.get("field") or ""), str(first.get("message") or "")
