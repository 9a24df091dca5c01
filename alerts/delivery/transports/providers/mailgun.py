"""Mailgun: `messages.mime` takes the whole message; it keeps the Message-ID and signs itself."""

import base64
import re
import secrets
from collections.abc import Sequence
from datetime import datetime

from typing_extensions import override

from alerts.delivery.transports.base import Outgoing
from alerts.delivery.transports.providers.answers import (
    Answer,
    Kind,
    Reply,
    answer,
    by_status,
    retry_after,
)
from alerts.delivery.transports.providers.provider import Call, Mail, Provider

_BOUNDARY_BYTES = 18
# Mailgun's own: "… recipient limit exceeded, try again after Mon, 25 Aug 2025 07:00:31 UTC".
_LIMIT_REACHED = 420
_AGAIN_AFTER = re.compile(r"try again after (.{1,40})", re.IGNORECASE)


class Mailgun(Provider):
    """Mailgun for one sending domain; `endpoint` is the base URL of its region."""

    name = "mailgun"
    batch = 1
    largest_message = 25 << 20

    def __init__(self, *, key: str, domain: str, endpoint: str) -> None:
        self._url = f"{endpoint}/v3/{domain}/messages.mime"
        login = base64.b64encode(f"api:{key}".encode()).decode("ascii")
        self._boundary = secrets.token_hex(_BOUNDARY_BYTES)
        self._headers = {
            "Authorization": f"Basic {login}",
            "Content-Type": f"multipart/form-data; boundary={self._boundary}",
        }

    @override
    def group(self, outgoing: Outgoing) -> str:
        return ""

    @override
    def encode(self, mail: Mail) -> bytes:
        fields = {"to": mail.recipient, "o:tracking": "no"}
        if mail.outgoing.envelope_id:
            fields["v:envelope"] = mail.outgoing.envelope_id
        head = "".join(
            f"--{self._boundary}\r\n"
            f'Content-Disposition: form-data; name="{name}"\r\n\r\n'
            f"{' '.join(value.split())}\r\n"
            for name, value in fields.items()
        )
        head += (
            f"--{self._boundary}\r\n"
            'Content-Disposition: form-data; name="message"; filename="message.mime"\r\n'
            "Content-Type: message/rfc822\r\n\r\n"
        )
        return head.encode() + mail.content + f"\r\n--{self._boundary}--\r\n".encode()

    @override
    def call(self, parts: Sequence[bytes]) -> Call:
        [body] = parts
        return Call(self._url, self._headers, body)

    @override
    def read(self, reply: Reply, count: int, *, now: datetime) -> list[Answer]:
        return [self._read(reply, now)] * count

    def _read(self, reply: Reply, now: datetime) -> Answer:
        text = reply.field("message")
        if reply.ok and reply.field("id"):
            return answer(Kind.ACCEPTED, reply, f"{reply.field('id')} {text}")
        if reply.ok and b"Mailgun Magnificent API" in reply.body:
            # What stands at every address that is none.
            return answer(Kind.US, reply, "there is no such address at Mailgun", code=404)
        lowered = text.lower()
        if reply.status == 400 and "'to' parameter" in lowered and "not a valid" in lowered:  # noqa: PLR2004 - HTTP
            return answer(Kind.READER, reply, text)
        if reply.status == _LIMIT_REACHED or "limit exceeded" in lowered:
            return answer(Kind.BUSY, reply, text, wait=_until_stated(text, now))
        if "not allowed to send" in lowered or "sandbox" in lowered or "disabled" in lowered:
            return answer(Kind.US, reply, text)
        return by_status(reply, text, now=now)


def _until_stated(text: str, now: datetime) -> float | None:
    """Return the seconds until the moment that a text states; None where it states none."""
    stated = _AGAIN_AFTER.search(text)
    wait = retry_after(stated[1].strip(" ."), now=now) if stated else None
    # Their clock may be ahead of ours.
    return None if wait is None else max(1.0, wait)
