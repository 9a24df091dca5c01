"""Working off one batch: claim, commit, send, record.

No transaction is open while the transport speaks to a server, and nothing is sent that was not
claimed in a committed row before.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from pathlib import Path

import structlog

from alerts.clock import Clock
from alerts.database import Database
from alerts.delivery import ledger
from alerts.delivery.assembly import CompiledMessage, Reader, address_of
from alerts.delivery.journal import Journal, journal_path, read_journal
from alerts.delivery.ledger import Claimed, Lease
from alerts.delivery.messages import IssueMessages
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.base import Outgoing, Transport, TransportDown
from alerts.subscribers.links import SubscriberLinks

log = structlog.get_logger(__name__)

# Deliveries claimed at once, and written back at once.
_GROUP = 250
_SERVER_AWAY = timedelta(minutes=1)


class BatchResult(Enum):
    """How the work on a batch ended."""

    NOT_OURS = "not ours"
    DONE = "done"
    LATER = "later"


@dataclass(frozen=True)
class Sender:
    """Works off batches; one per worker process.

    `stopping` tells between two groups that the process should end: the batch is given back.
    """

    database: Database
    clock: Clock
    links: SubscriberLinks
    transport: Transport
    spool: Path
    sender: str
    stopping: Callable[[], bool] = lambda: False
    lease: timedelta = ledger.LEASE

    def work_off(self, batch_id: int) -> BatchResult:
        """Send what is due in a batch; safe to call twice, and at the same time, for one batch."""
        with self.database.transaction() as session:
            lease = ledger.claim_batch(session, batch_id, now=self.clock.now(), span=self.lease)
        if lease is None:
            return BatchResult.NOT_OURS
        with structlog.contextvars.bound_contextvars(issue=lease.issue_id, batch=batch_id):
            with self.database.read() as session:
                messages = IssueMessages.load(session, lease.issue_id, sender=self.sender)
            if lease.taken_over:
                self._settle_doubts(lease, messages)
            return asyncio.run(self._send_groups(lease, messages))

    def _settle_doubts(self, lease: Lease, messages: IssueMessages) -> None:
        """Decide what became of the deliveries that the worker before us had claimed."""
        now = self.clock.now()
        path = journal_path(self.spool, lease.batch_id, lease.fence - 1)
        noted = read_journal(path)
        with self.database.transaction() as session:
            doubtful = ledger.in_doubt(session, lease.batch_id)
            unknown = Outcome(Fate.UNKNOWN, 0, "the worker's machine is gone")
            known = {number: unknown for number, _ in doubtful} if noted is None else noted
            untouched = [number for number, _ in doubtful if number not in known]
            ledger.give_back(session, untouched)
            verdicts = [
                (number, messages.judge(known[number], attempts=attempts, now=now), known[number])
                for number, attempts in doubtful
                if number in known
            ]
            ledger.record(session, ((n, v, o.answer) for n, v, o in verdicts), now=now)
        path.unlink(missing_ok=True)
        log.warning("batch_taken_over", doubtful=len(doubtful), untouched=len(untouched))

    async def _send_groups(self, lease: Lease, messages: IssueMessages) -> BatchResult:
        journal = Journal(journal_path(self.spool, lease.batch_id, lease.fence))
        renewing = asyncio.create_task(self._keep_lease(lease))
        later: timedelta | None = None
        try:
            while not self.stopping():
                claimed = self._claim_group(lease, messages)
                if not claimed:
                    break
                try:
                    await self.transport.deliver(self._outgoing(claimed, messages), journal)
                except TransportDown as down:
                    log.warning("transport_down", reason=str(down))
                    later = _SERVER_AWAY
                self._record(claimed, journal, messages, down=later is not None)
                if later is not None:
                    break
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing
        with self.database.transaction() as session:
            done = ledger.release(session, lease, now=self.clock.now(), later=later)
        journal.finish()
        return BatchResult.DONE if done else BatchResult.LATER

    def _claim_group(self, lease: Lease, messages: IssueMessages) -> list[Claimed]:
        now = self.clock.now()
        with self.database.transaction() as session:
            if not ledger.renew(session, lease, now=now):
                # Lost, or the issue was paused or cancelled: all that went out is recorded.
                return []
            return ledger.claim_deliveries(
                session, lease, newsletter=messages.newsletter, limit=_GROUP, now=now
            )

    def _outgoing(self, claimed: Iterable[Claimed], messages: IssueMessages) -> Iterator[Outgoing]:
        sender = address_of(messages.envelope.sender)
        for delivery in claimed:
            compiled = messages.compiled(self.database, delivery.edition_id)
            content = partial(self._content, delivery, compiled, messages)
            yield Outgoing(delivery.delivery_id, sender, delivery.email, content)

    def _content(
        self, delivery: Claimed, compiled: CompiledMessage, messages: IssueMessages
    ) -> bytes:
        return compiled.fill(
            Reader(
                name=delivery.name,
                email=delivery.email,
                message_id=messages.message_id(delivery.delivery_id),
                unsubscribe_url=self.links.unsubscribe_url(
                    delivery.public_id,
                    newsletter=messages.newsletter,
                    issue_id=messages.issue_id,
                ),
                preferences_url=self.links.preferences_url(delivery.public_id),
            )
        )

    def _record(
        self, claimed: list[Claimed], journal: Journal, messages: IssueMessages, *, down: bool
    ) -> None:
        now = self.clock.now()
        outcomes = journal.take()
        verdicts = [
            (
                delivery.delivery_id,
                messages.judge(outcomes[delivery.delivery_id], attempts=delivery.attempts, now=now),
                outcomes[delivery.delivery_id].answer,
            )
            for delivery in claimed
            if delivery.delivery_id in outcomes
        ]
        left = [d.delivery_id for d in claimed if d.delivery_id not in outcomes]
        with self.database.transaction() as session:
            ledger.record(session, verdicts, now=now)
            if down and now > messages.give_up_at:
                ledger.expire(session, left)
            else:
                ledger.give_back(session, left)

    async def _keep_lease(self, lease: Lease) -> None:
        while True:
            # Three times in a span: one renewal that comes late loses nothing.
            await asyncio.sleep(lease.span.total_seconds() / 4)
            await asyncio.to_thread(self._renew, lease, self.clock.now())

    def _renew(self, lease: Lease, now: datetime) -> None:
        with self.database.transaction() as session:
            ledger.renew(session, lease, now=now)
