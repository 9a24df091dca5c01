"""The contract between the HTTP transport and a provider's dialect; a dialect does no I/O."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from alerts.delivery.transports.base import Outgoing
from alerts.delivery.transports.providers.answers import Answer, Reply


class Unsuited(Exception):
    """A message has something that the provider's form cannot carry."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A message for one request: the recipient in ASCII, the content with CRLF line ends."""

    outgoing: Outgoing
    recipient: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A POST request; its header fields hold the key."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Provider(Protocol):
    """How a provider is spoken to."""

    name: str
    # How many messages go in one request. After a crash all of them are in doubt.
    batch: int
    # The octets of a message (RFC 5322) beyond which it is refused for certain.
    largest_message: int
    # The octets of all messages of one request, in the provider's form.
    largest_request: int = sys.maxsize

    def group(self, outgoing: Outgoing) -> str:
        """Return which messages may go in one request with this one: those of the same group."""
        ...

    def encode(self, mail: Mail) -> bytes:
        """Return a message in the provider's form; raises Unsuited."""
        ...

    def call(self, parts: Sequence[bytes]) -> Call:
        """Return the request that hands over encoded messages."""
        ...

    def read(self, reply: Reply, count: int, *, now: datetime) -> list[Answer]:
        """Return what the reply says of each of `count` messages, in their order."""
        ...
