"""Postmark: messages in parts, as JSON, several in a request, with an answer for each.

Its batch may hold 500 messages and 50 MB; ours are small, since after a crash a whole batch is in
doubt, and a slow line has to carry it in time. What is no newsletter (a confirmation, a test) goes
into Postmark's stream for single mails.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from typing_extensions import override

from alerts.delivery.transports.base import Lane, Outgoing
from alerts.delivery.transports.providers.answers import Answer, Kind, Reply, answer, by_status
from alerts.delivery.transports.providers.parts import parts_of
from alerts.delivery.transports.providers.provider import Call, Mail, Provider

BATCH = 50
LARGEST_REQUEST = 25_000_000
# The stream that every Postmark server has for single mails.
_SINGLE_MAILS = "outbound"
# A message with a longer one is refused.
_LONGEST_METADATA = 80
_ACCEPTED, _MAINTENANCE, _INVALID, _INACTIVE, _RATE_LIMIT = 0, 100, 300, 406, 429
# Token; sender not found, not confirmed; out of credits; account pending, may not send.
_REFUSES_US = frozenset({10, 400, 401, 405, 412, 413})


class Postmark(Provider):
    """Postmark with a server's token; `stream` is the stream for newsletters."""

    name = "postmark"
    batch = BATCH
    largest_message = 10 << 20
    largest_request = LARGEST_REQUEST

    def __init__(self, *, token: str, endpoint: str, stream: str) -> None:
        self._url = f"{endpoint}/email/batch"
        self._stream = stream
        self._headers = {
            "X-Postmark-Server-Token": token,
            "Content-Type": "application/json",
            "Accept": "application/json",
        }

    @override
    def group(self, outgoing: Outgoing) -> str:
        return _SINGLE_MAILS if outgoing.lane is Lane.TRANSACTIONAL else self._stream

    @override
    def encode(self, mail: Mail) -> bytes:
        parts = parts_of(mail.content, recipient=mail.recipient)
        # Without X-PM-KeepID Postmark would write a Message-ID of its own.
        headers = [("X-PM-KeepID", "true"), *parts.headers]
        document: dict[str, object] = {
            "From": str(parts.sender),
            "To": str(parts.recipient),
            "Subject": parts.subject,
            "TextBody": parts.text,
            "HtmlBody": parts.html,
            "Headers": [{"Name": name, "Value": value} for name, value in headers],
            "MessageStream": self.group(mail.outgoing),
            "TrackOpens": False,
            "TrackLinks": "None",
        }
        if parts.reply_to:
            document["ReplyTo"] = str(parts.reply_to)
        if 0 < len(mail.outgoing.envelope_id) <= _LONGEST_METADATA:
            document["Metadata"] = {"envelope": mail.outgoing.envelope_id}
        return json.dumps(document).encode()

    @override
    def call(self, parts: Sequence[bytes]) -> Call:
        return Call(self._url, self._headers, b"[" + b",".join(parts) + b"]")

    @override
    def read(self, reply: Reply, count: int, *, now: datetime) -> list[Answer]:
        results = reply.json()
        if reply.ok and isinstance(results, list) and len(results) == count:
            return [_of_one(reply, result) for result in results]
        if isinstance(results, dict) and isinstance(results.get("ErrorCode"), int):
            return [_of_all(reply, results, count, now)] * count
        return [by_status(reply, "", now=now)] * count


def _of_one(reply: Reply, result: object) -> Answer:
    """Read what a batch's answer says of one message."""
    result = result if isinstance(result, dict) else {}
    code = result.get("ErrorCode", _ACCEPTED if "MessageID" in result else None)
    if not isinstance(code, int):
        return answer(Kind.UNSURE, reply, f"not understood: {result!r}")
    text = f"{code} {result.get('Message', '')}"
    if code == _ACCEPTED:
        number = result.get("MessageID")
        kind = Kind.ACCEPTED if number else Kind.UNSURE
        return answer(kind, reply, f"{number} {result.get('Message', '')}")
    # The batch was answered with 200; the ledger is told the status that one alone would get.
    return answer(_kind(code, text), reply, text, code=422)


def _of_all(reply: Reply, result: dict[str, Any], count: int, now: datetime) -> Answer:
    """Read an answer to the request as a whole: none of its messages was taken."""
    code, text = result["ErrorCode"], f"{result['ErrorCode']} {result.get('Message', '')}"
    if code in {*_REFUSES_US, _MAINTENANCE}:
        return answer(_kind(code, text), reply, text)
    found = by_status(reply, text, now=now)
    if found.kind is Kind.MESSAGE and count > 1:
        # Which of them it means is not said; none is to fail for another's sake.
        return answer(Kind.US, reply, text)
    return found


def _kind(code: int, text: str) -> Kind:
    if code in _REFUSES_US:
        return Kind.US
    if code in {_MAINTENANCE, _RATE_LIMIT}:
        return Kind.BUSY
    if code == _INACTIVE:
        return Kind.READER
    if code == _INVALID:
        if "'To'" in text:
            return Kind.READER
        return Kind.US if "'From'" in text else Kind.MESSAGE
    return Kind.MESSAGE
