"""Messages handed to a transport that a setting names, and what it said of each."""

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest
from typing_extensions import override

from alerts.config import Settings
from alerts.delivery.assembly import CompiledMessage, Envelope, Reader
from alerts.delivery.outcome import Outcome
from alerts.delivery.transports.base import Observer, Outgoing, Transport, TransportDown
from alerts.delivery.transports.factory import make_transport

COMPILED = CompiledMessage(
    Envelope(
        "GP Alerts <alerts@example.org>",
        "",
        "gp.example.org",
        "GP Alert",
        datetime(2026, 11, 23, tzinfo=UTC),
    ),
    "News – “today”",
    "<p>@@EMAIL@@ @@UNSUBSCRIBE_URL@@</p>",
    "@@EMAIL@@ @@UNSUBSCRIBE_URL@@",
)


class Notes(Observer):
    """Remembers what it was told, and that nothing is told twice."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.outcomes: dict[int, Outcome] = {}

    @override
    def started(self, delivery_id: int) -> None:
        assert delivery_id not in self.begun
        self.begun.append(delivery_id)

    @override
    def ended(self, delivery_id: int, outcome: Outcome) -> None:
        assert delivery_id not in self.outcomes
        self.outcomes[delivery_id] = outcome


def made(*urls: str, redis_url: str = "redis://unused") -> Transport:
    return make_transport(Settings(mail_url=urls), redis_url=redis_url)


def content_for(recipient: str, number: int) -> bytes:
    url = f"https://alerts.example.org/u/{number}"
    return COMPILED.fill(Reader("Ama “A”", recipient, f"m.{number}@example.org", url, ""))


def outgoing(*recipients: str, first: int = 1) -> list[Outgoing]:
    return [
        Outgoing(
            n,
            "alerts@example.org",
            r,
            lambda _, r=r, n=n: content_for(r, n),  # type: ignore[misc]  # bound
            envelope_id=f"mgx1.7.{n}@example.org",
        )
        for n, r in enumerate(recipients, start=first)
    ]


def send(transport: Transport, messages: list[Outgoing], *, down: bool = False) -> Notes:
    notes = Notes()
    if down:
        with pytest.raises(TransportDown):
            asyncio.run(transport.deliver(messages, notes))
    else:
        asyncio.run(transport.deliver(messages, notes))
    return notes


def _made(content: bytes, _eight_bit: bool) -> bytes:
    return content


def large(messages: list[Outgoing], octets: int) -> list[Outgoing]:
    """Return messages whose HTML is of about so many octets."""
    lines = b"<p>A line of a newsletter that has no end, and was never meant to have one.</p>\r\n"
    text = lines * (octets // len(lines))
    fields = (
        b"From: alerts@example.org\r\nTo: %s\r\nSubject: Long\r\nMessage-ID: <m.%d@x.org>\r\n"
        b"Content-Type: text/html\r\n\r\n"
    )
    return [
        m._replace(content=partial(_made, fields % (m.recipient.encode(), m.delivery_id) + text))
        for m in messages
    ]
