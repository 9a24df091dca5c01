"""Mails that arrive at the same moment are stored in one transaction.

A commit costs as much for one as for fifty; each is answered only when it is committed.
"""

import asyncio
from collections.abc import Callable, Sequence

from sqlalchemy.exc import InterfaceError, OperationalError

from alerts.inbound.storing import Arrival, Stored

_MOST_AT_ONCE = 100
_MOST_OCTETS_AT_ONCE = 64 * 1024 * 1024

_Waiting = tuple[Arrival, "asyncio.Future[Stored]"]


class Gathering:
    """Stores what arrives, together with whatever came while the transaction before was committed.

    Belongs to one event loop; `take_in` runs in a thread, one call at a time.
    """

    def __init__(self, take_in: Callable[[list[Arrival]], list[Stored]]) -> None:
        self._take_in = take_in
        self._waiting: list[_Waiting] = []
        self._work: asyncio.Task[None] | None = None

    async def store(self, arrival: Arrival) -> Stored:
        """Return when the mail is committed; raises what the database raised over it."""
        future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, future))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._store_all())
        return await future

    async def _store_all(self) -> None:
        while self._waiting:
            await self._store_some(self._next())

    def _next(self) -> list[_Waiting]:
        octets = count = 0
        for arrival, _ in self._waiting[:_MOST_AT_ONCE]:
            octets += len(arrival.raw)
            if count and octets > _MOST_OCTETS_AT_ONCE:
                break
            count += 1
        some, self._waiting = self._waiting[:count], self._waiting[count:]
        return some

    async def _store_some(self, some: Sequence[_Waiting]) -> None:
        try:
            stored = await asyncio.to_thread(self._take_in, [arrival for arrival, _ in some])
        except (OperationalError, InterfaceError) as error:
            # The database is away: for all of them.
            _answer(some, error)
        except Exception as error:  # noqa: BLE001 - each is told what came of it
            if len(some) == 1:
                _answer(some, error)
                return
            # One of them spoils it for the others: each by itself.
            for one in some:
                await self._store_some([one])
        else:
            for (_, future), result in zip(some, stored, strict=True):
                # Who brought it may have hung up meanwhile.
                if not future.done():
                    future.set_result(result)


def _answer(some: Sequence[_Waiting], error: Exception) -> None:
    for _, future in some:
        if not future.done():
            future.set_exception(error)
