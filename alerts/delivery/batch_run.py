"""One batch on its way: groups are claimed, handed over and recorded, always one ahead.

While a group is with the transport the next one is claimed, and the last one recorded, in one
short transaction on another thread: the connections never wait for the database, and no
transaction waits for a server.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.database import Database
from alerts.delivery import ledger
from alerts.delivery.assembly import CompiledMessage, Reader, address_of
from alerts.delivery.groups import Group, write_down, write_down_late
from alerts.delivery.handing_over import Trouble, hand_over
from alerts.delivery.journal import Journal
from alerts.delivery.leases import Lease, hold, release, renew, renewal_seconds, still_sending
from alerts.delivery.ledger import Claim, Claimed
from alerts.delivery.messages import IssueMessages
from alerts.delivery.outcome import Outcome
from alerts.delivery.pace import Pace
from alerts.delivery.return_paths import ReturnPaths
from alerts.delivery.rising import pause_if_rising
from alerts.delivery.transports.base import (
    Lane,
    Outgoing,
    Transport,
    Withheld,
)
from alerts.delivery.unsendable import Unsendable
from alerts.shared_clock import steady
from alerts.subscribers.links import SubscriberLinks

log = structlog.get_logger(__name__)

# Groups with the transport at a time: the second one fills the gaps that the first one leaves.
_GROUPS_UNDER_WAY = 2
_LOOK_SECONDS = 1.0
_DATABASE_AWAY_SECONDS = 2.0

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Means:
    """What sending takes; one per worker process.

    `stopping` tells that the process should end, `overtaken` that something more urgent than a
    lane waits: the batch is given back. `beside` is done each second beside the batches: single
    mails that somebody waits for. `return_paths` makes an envelope sender for each delivery;
    without it bounces go to the newsletter's sender.
    """

    database: Database
    clock: Clock
    links: SubscriberLinks
    transport: Transport
    stopping: Callable[[], bool] = lambda: False
    overtaken: Callable[[Lane], bool] = lambda _: False
    beside: Callable[[], Awaitable[object]] | None = None
    pace: Pace = field(default_factory=Pace)
    # When nothing was seen last that should stop an issue, by the monotonic clock.
    looked: dict[int, float] = field(default_factory=dict)
    return_paths: ReturnPaths | None = None


class BatchRun:
    """The work on one batch under a lease."""

    def __init__(
        self,
        means: Means,
        lease: Lease,
        messages: IssueMessages,
        journal: Journal,
        *,
        valid_until: float,
    ) -> None:
        self._means = means
        self.lease = lease
        self._messages = messages
        self.journal = journal
        # When others may take the batch, as far as we know; by the steady clock: one that is set
        # back would have us send on when they have taken it.
        self._valid_until = valid_until
        self._halt = ""
        self._last_end = asyncio.get_running_loop().time()
        # The deliveries that we know to be claimed by us and not recorded yet.
        self._held: set[int] = set()
        self._sender = address_of(messages.envelope.sender)
        self.trouble: Trouble | None = None
        self.yielded = False
        # Set once it claims nothing more: what is under way leaves connections without work.
        self.dry = asyncio.Event()
        self.failed = False
        # Why no messages can be made of the rest of the issue.
        self.unsendable: Unsendable | None = None

    async def run(self, first: Claim) -> bool:
        """Work until nothing is due, or something keeps the rest back; True when all is done.

        `first` is the group that was claimed together with the lease.
        """
        helpers = [
            asyncio.create_task(self._keep_lease()),
            asyncio.create_task(self._look_around()),
        ]
        try:
            ready = await asyncio.to_thread(self._compiled, first)
            self._held.update(delivery.delivery_id for delivery in ready.deliveries)
            return await self._work(ready)
        except BaseException:
            self.failed = True
            raise
        finally:
            self.dry.set()
            for helper in helpers:
                helper.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await helper

    async def _work(self, first: Claim) -> bool:
        under_way: deque[tuple[Group, asyncio.Task[None]]] = deque()
        try:
            return await self._work_through(first, under_way)
        except BaseException:
            # The journal is closed next: nothing more leaves, and what is on the wire is noted.
            self._halt = self._halt or "the work on the batch failed"
            await asyncio.gather(*(sending for _, sending in under_way), return_exceptions=True)
            raise

    async def _work_through(
        self, first: Claim, under_way: deque[tuple[Group, asyncio.Task[None]]]
    ) -> bool:
        ended: list[Group] = []
        claim = first
        while True:
            if claim.deliveries:
                group = Group(claim.deliveries)
                under_way.append((group, asyncio.create_task(self._deliver(group))))
            more = claim.more and self.undisturbed
            if not more:
                self.dry.set()
            if under_way and (not more or len(under_way) >= _GROUPS_UNDER_WAY):
                group, sending = under_way.popleft()
                await sending
                self.trouble = self.trouble or group.trouble
                ended.append(group)
                self._measure(group)
            if not under_way and not more:
                return await self._finish(ended)
            claim, ended = await self._turn(ended, claim=more), []

    @property
    def undisturbed(self) -> bool:
        """Whether nothing keeps the rest of the issue back, as far as is known."""
        return self.trouble is None and self.unsendable is None and not self._halting()

    def _halting(self) -> bool:
        if not self._halt and self._means.stopping():
            self._halt = "the worker ends"
        return bool(self._halt)

    def _measure(self, group: Group) -> None:
        now = asyncio.get_running_loop().time()
        self._means.pace.sent(len(group.claimed), now - self._last_end)
        self._last_end = now

    async def _turn(self, ended: Sequence[Group], *, claim: bool) -> Claim:
        """Record what ended and claim the next group."""
        if not ended and not claim:
            return Claim([], more=False)
        loop = asyncio.get_running_loop()
        began = loop.time()
        outcomes = self._outcomes(ended)
        claimed = await self._patiently(partial(self._transact, ended, outcomes, claim=claim))
        self._held.difference_update(d.delivery_id for group in ended for d in group.claimed)
        self._held.update(delivery.delivery_id for delivery in claimed.deliveries)
        self._means.pace.turned(loop.time() - began)
        return claimed

    def _outcomes(self, ended: Sequence[Group]) -> dict[int, Outcome]:
        return self.journal.take(d.delivery_id for group in ended for d in group.claimed)

    async def _finish(self, ended: Sequence[Group]) -> bool:
        """Record what is left and end the lease; True when the batch is done."""
        outcomes = self._outcomes(ended)
        return await self._patiently(partial(self._release, ended, outcomes))

    async def _patiently(self, step: "Callable[..., T]") -> T:
        """Run a step on the database, again and again while the database is away."""
        again = False
        while True:
            try:
                return await asyncio.to_thread(step, again=again)
            except (OperationalError, InterfaceError) as error:
                if self._means.stopping():
                    # The journal keeps what is not in the ledger, for whoever comes next.
                    raise
                log.warning("database_away", error=str(error.orig))
                again = True
                await asyncio.sleep(_DATABASE_AWAY_SECONDS)

    def _transact(
        self, ended: Sequence[Group], outcomes: Mapping[int, Outcome], *, claim: bool, again: bool
    ) -> Claim:
        now, valid_until = self._means.clock.now(), self._lease_from_now()
        with self._means.database.transaction() as session:
            going_on = renew(session, self.lease, now=now)
            # Paused or cancelled, the batch is still ours to write in; lost, it is not.
            held = going_on or hold(session, self.lease)
            self._settle(session, ended, outcomes, held=held, now=now, again=again)
            if not (claim and going_on):
                return Claim([], more=False)
            claimed = ledger.claim_deliveries(
                session,
                self.lease.batch_id,
                newsletter=self._messages.newsletter,
                limit=self._means.pace.group,
                now=now,
            )
        self._valid_until = valid_until
        return self._compiled(claimed)

    def _lease_from_now(self) -> float:
        return steady(self._means.clock) + self.lease.span.total_seconds()

    def _compiled(self, claim: Claim) -> Claim:
        """Compile what a group needs; where that cannot be, give it back and claim no more."""
        try:
            self._messages.compile(self._means.database, claim.editions)
        except Unsendable as error:
            with self._means.database.transaction() as session:
                if hold(session, self.lease):
                    ledger.give_back(session, [each.delivery_id for each in claim.deliveries])
            self.unsendable = error
            return Claim([], more=False)
        return claim

    def _release(
        self, ended: Sequence[Group], outcomes: Mapping[int, Outcome], *, again: bool
    ) -> bool:
        now = self._means.clock.now()
        later = self.trouble.wait if self.trouble else None
        with self._means.database.transaction() as session:
            held = hold(session, self.lease)
            self._settle(session, ended, outcomes, held=held, now=now, again=again)
            return held and release(session, self.lease, now=now, later=later)

    def _settle(
        self,
        session: Session,
        ended: Sequence[Group],
        outcomes: Mapping[int, Outcome],
        *,
        held: bool,
        now: datetime,
        again: bool,
    ) -> None:
        if again and held:
            # A commit that was not confirmed may have written all this down, and claimed a group
            # that we never got.
            sending = ledger.give_back_strays(session, self.lease.batch_id, known=self._held)
            ended = [each.among(sending) for each in ended]
        for group in ended:
            if held:
                write_down(session, self.lease, self._messages, group, outcomes, now=now)
            else:
                write_down_late(session, self.lease, group, outcomes, now=now)

    async def _deliver(self, group: Group) -> None:
        """Hand over a group; note what kept the rest of it back, if anything."""
        group.trouble = await hand_over(
            self._means.transport,
            self._outgoing(group.claimed),
            self.journal,
            [each.delivery_id for each in group.claimed],
            stopping=self._means.stopping,
        )

    def _outgoing(self, claimed: Iterable[Claimed]) -> Iterator[Outgoing]:
        messages, return_paths = self._messages, self._means.return_paths
        for delivery in claimed:
            number = delivery.delivery_id
            compiled = messages.compiled(delivery.edition_id)
            message_id = messages.message_id(number)
            yield Outgoing(
                number,
                return_paths.address(number) if return_paths else self._sender,
                delivery.email,
                partial(self._content, delivery, compiled, message_id),
                lane=messages.lane,
                newsletter=messages.newsletter,
                via=messages.via,
                via_only=messages.via_only,
                envelope_id=message_id,
                dotless=True,
            )

    def _content(
        self,
        delivery: Claimed,
        compiled: CompiledMessage,
        message_id: str,
        eight_bit: bool,
    ) -> bytes:
        """Return a message's bytes; raises Withheld when nothing more may be handed over."""
        if self._halt:
            raise Withheld(self._halt)
        if steady(self._means.clock) > self._valid_until:
            raise Withheld(f"the lease of batch {self.lease.batch_id} is over")
        links, messages = self._means.links, self._messages
        return compiled.fill(
            Reader(
                name=delivery.name,
                email=delivery.email,
                message_id=message_id,
                unsubscribe_url=links.unsubscribe_url(
                    delivery.public_id,
                    newsletter=messages.newsletter,
                    issue_id=messages.issue_id,
                ),
                preferences_url=links.preferences_url(delivery.public_id),
            ),
            eight_bit=eight_bit,
        )

    async def _look_around(self) -> None:
        """Notice within a second what should stop us: see `_why_stop`."""
        looked, issue_id = self._means.looked, self.lease.issue_id
        # What the batch before saw holds for the rest of its second: a batch may last less.
        rest = looked.get(issue_id, float("-inf")) + _LOOK_SECONDS - time.monotonic()
        await asyncio.sleep(max(0.0, rest))
        while not self._halting():
            began = time.monotonic()
            try:
                self._halt = await asyncio.to_thread(self._why_stop)
            except (OperationalError, InterfaceError) as error:
                log.warning("database_away", error=str(error.orig))
            looked.clear()
            if not self._halt:
                looked[issue_id] = began
            await asyncio.sleep(_LOOK_SECONDS)

    def _why_stop(self) -> str:
        pause_if_rising(self._means.database, self.lease.issue_id, clock=self._means.clock)
        with self._means.database.read() as session:
            if not still_sending(session, self.lease):
                return "the batch is no longer ours to send"
        if self._means.overtaken(self._messages.lane):
            self.yielded = True
            return "something more urgent waits"
        return ""

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(renewal_seconds(self.lease.span))
            now, valid_until = self._means.clock.now(), self._lease_from_now()
            try:
                renewed = await asyncio.to_thread(self._renew, now)
            except (OperationalError, InterfaceError) as error:
                # Nothing is sent beyond the lease's end; until then the database may come back.
                log.warning("lease_not_renewed", error=str(error.orig))
                continue
            if renewed:
                self._valid_until = valid_until

    def _renew(self, now: datetime) -> bool:
        with self._means.database.transaction() as session:
            return renew(session, self.lease, now=now)
