"""Handing messages to one SMTP server: a queue, the connections that work it off, their number."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Iterator

import structlog
from typing_extensions import override

from alerts.delivery.outcome import Fate, Outcome, asks_for_less, is_about_us
from alerts.delivery.strangers import Stranger, is_by_policy, stranger
from alerts.delivery.transports.base import Lane, Observer, Outgoing, Transport, TransportDown
from alerts.delivery.transports.smtp.dialogue import Dialogue
from alerts.delivery.transports.smtp.handover import (
    Desk,
    Group,
    Handover,
    held_back,
    refuses_us,
)
from alerts.delivery.transports.smtp.server import ConnectFailed, SmtpServer, open_connection
from alerts.delivery.transports.smtp.width import Width

log = structlog.get_logger(__name__)

# Messages over one connection before a new one; a server that wants fewer says 421 or hangs up.
_MESSAGES_PER_CONNECTION = 1_000
# Connections without work are let go: others want them, and servers do it anyway.
_IDLE_SECONDS = 5.0
_TICK_SECONDS = 0.5
_GOODBYE_SECONDS = 2.0
# For so long a server that breaks the rules of pipelining is spoken to step by step.
_IN_STEP_SECONDS = 3_600.0
# So many connections in a row that ended before they had handed anything over: it is down.
_MOST_FRUITLESS = 3
# So many readers in a row refused, as the server says, for our sake: the others stay untouched. Of
# one domain only they may be refused for that domain's sake, whatever it says.
_MOST_TURNED_AWAY, _SEVERAL_DOMAINS = 8, 3
# A server that took nothing for so long, and refuses by policy, perhaps means us: its refusals then
# end no delivery. It means the readers once there were so many, and of no more than two domains.
_PROVEN_SECONDS, _MOST_SUSPECTED = 600.0, 30


class SmtpTransport(Transport):
    """Hands messages to one SMTP server; its connections stay open between calls."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._line: _Line | None = None

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        loop = asyncio.get_running_loop()
        if self._line is None or self._line.loop is not loop:
            # What belonged to a loop that is closed is gone with it.
            self._line = _Line(self._server, loop)
        await self._line.deliver(messages, observer)

    @override
    async def close(self) -> None:
        if self._line is not None and self._line.loop is asyncio.get_running_loop():
            await self._line.close()
            self._line = None


class _Batch(Group):
    """The messages of one call of `deliver`."""

    def __init__(
        self, messages: Iterable[Outgoing], observer: Observer, done: asyncio.Future[None]
    ) -> None:
        self._left: Iterator[Outgoing] = iter(messages)
        self._back: deque[Handover] = deque()
        self._observer = observer
        self._under_way = 0
        self._next: Handover | None
        self._error: Exception | None = None
        self._called_off = False
        self.done = done
        self._pull()
        first = self._next
        self.lane = Lane.DIGEST if first is None else first.message.lane

    @property
    def waiting(self) -> bool:
        """Whether a message of it could be taken."""
        return self._next is not None

    def take(self) -> Handover | None:
        """Return the next message."""
        handover = self._next
        if handover is not None:
            self._under_way += 1
            self._pull()
        return handover

    def stop(self, error: Exception) -> None:
        """Hand over no more; what is under way ends first."""
        if self._error is None:
            self._error = error
        self._next = None
        self._back.clear()
        self._left = iter(())
        self.settle()

    def call_off(self) -> None:
        """Keep back all of which no content is out: nobody waits for it any more."""
        self._called_off = True
        self.done.cancel()
        self.stop(TransportDown("called off"))

    def settle(self) -> None:
        """End the call when nothing is under way and nothing is left."""
        if self._under_way or self._next is not None or self.done.done():
            return
        if self._error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(self._error)

    @override
    def started(self, handover: Handover) -> None:
        if self._called_off:
            raise TransportDown("called off")
        self._observer.started(handover.message.delivery_id)

    @override
    def ended(self, handover: Handover, outcome: Outcome) -> None:
        self._under_way -= 1
        try:
            self._observer.ended(handover.message.delivery_id, outcome)
        except Exception as error:  # noqa: BLE001 - goes to the one who called
            self.stop(error)
        self.settle()

    @override
    def returned(self, handover: Handover) -> None:
        self._under_way -= 1
        handover.content = b""
        if self._error is None:
            self._back.append(handover)
            if self._next is None:
                self._pull()
        self.settle()

    @override
    def failed(self, handover: Handover, error: Exception) -> None:
        self._under_way -= 1
        handover.content = b""
        self.stop(error)

    def _pull(self) -> None:
        self._next = None
        if self._back:
            self._next = self._back.popleft()
            return
        try:
            message = next(self._left, None)
        except Exception as error:  # noqa: BLE001 - goes to the one who called
            self._error = self._error or error
            self._left = iter(())
            return
        if message is not None:
            self._next = Handover(message, self)


