"""Handing a group of messages over, and what kept some of it back.

Where the process is to end, a server that says nothing is not waited for. A message that is on the
wire is: nobody would know what became of it. One of which nothing has left, because the server
does not let us in or takes no envelope, may wait for whoever comes next.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta
from typing import NamedTuple

import structlog

from alerts.delivery.journal import Journal
from alerts.delivery.transports.base import (
    Outgoing,
    Transport,
    TransportBusy,
    TransportDown,
    Withheld,
)

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 1.0
_SERVER_AWAY = timedelta(minutes=1)


class Trouble(NamedTuple):
    """What kept a group from being handed over: how long to wait, why to give up, what was said."""

    wait: timedelta | None = None
    reason: str | None = None
    said: str = ""


async def hand_over(
    transport: Transport,
    messages: Iterable[Outgoing],
    journal: Journal,
    numbers: Collection[int],
    *,
    stopping: Callable[[], bool],
) -> Trouble | None:
    """Hand messages over, `numbers` are their deliveries'; return what kept the rest back, if any.

    Once the process is to end and none of them is on the wire, the rest is kept back.
    """
    try:
        await _deliver(transport, messages, journal, numbers, stopping=stopping)
    except Withheld as halt:
        # The batch is lost, paused, overtaken, or the worker ends.
        log.info("batch_halted", reason=str(halt))
        return Trouble()
    except TransportBusy as busy:
        log.info("transport_busy", reason=str(busy), seconds=busy.wait)
        return Trouble(timedelta(0, busy.wait), "gave up after a limit", str(busy))
    except TransportDown as down:
        log.warning("transport_down", reason=str(down))
        return Trouble(_SERVER_AWAY, "gave up after no connection", str(down))
    except Exception:  # a defect must not undo what is known of the rest of the group
        log.exception("sending_failed")
        return Trouble(_SERVER_AWAY, "gave up after a defect")
    return None


async def _deliver(
    transport: Transport,
    messages: Iterable[Outgoing],
    journal: Journal,
    numbers: Collection[int],
    *,
    stopping: Callable[[], bool],
) -> None:
    handing = asyncio.ensure_future(transport.deliver(messages, journal))
    try:
        while not (await asyncio.wait({handing}, timeout=_LOOK_SECONDS))[0]:
            if stopping() and not journal.has_on_the_wire(numbers):
                raise Withheld("the worker ends")
        await handing
    finally:
        if not handing.done():
            handing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await handing
