"""What assembly asks of a signature: made ready once per edition, completed once per reader."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from alerts.delivery.assembly.fields import Field


class MessageSigner(Protocol):
    """Knows the constant fields and the constant beginning of the body of an edition."""

    def sign(self, fields: Sequence[Field], rest: Iterable[bytes]) -> bytes:
        """Return the signature's header fields, each ended by CRLF.

        `fields` are the reader's own ones, `rest` is the body after its constant beginning.
        """
        ...


class Signer(Protocol):
    """Signs in the name of one domain."""

    def begin(self, fields: Sequence[Field], body_start: bytes) -> MessageSigner:
        """Take in what all messages of an edition share."""
        ...
