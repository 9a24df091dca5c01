"""The contract between the sender and a way to send.

TransportDown           nothing was handed over since; what was not started stays as it was
├── TransportBusy       the other side says for how long it wants to be left alone
│   └── LimitReached    a limit that a person stated is used up, until a moment that is known
└── Withheld            whoever makes the messages keeps them back; the transport may be well
(anything else)         a defect of ours, not of the other side
"""

import enum
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from alerts.delivery.outcome import Outcome


class TransportDown(Exception):
    """No message can be handed over now: no connection, no login, no answer."""


class TransportBusy(TransportDown):
    """The other side asks to be left alone for `wait` seconds."""

    def __init__(self, reason: str, wait: float) -> None:
        super().__init__(reason)
        self.wait = wait


class LimitReached(TransportBusy):
    """A limit that was stated for the transport is used up for `wait` seconds; it is well."""


class Withheld(TransportDown):
    """Whoever makes the messages' content keeps them back: nothing is said of the transport."""


class Lane(enum.IntEnum):
    """How urgent a message is: the lower number goes first."""

    TRANSACTIONAL = 0
    ALERT = 1
    DIGEST = 2


class Outgoing(NamedTuple):
    """One message to hand over.

    `content` makes its bytes when its turn has come; it is told whether the way takes 8 bits
    (8BITMIME), and raises Withheld where nothing more is to go out. `newsletter` is whose limits
    it falls under, `via` the name of the transport that its newsletter chose, both empty where
    there is none; with `via_only` no other may carry it. `envelope_id` comes back in receipts.
    `dotless` promises that no line of the content starts with a dot: looking for one takes longer
    than handing the content over.
    """

    delivery_id: int
    sender: str
    recipient: str
    content: Callable[[bool], bytes]
    lane: Lane = Lane.DIGEST
    newsletter: str = ""
    via: str = ""
    envelope_id: str = ""
    via_only: bool = False
    dotless: bool = False


class Observer(Protocol):
    """Is told of each message, at once, so that a crash leaves as little in doubt as can be."""

    def started(self, delivery_id: int) -> None:
        """Note that the message's content is about to be handed over."""
        ...

    def ended(self, delivery_id: int, outcome: Outcome) -> None:
        """Note what came of it."""
        ...


class Transport(Protocol):
    """A way to send."""

    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        """Hand over each message and tell the observer; raise TransportDown when it cannot go on.

        Messages of which the observer was told nothing were not handed over. One of which the
        end is told without a start was decided before any of its content went out. May be called
        several times at once in one event loop.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
