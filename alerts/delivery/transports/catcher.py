"""The way into the built-in mail catcher: nothing leaves the machine."""

from collections.abc import Iterable, Iterator
from itertools import islice

from typing_extensions import override

from alerts.delivery.catcher import CatcherStore
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.base import Observer, Outgoing, Transport

# Mails kept in one transaction: each costs a wait for the disk.
_GROUP = 50
_CAUGHT = Outcome(Fate.ACCEPTED, 250, "2.0.0 caught")


class CatcherTransport(Transport):
    """Puts messages into the catcher's mailbox."""

    def __init__(self, store: CatcherStore) -> None:
        self._store = store

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        waiting: Iterator[Outgoing] = iter(messages)
        while group := list(islice(waiting, _GROUP)):
            mails = [
                (message.sender, message.recipient, message.content(False)) for message in group
            ]
            for message in group:
                observer.started(message.delivery_id)
            self._store.add(mails)
            for message in group:
                observer.ended(message.delivery_id, _CAUGHT)

    @override
    async def close(self) -> None:
        self._store.close()