class _Line(Desk):
    """All that belongs to one event loop: the queue and the connections."""

    def __init__(self, server: SmtpServer, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._server = server
        self._width = Width(server.connections)
        self._batches: list[_Batch] = []
        self._open: set[Dialogue] = set()
        self._idle: set[Dialogue] = set()
        self._opening: set[asyncio.Task[None] | None] = set()
        self._all_gone = asyncio.Event()
        self._fruitless = 0
        # The domains of readers who were refused in a row for our sake.
        self._turned_away: list[str] = []
        # When it last took a message; how many it refused since for what may be our sake.
        self._accepted_at, self._suspected = float("-inf"), 0
        self._in_step_until = float("inf") if server.in_step else 0.0
        self._watch: asyncio.Task[None] | None = None

    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        """Hand messages over; see Transport."""
        batch = _Batch(messages, observer, self.loop.create_future())
        self._batches.append(batch)
        self._batches.sort(key=lambda each: each.lane)
        if self._watch is None:
            self._watch = self.loop.create_task(self._keep_watch())
        batch.settle()
        try:
            self._set_going()
            await asyncio.shield(batch.done)
        finally:
            self._batches.remove(batch)
            if not batch.done.done():
                # The caller was cancelled; what is on the wire may still be noted.
                batch.call_off()

    async def close(self) -> None:
        """Say good-bye on every connection; whoever still delivers is told that it is over."""
        self._give_up(TransportDown("the transport was closed"))
        tasks = [task for task in (*self._opening, self._watch) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for dialogue in list(self._open):
            dialogue.leave()
        await self._all_to_go()
        for dialogue in list(self._open):
            dialogue.abort("closed")
        await self._all_to_go()

    async def _all_to_go(self) -> None:
        self._all_gone.clear()
        if self._open:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), _GOODBYE_SECONDS)

    # What a dialogue asks and tells.

    @override
    def take(self, dialogue: Dialogue) -> Handover | None:
        worn = dialogue.handed >= _MESSAGES_PER_CONNECTION
        if worn or (len(self._open) > self._width.allowed and self._too_many()):
            dialogue.leaving = True
            return None
        for batch in self._batches:
            if (handover := batch.take()) is not None:
                self._idle.discard(dialogue)
                return handover
        self._idle.add(dialogue)
        return None

    @override
    def answered(self, dialogue: Dialogue, handover: Handover, outcome: Outcome) -> None:
        meant = self._meant(outcome)
        told = outcome if meant is None else held_back(self._server, outcome)
        handover.group.ended(handover, told)
        if not outcome.code:
            # The server said nothing.
            return
        self._fruitless = 0
        about_us = meant is not None
        if not about_us and asks_for_less(outcome):
            self._width.pushed_back(self.loop.time(), len(self._open))
            about_us = is_about_us(outcome)
        if meant is Stranger.SURELY:
            self._give_up(refuses_us(self._server, outcome, what="mail"))
        elif about_us:
            self._turned_away.append(handover.message.recipient.rpartition("@")[2])
            self._look_who_is_turned_away(outcome)
        elif self._turned_away:
            self._turned_away.clear()
        hungry = not self._idle and self._waits()
        before = self._width.allowed
        self._width.answered(self.loop.time(), hungry=hungry)
        if self._width.allowed > before:
            self._set_going()

    def _meant(self, outcome: Outcome) -> Stranger | None:
        """Return whether a refusal is about us; a policy that met everybody so far perhaps is."""
        if outcome.fate is Fate.ACCEPTED:
            self._accepted_at, self._suspected = self.loop.time(), 0
            return None
        meant = stranger(outcome)
        unproven = self.loop.time() - self._accepted_at > _PROVEN_SECONDS
        suspects = unproven and self._suspected < _MOST_SUSPECTED
        if meant is None and suspects and is_by_policy(outcome):
            self._suspected += 1
            return Stranger.PERHAPS
        return meant

    @override
    def pushed_back(self, reason: str) -> None:
        self._width.pushed_back(self.loop.time(), len(self._open))
        log.info("smtp_pushed_back", server=self._server.name, reason=reason)

    @override
    def out_of_step(self, reason: str) -> None:
        if not self._in_step:
            log.warning("smtp_breaks_pipelining", server=self._server.name, reason=reason)
            self._in_step_until = self.loop.time() + _IN_STEP_SECONDS

    @override
    def closed(self, dialogue: Dialogue, reason: str) -> None:
        self._open.discard(dialogue)
        self._idle.discard(dialogue)
        if not self._open:
            self._all_gone.set()
        others_serve = any(each.handed or each.holds for each in self._open)
        if reason and not dialogue.handed:
            self._fruitless += 1
            if others_serve:
                self._width.refused(self.loop.time(), len(self._open))
        if self._fruitless >= _MOST_FRUITLESS and not others_serve:
            self._give_up(TransportDown(f"{self._server.name}: {reason}"))
        else:
            self._set_going()

    # Opening and watching.

    def _set_going(self) -> None:
        """Give work to connections that have none, and open what is missing."""
        for dialogue in list(self._idle):
            if not self._waits():
                return
            self._idle.discard(dialogue)
            dialogue.wake()
        # As many as there are already, at most: a single message needs no more than one.
        allowed = min(self._width.allowed, max(1, 2 * len(self._open)))
        missing = allowed - len(self._open) - len(self._opening)
        if missing > 0 and self._waits():
            for _ in range(missing):
                self._opening.add(self.loop.create_task(self._open_one()))

    def _waits(self) -> bool:
        """Whether any message could be taken."""
        # Asked after each message: a generator would cost more than the look.
        for batch in self._batches:  # noqa: SIM110 - as above
            if batch.waiting:
                return True
        return False

    async def _open_one(self) -> None:
        this = asyncio.current_task()
        try:
            transport, offers = await open_connection(self._server)
        except ConnectFailed as error:
            self._opening.discard(this)
            self._not_let_in(error)
            return
        except Exception as error:  # a defect must not leave everybody waiting
            self._opening.discard(this)
            log.exception("smtp_connect_defect", server=self._server.name)
            self._not_let_in(ConnectFailed(f"{self._server.name}: {type(error).__name__}"))
            return
        self._opening.discard(this)
        dialogue = Dialogue(transport, self._server, offers, self, in_step=self._in_step)
        transport.set_protocol(dialogue)
        self._open.add(dialogue)
        if transport.is_closing():
            dialogue.connection_lost(None)
        else:
            dialogue.wake()
            self._set_going()

    @property
    def _in_step(self) -> bool:
        return self.loop.time() < self._in_step_until

    def _too_many(self) -> bool:
        """Whether more connections stay open than are allowed."""
        return sum(not each.leaving for each in self._open) > self._width.allowed

    def _not_let_in(self, error: ConnectFailed) -> None:
        log.warning("smtp_connect_failed", server=self._server.name, reason=str(error))
        if self._open:
            self._width.refused(self.loop.time(), len(self._open))
        elif not self._opening:
            self._give_up(TransportDown(str(error)))

    def _look_who_is_turned_away(self, outcome: Outcome) -> None:
        """Stop where the server will not have us: else it would refuse one reader after another."""
        several = len(set(self._turned_away)) >= _SEVERAL_DOMAINS
        if several and len(self._turned_away) >= _MOST_TURNED_AWAY:
            self._turned_away.clear()
            self._suspected = 0
            self._give_up(refuses_us(self._server, outcome, what="mail"))

    def _give_up(self, down: TransportDown) -> None:
        self._fruitless = 0
        for batch in list(self._batches):
            batch.stop(down)

    async def _keep_watch(self) -> None:
        shortest = min(self._server.command_seconds, self._server.end_seconds)
        while True:
            await asyncio.sleep(min(_TICK_SECONDS, shortest / 4))
            now = self.loop.time()
            for dialogue in list(self._open):
                if now > dialogue.deadline:
                    dialogue.expire()
                elif dialogue in self._idle and dialogue.idle_for(now) > _IDLE_SECONDS:
                    self._idle.discard(dialogue)
                    dialogue.leave()
