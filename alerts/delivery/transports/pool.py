"""Several ways to send: the next one takes over what a sick one left."""

from collections.abc import Iterable, Sequence

import structlog
from typing_extensions import override

from alerts.delivery.outcome import Outcome
from alerts.delivery.transports.base import Observer, Outgoing, Transport, TransportDown

log = structlog.get_logger(__name__)


class FailoverTransport(Transport):
    """Uses the first transport that works, in the order they were configured."""

    def __init__(self, transports: Sequence[Transport]) -> None:
        self._transports = list(transports)

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        left = list(messages)
        for number, transport in enumerate(self._transports, start=1):
            watch = _Watch(observer)
            try:
                await transport.deliver(left, watch)
            except TransportDown:
                left = [message for message in left if message.delivery_id not in watch.seen]
                log.warning("transport_down", number=number, left=len(left))
                if number == len(self._transports):
                    raise
            else:
                return

    @override
    async def close(self) -> None:
        for transport in self._transports:
            await transport.close()


class _Watch(Observer):
    """Passes on what it is told, and remembers which messages it was told of."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.seen: set[int] = set()

    @override
    def started(self, delivery_id: int) -> None:
        self.seen.add(delivery_id)
        self._observer.started(delivery_id)

    @override
    def ended(self, delivery_id: int, outcome: Outcome) -> None:
        self.seen.add(delivery_id)
        self._observer.ended(delivery_id, outcome)
