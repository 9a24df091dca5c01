"""Working off one batch: claim, commit, send, record.

No transaction is open while the transport speaks to a server, and nothing is sent that was not
claimed in a committed row before.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.database import Database
from alerts.delivery import ledger
from alerts.delivery.assembly import CompiledMessage, Reader, address_of
from alerts.delivery.dkim import DkimSigner
from alerts.delivery.journal import Journal, journal_path, read_journal
from alerts.delivery.leases import LEASE, Lease, claim_batch, hold, release, renew
from alerts.delivery.ledger import Claimed
from alerts.delivery.messages import IssueMessages
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.base import Outgoing, Transport, TransportDown
from alerts.subscribers.links import SubscriberLinks

log = structlog.get_logger(__name__)

# Deliveries claimed at once, and written back at once.
_GROUP = 250
# How often a lease is lengthened before it would end: a renewal that comes late loses nothing.
_RENEWALS = 4
_SERVER_AWAY = timedelta(minutes=1)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class LeaseLost(TransportDown):
    """Another worker may be at this batch, or its issue is paused: nothing more is handed over."""


class BatchResult(Enum):
    """How the work on a batch ended."""

    NOT_OURS = "not ours"
    DONE = "done"
    LATER = "later"


@dataclass(frozen=True)
class Sender:
    """Works off batches; one per worker process.

    `stopping` tells between two groups that the process should end: the batch is given back.
    `lease` is how long a batch stays with a worker that gives no sign of life.
    """

    database: Database
    clock: Clock
    links: SubscriberLinks
    transport: Transport
    spool: Path
    sender: str
    signer: DkimSigner | None = None
    stopping: Callable[[], bool] = lambda: False
    lease: timedelta = LEASE

    def work_off(self, batch_id: int) -> BatchResult:
        """Send what is due in a batch; safe to call twice, and at the same time, for one batch."""
        with self.database.transaction() as session:
            now = self.clock.now()
            lease = claim_batch(session, batch_id, now=now, span=self.lease)
            if lease is None:
                return BatchResult.NOT_OURS
            messages = IssueMessages.load(
                session, lease.issue_id, sender=self.sender, signer=self.signer
            )
            if lease.taken_over:
                # In the transaction that takes the lease over, or else a second crash would leave
                # doubts of which the journal is older than the lease before ours.
                self._settle_doubts(session, lease, messages, now)
        self._journal_before(lease).unlink(missing_ok=True)
        with structlog.contextvars.bound_contextvars(issue=lease.issue_id, batch=batch_id):
            work = _Work(lease, messages, valid_until=now + self.lease)
            return asyncio.run(self._send_groups(work))

    def _settle_doubts(
        self, session: Session, lease: Lease, messages: IssueMessages, now: datetime
    ) -> None:
        """Decide what became of the deliveries that the worker before us had claimed."""
        noted = read_journal(self._journal_before(lease))
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
        log.warning(
            "batch_taken_over",
            batch=lease.batch_id,
            doubtful=len(doubtful),
            untouched=len(untouched),
        )

    def _journal_before(self, lease: Lease) -> Path:
        return journal_path(self.spool, lease.batch_id, lease.fence - 1)

    async def _send_groups(self, work: "_Work") -> BatchResult:
        journal = Journal(journal_path(self.spool, work.lease.batch_id, work.lease.fence))
        renewing = asyncio.create_task(self._keep_lease(work))
        trouble: _Trouble | None = None
        try:
            while trouble is None and not self.stopping():
                claimed = self._claim_group(work)
                if not claimed:
                    break
                trouble = await self._deliver(claimed, journal, work)
                self._record(claimed, journal, work, trouble)
        except BaseException:
            journal.close()
            raise
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing
        later = trouble.wait if trouble else None
        with self.database.transaction() as session:
            done = release(session, work.lease, now=self.clock.now(), later=later)
        journal.finish()
        return BatchResult.DONE if done else BatchResult.LATER

    def _claim_group(self, work: "_Work") -> list[Claimed]:
        now = self.clock.now()
        with self.database.transaction() as session:
            if not renew(session, work.lease, now=now):
                # Lost, or the issue was paused or cancelled: all that went out is recorded.
                return []
            work.valid_until = now + self.lease
            return ledger.claim_deliveries(
                session,
                work.lease.batch_id,
                newsletter=work.messages.newsletter,
                limit=_GROUP,
                now=now,
            )

    async def _deliver(
        self, claimed: Iterable[Claimed], journal: Journal, work: "_Work"
    ) -> "_Trouble | None":
        """Hand over a group; return what kept the rest of it back, if anything."""
        try:
            await self.transport.deliver(self._outgoing(claimed, work), journal)
        except LeaseLost:
            log.warning("lease_lost")
            return _Trouble(None, None)
        except TransportDown as down:
            log.warning("transport_down", reason=str(down))
            return _Trouble(_SERVER_AWAY, "gave up after no connection")
        except Exception:  # a defect must not undo what is known of the rest of the group
            log.exception("sending_failed")
            return _Trouble(_SERVER_AWAY, "gave up after a defect")
        return None

    def _outgoing(self, claimed: Iterable[Claimed], work: "_Work") -> Iterator[Outgoing]:
        sender = address_of(work.messages.envelope.sender)
        for delivery in claimed:
            compiled = work.messages.compiled(self.database, delivery.edition_id)
            content = partial(self._content, delivery, compiled, work)
            yield Outgoing(delivery.delivery_id, sender, delivery.email, content)

    def _content(
        self,
        delivery: Claimed,
        compiled: CompiledMessage,
        work: "_Work",
        eight_bit: bool,
    ) -> bytes:
        """Return a message's bytes; raises LeaseLost when others may be at the batch by now."""
        if self.clock.now() > work.valid_until:
            raise LeaseLost(f"the lease of batch {work.lease.batch_id} is over")
        messages = work.messages
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
            ),
            eight_bit=eight_bit,
        )

    def _record(
        self,
        claimed: list[Claimed],
        journal: Journal,
        work: "_Work",
        trouble: "_Trouble | None",
    ) -> None:
        now = self.clock.now()
        messages = work.messages
        outcomes = journal.take() | journal.take_unended()
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
            if not hold(session, work.lease):
                taken = [n for n, outcome in outcomes.items() if outcome.fate is Fate.ACCEPTED]
                ledger.record_accepted(session, taken, now=now)
                return
            ledger.record(session, verdicts, now=now)
            if trouble and trouble.reason and now > messages.give_up_at:
                ledger.expire(session, left, reason=trouble.reason)
            else:
                ledger.give_back(session, left)

    async def _keep_lease(self, work: "_Work") -> None:
        while True:
            await asyncio.sleep(self.lease.total_seconds() / _RENEWALS)
            now = self.clock.now()
            try:
                renewed = await asyncio.to_thread(self._renew, work.lease, now)
            except OperationalError as error:
                # Nothing is sent beyond the lease's end; until then the database may come back.
                log.warning("lease_not_renewed", error=str(error))
                continue
            if not renewed:
                # Lost, paused or cancelled: what was not begun stays where it is.
                work.valid_until = _LONG_AGO
                return
            work.valid_until = now + self.lease

    def _renew(self, lease: Lease, now: datetime) -> bool:
        with self.database.transaction() as session:
            return renew(session, lease, now=now)


@dataclass
class _Work:
    """A batch under our lease; `valid_until` is when others may take it, as far as we know."""

    lease: Lease
    messages: IssueMessages
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What kept a group from being handed over: how long to wait, and why to give up some day."""

    wait: timedelta | None
    reason: str | None
